"""What torch can do with a loss: tried, feature by feature, when asked for."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ownloss.checker.budget import Budget
from ownloss.checker.containers import with_tensors
from ownloss.checker.copies import cast
from ownloss.checker.errors import first_line
from ownloss.checker.keeping import everything_kept
from ownloss.checker.numeric import slope
from ownloss.checker.observation import Observation
from ownloss.checker.randomness import seed_everything
from ownloss.checker.runs import Run
from ownloss.checker.wording import apart


@dataclass(frozen=True)
class Support:
    """Whether one feature of torch works with a loss.

    Attributes:
        works: whether it runs and gives the right result.
        error: what was raised, in one line; empty if nothing was.
        wrong: how the result is wrong, where nothing was raised; else empty.
    """

    works: bool
    error: str = ""
    wrong: str = ""

    def __bool__(self) -> bool:
        return self.works

    def __str__(self) -> str:
        if self.works:
            return "yes"
        return f"silently wrong: {self.wrong}" if self.wrong else f"no: {self.error}"


class Supports(Mapping[str, Support]):
    """A mapping from features to `Support`; each is tried when it is looked up.

    >>> import torch
    >>> from ownloss.checker import check
    >>> def mse(prediction, target):
    ...     return (prediction - target).square().mean()
    >>> prediction = torch.tensor([1.0, 3.0], requires_grad=True)
    >>> str(check(mse, prediction, torch.zeros(2)).supports["vmap"])
    'yes'
    """

    def __init__(
        self, loss: Callable[..., Any], begin: Callable[..., Observation] | None
    ) -> None:
        self._loss = loss
        self._begin = begin
        self._tried: dict[str, Support] = {}

    @classmethod
    def of(cls, seen: Observation) -> "Supports":
        """The features of a loss at the values that its inputs have now."""
        args, kwargs = seen.inputs_again()
        begin = partial(Observation, seen.loss, args, kwargs, seed=seen.seed)
        return cls(seen.loss, begin)

    @cached_property
    def _seen(self) -> Observation:
        if self._begin is None:
            raise RuntimeError("the loss was left behind when the report was pickled")
        return self._begin(budget=Budget(math.inf))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the loss behind: what was tried stays known."""
        return {"_loss": None, "_begin": None, "_tried": self._tried}

    def __getitem__(self, feature: str) -> Support:
        if feature not in _TRIALS:
            raise KeyError(f"{feature!r}; expected one of {', '.join(_TRIALS)}")
        if feature not in self._tried and self._begin is None:
            raise RuntimeError(
                "this report was pickled, without its loss; check the loss again to "
                "try more"
            )
        if feature not in self._tried:
            self._tried[feature] = self._try(_TRIALS[feature])
        return self._tried[feature]

    def __iter__(self) -> Iterator[str]:
        return iter(_TRIALS)

    def __len__(self) -> int:
        return len(_TRIALS)

    def __str__(self) -> str:
        return "\n".join(f"{feature}: {support}" for feature, support in self.items())

    def _try(self, trial: Callable[[Observation], None]) -> Support:
        try:
            with everything_kept(self._loss, self._begin):
                trial(self._seen)
        except _SilentlyWrongError as error:
            return Support(False, wrong=str(error))
        except Exception as error:
            return Support(False, error=f"{type(error).__name__}: {first_line(error)}")
        return Support(True)

    def to_dict(self) -> dict[str, str]:
        """Every feature with its verdict as text."""
        return {feature: str(support) for feature, support in self.items()}


class _SilentlyWrongError(Exception):
    """Raised by a trial whose result is wrong."""


def _raised(run: Run) -> None:
    if run.error is not None:
        raise run.error


def _expect(
    got: Tensor | None, expected: Tensor | None, what: str, near: float
) -> None:
    if got is None or expected is None:
        if (got is None) != (expected is None):
            raise _SilentlyWrongError(f"{what} is missing")
        return
    if not torch.allclose(got.double(), expected.double(), rtol=near, atol=near):
        raise _SilentlyWrongError(f"{what} is another")


def _as_function(
    seen: Observation, call: Any = None
) -> tuple[Callable[[Tensor], Tensor], list[Tensor]]:
    """The loss as a function of its first input alone, which is also returned."""
    run = seen.run()
    _raised(run)
    call = run.call if call is None else call
    index = seen.index(seen.inputs[0])
    point = [cast(v, seen.dtype).detach() for v in seen.point]

    def function(x: Tensor) -> Tensor:
        given = iter([*point[:index], x, *point[index + 1 :]])
        args = with_tensors(seen.args, given)
        seed_everything(seen.seed)
        raw = call(*args, **with_tensors(seen.kwargs, given))
        terms = [o.sum() for o in seen.outputs_of(raw, True)]
        return sum(terms[1:], start=terms[0])

    if seen.inputs[0].parameter:
        raise TypeError("only the parameters of this loss are differentiated")
    return function, [point[index]]


def _backward(seen: Observation) -> None:
    _raised(seen.base)
    if not any(o.requires_grad for o in seen.base.outputs):
        raise RuntimeError("the loss has no grad_fn")
    if seen.base_backward.error is not None:
        raise seen.base_backward.error
    wrong = [c.argument.name for c in seen.gradient.checks if not c.ok]
    if wrong:
        raise _SilentlyWrongError(f"the gradient of {wrong[0]}")


def _double_backward(seen: Observation) -> None:
    function, (x,) = _as_function(seen)
    direction = seen.random_like(x, 1)
    along = seen.random_like(x, 2)

    def projected(value: Tensor, keep: bool) -> Tensor:
        value = value.detach().requires_grad_()
        upstream = torch.ones((), dtype=value.dtype, requires_grad=keep)
        (gradient,) = torch.autograd.grad(
            function(value), value, upstream, create_graph=keep
        )
        product = (gradient * direction).real.sum()
        if not keep:
            return product
        twice = torch.autograd.grad(product, value, allow_unused=True)[0]
        return torch.zeros_like(x) if twice is None else twice

    found = (projected(x, True) * along).real.sum().item()
    step = 1e-3 * min(seen.inputs[0].size, 1.0)
    here = projected(x, False).item()
    numeric = slope(lambda s: projected(x + s * along, False).item(), here, step)
    near = 1e-4 * max(abs(found), abs(numeric.value)) + 1e-7
    if numeric.reliable and not numeric.admits(found, near):
        raise _SilentlyWrongError(" instead of ".join(apart(found, numeric.value)))


def _func_grad(seen: Observation) -> None:
    function, (x,) = _as_function(seen)
    expected = seen.base_backward.values[0]
    _expect(torch.func.grad(function)(x), expected, "the gradient", 1e-6)


def _vmap(seen: Observation) -> None:
    function, (x,) = _as_function(seen)
    stack = torch.stack([x, x.flip(0) if x.dim() else x, x])
    got = torch.vmap(function, randomness="same")(stack)
    looped = torch.stack([function(one).detach() for one in stack])
    _expect(got, looped, "the value", 1e-6)


def _jvp(seen: Observation) -> None:
    function, (x,) = _as_function(seen)
    direction = seen.random_like(x, 3)
    got = torch.func.jvp(function, (x,), (direction,))[1]
    numeric = seen.gradient.along(seen.point, {seen.index(seen.inputs[0]): direction})
    near = 1e-4 * max(abs(numeric.value), got.abs().item()) + 1e-7
    if numeric.reliable and not numeric.admits(got.item(), near):
        raise _SilentlyWrongError(" instead of ".join(apart(got.item(), numeric.value)))


def _compile(seen: Observation) -> None:
    function, (x,) = _as_function(seen)
    # The loss alone: to compile what hands it its inputs takes three times as long.
    loss = torch.compile(seen.run().call, backend="aot_eager")
    compiled, _ = _as_function(seen, loss)
    x = x.clone().requires_grad_()
    value = compiled(x)
    _expect(value, function(x), "the value", 1e-5)
    (gradient,) = torch.autograd.grad(value, x, allow_unused=True)
    _expect(gradient, seen.base_backward.values[0], "the gradient", 1e-5)


def _autocast(seen: Observation) -> None:
    with torch.autocast(seen.device.type, dtype=torch.bfloat16):
        run = seen.run(dtype=torch.float32)
        _raised(run)
    found = seen.backward(run)
    if found.error is not None:
        raise found.error
    if not run.finite or not found.finite:
        raise _SilentlyWrongError("not finite")
    if abs(run.total - seen.value) > 0.1 * abs(seen.value) + 0.05:
        raise _SilentlyWrongError(" instead of ".join(apart(run.total, seen.value)))


def _checkpoint(seen: Observation) -> None:
    function, (x,) = _as_function(seen)
    x = x.clone().requires_grad_()
    value = checkpoint(function, x, use_reentrant=False)
    (gradient,) = torch.autograd.grad(value, x, allow_unused=True)
    _expect(gradient, seen.base_backward.values[0], "the gradient", 1e-6)


_TRIALS: dict[str, Callable[[Observation], None]] = {
    "backward": _backward,
    "double backward": _double_backward,
    "torch.func.grad": _func_grad,
    "vmap": _vmap,
    "jvp": _jvp,
    "torch.compile": _compile,
    "autocast": _autocast,
    "checkpoint": _checkpoint,
}
