"""What a ``judge.py`` is made of."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

__all__ = ["Case", "Mistake", "WrongAnswerError", "with_gradient"]


@dataclass(frozen=True)
class Case:
    """Inputs that an answer is checked at.

    Attributes:
        inputs: The arguments, in order; what is differentiated requires grad.
        words: What is special of them, such as ``"With one sample"``; empty for the
            usual case, which comes first.
        mask: False where entries of the first input do not count.
    """

    inputs: tuple[Any, ...]
    words: str = ""
    mask: Tensor | None = None


@dataclass(frozen=True)
class Mistake:
    """A mistake that many make, for the judge to recognise by its numbers.

    Attributes:
        words: The sentence that names it.
        loss: What has the mistake, with the arguments of the reference.
        gradient: In its place, the wrong gradient of the first argument, or of those
            in `of`.
        of: The arguments that `gradient` returns the gradient of.
    """

    words: str
    loss: Callable[..., Any] | None = None
    gradient: Callable[..., Any] | None = None
    of: tuple[str, ...] = ()


class WrongAnswerError(Exception):
    """An answer is wrong; the text is the sentence that the reader gets."""


def with_gradient(
    loss: Callable[..., Tensor],
    gradient: Callable[..., Any],
    of: tuple[str, ...] = (),
) -> Callable[..., Any]:
    """Give a trusted loss the gradient that a reader has derived.

    So `ownloss.check` can say what is wrong with a formula that is no loss.

    Args:
        loss: The loss.
        gradient: Takes what the loss takes; returns the gradient of the sum of what
            the loss returns, several as a tuple.
        of: The arguments that it returns the gradient of, in order; by default the
            first one.

    Returns:
        A loss with the same arguments.

    >>> square = with_gradient(lambda x: (x * x).sum(), lambda x: 2 * x)
    >>> x = torch.tensor([1.0, 3.0], requires_grad=True)
    >>> torch.autograd.grad(square(x), x)
    (tensor([2., 6.]),)
    """
    name = getattr(gradient, "__name__", "gradient")
    names = list(inspect.signature(loss).parameters)
    of = of or (names[0],)

    class Derived(Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Tensor:
            tensors = [x for x in inputs if isinstance(x, Tensor)]
            ctx.save_for_backward(*tensors)
            ctx.others = [None if isinstance(x, Tensor) else x for x in inputs]
            return loss(*inputs)

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
            saved = iter(ctx.saved_tensors)
            inputs = [next(saved) if x is None else x for x in ctx.others]
            # Copies: an answer may write into them.
            found = gradient(*[_copy(value) for value in inputs])
            parts = found if isinstance(found, (tuple, list)) else (found,)
            if len(parts) != len(of):
                asked = " and ".join(f"`{one}`" for one in of)
                values = f"{len(parts)} value{'s' * (len(parts) != 1)}"
                raise WrongAnswerError(
                    f"`{name}` returns {values}; the task asks for the gradient"
                    f"{'s' * (len(of) > 1)} of {asked}."
                )
            gradients: list[Tensor | None] = [None] * len(inputs)
            for argument, part in zip(of, parts, strict=True):
                place = names.index(argument)
                if isinstance(part, (int, float)) and inputs[place].dim() == 0:
                    part = torch.tensor(float(part)).to(inputs[place])
                _fitting(name, argument, part, inputs[place])
                gradients[place] = grad_output * part.detach()
            return tuple(gradients)

    @functools.wraps(loss)
    def derived(*inputs: Any) -> Any:
        # torch gives `apply` no types.
        return Derived.apply(*inputs)  # type: ignore[no-untyped-call]

    derived.__name__ = name
    return derived


def _a(value: Any) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


def _fitting(name: str, argument: str, found: Any, value: Tensor) -> None:
    """Raise where something cannot be the gradient of an input."""
    shape = tuple(value.shape)
    if found is None:
        raise WrongAnswerError(f"`{name}` returned None; was `return` forgotten?")
    if not isinstance(found, Tensor):
        raise WrongAnswerError(
            f"`{name}` returned {_a(found)}; expected a tensor of shape "
            f"{shape}, that of `{argument}`."
        )
    if tuple(found.shape) != shape:
        extra = (
            " (one number: the gradient has one for each entry of the input)"
            if found.numel() == 1
            else ""
        )
        raise WrongAnswerError(
            f"`{name}` returned a tensor of shape {tuple(found.shape)}{extra}; the "
            f"gradient of `{argument}` has its shape, {shape}."
        )
