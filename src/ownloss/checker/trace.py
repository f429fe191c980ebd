"""What happens inside a loss: its calls of torch, its graph, its Functions."""

import functools
import inspect
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ownloss.checker.budget import Budget
from ownloss.checker.packed import is_packed

# With a separator, for torchmetrics and torchvision are libraries of their own.
TORCH = str(Path(torch.__file__).parent) + os.sep
_HERE = str(Path(__file__).parent) + os.sep
CUTS = (
    "detach",
    "detach_",
    "item",
    "tolist",
    "numpy",
    "__array__",
    "__float__",
    "tensor",
    "as_tensor",
    "__get__:data",
    "no_grad",
    "grad",
)
"""Calls after which no gradient flows back to what they were given."""

RANKS = ("quantile", "nanquantile", "kthvalue", "median", "topk", "sort")
"""Calls whose result is not in proportion to how many entries there are."""

# The losses that the rules show are none of the checker's own code.
_LOSSES = ("wrong.py", "right.py")
_PYTHON = str(Path(functools.__file__).parent)
_WRAPPED = ("forward", "setup_context", "backward")


@dataclass(eq=False)
class Call:
    """One call of a torch function that the loss made.

    Attributes:
        name: such as `sub`, `mse_loss` or `detach`.
        tensors: its tensor arguments.
        shapes: their shapes when it was made; a later `unsqueeze_` changes a tensor's.
        result: what it returned.
        where: "line 12 of my_loss.py".
        args: all its positional arguments.
        kwargs: its keyword arguments.
        inside: the name of the Python function that called.
        recording: whether autograd was recording when it was made.
        attached: whether one of its tensors requires a gradient.
    """

    name: str
    tensors: list[Tensor]
    shapes: list[tuple[int, ...]]
    result: Any
    where: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inside: str
    recording: bool
    attached: bool


class Trace(TorchFunctionMode):
    """Writes down every call of torch while it is entered.

    Args:
        within: what the run may cost: a loop of many thousand calls is dear to watch,
            and is ended where the time is over.
        until_not_finite: whether to look for the first call of finite tensors with a
            result that is not. What a call returned may be written to later: only at
            once does it tell.

    Attributes:
        calls: all calls.
        first_not_finite: the call looked for; None if there is none.
    """

    def __init__(self, within: Budget, *, until_not_finite: bool = False) -> None:
        super().__init__()
        self.within = within
        self.calls: list[Call] = []
        self.first_not_finite: Call | None = None
        self._looking = until_not_finite

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run one call, then write it down."""
        if len(self.calls) % 100 == 99:
            self.within.require_time()
        kwargs = kwargs or {}
        recording = torch.is_grad_enabled()
        tensors = list(_tensors((args, tuple(kwargs.values()))))
        shapes = [_shape(t) for t in tensors]
        attached = any(t.requires_grad for t in tensors)
        name = _name(func)
        if name == "_set_grad_enabled" and recording and not args[0]:
            name = "no_grad"
        where, inside = _caller()
        fine = self._looking and all(map(_finite, tensors))
        result = func(*args, **kwargs)
        if not where or _is_ragged(result):  # the checker's own, or without a shape
            return result
        self.calls.append(
            Call(
                name,
                tensors,
                shapes,
                result,
                where,
                args,
                kwargs,
                inside,
                recording,
                attached,
            )
        )
        if fine and not all(map(_finite, _tensors(result))):
            self.first_not_finite, self._looking = self.calls[-1], False
        return result

    def named(self, *names: str) -> list[Call]:
        """The calls of these functions."""
        return [call for call in self.calls if call.name in names]


def _shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape of a tensor; that of one number where a nested one has none."""
    return () if _is_ragged(tensor) else tuple(tensor.shape)


def _is_ragged(value: Any) -> bool:
    """Whether it is a nested tensor in pieces, which has no shape to ask for."""
    nested = isinstance(value, Tensor) and value.is_nested
    return nested and value.layout is torch.strided


def _finite(tensor: Tensor) -> bool:
    # torch does not compute with numbers of one byte.
    known = tensor.is_floating_point() or tensor.is_complex()
    if not known or tensor.itemsize == 1 or is_packed(tensor):
        return True
    return bool(tensor.detach().isfinite().all())


class WithoutCuts(TorchFunctionMode):
    """Lets gradients flow through `detach`, `.data`, `.item()` and `no_grad`.

    Args:
        where: the only place whose cuts are undone, such as "line 3 of my_loss.py".
    """

    def __init__(self, where: str = "") -> None:
        super().__init__()
        self.where = where

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Hand on the tensor instead of cutting it off."""
        name = _name(func)
        if self.where and _caller()[0] != self.where:
            return func(*args, **(kwargs or {}))
        if name in ("detach", "item", "__get__:data"):
            return args[0]
        if name == "_set_grad_enabled" and torch.is_grad_enabled():
            return None
        kwargs = dict(kwargs or {})
        if name == "grad":
            kwargs["create_graph"] = True
        if name in ("tensor", "as_tensor") and isinstance(args[0], (list, tuple)):
            parts = list(args[0])
            if parts and all(isinstance(p, Tensor) for p in parts):
                return torch.stack(parts)
        return func(*args, **kwargs)


_HALVES = (torch.float16, torch.bfloat16)


class WithoutHalf(TorchFunctionMode):
    """Leaves tensors as they are that are to be cast to half precision.

    Attributes:
        used: whether any were.
    """

    def __init__(self) -> None:
        super().__init__()
        self.used = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Hand on the tensor instead of casting it."""
        name, kwargs = _name(func), kwargs or {}
        given = (*args[1:], *kwargs.values())
        half = any(x is dtype for x in given for dtype in _HALVES)
        if name in ("half", "bfloat16") or (name in ("to", "type") and half):
            self.used = True
            return args[0]
        return func(*args, **kwargs)


class TwiceTheDivisor(TorchFunctionMode):
    """Divides by twice a plain number, at one place.

    Args:
        where: the place, such as "line 3 of my_loss.py".
        divisor: the number.

    Attributes:
        used: whether anything was divided by it there.
    """

    def __init__(self, where: str, divisor: float) -> None:
        super().__init__()
        self.where, self.divisor = where, divisor
        self.used = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Double the second argument of what divides by the number."""
        number = args[1] if len(args) > 1 else None
        plain = isinstance(number, (int, float)) and number == self.divisor
        if plain and "div" in _name(func) and _caller()[0] == self.where:
            self.used = True
            args = (args[0], 2 * self.divisor, *args[2:])
        return func(*args, **(kwargs or {}))


class OnlyFiniteEigenvalues(TorchFunctionMode):
    """Raises where `torch.linalg.eig` is given NaN: LAPACK would end the process.

    Attributes:
        used: whether anybody has asked for eigenvalues.
    """

    def __init__(self) -> None:
        super().__init__()
        self.used = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Refuse what is not finite."""
        kwargs = kwargs or {}
        if _name(func) in ("linalg_eig", "linalg_eigvals"):
            self.used = True
            matrix = args[0] if args else kwargs.get("A")
            if isinstance(matrix, Tensor) and not _finite(matrix):
                # Torch's stubs leave the name out.
                raise torch.linalg.LinAlgError(  # type: ignore[attr-defined]
                    "the matrix is not finite"
                )
        return func(*args, **kwargs)


def _name(func: Callable[..., Any]) -> str:
    name = getattr(func, "__name__", "")
    if name in ("__get__", "__set__"):
        name = f"{name}:{getattr(getattr(func, '__self__', None), '__name__', '')}"
    return str(name)


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, (tuple, list)):
        for branch in tree:
            yield from _tensors(branch)


def _caller() -> tuple[str, str]:
    """Where in the user's code the running call stands."""
    frame = inspect.currentframe()
    frame = frame and frame.f_back and frame.f_back.f_back
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_HERE) and not file.endswith(_LOSSES):
            return "", ""
        library = file.startswith(_PYTHON) and "-packages" not in file
        if not library and not file.startswith((TORCH, "<frozen")):
            name = file.rpartition(os.sep)[2]  # a Path takes ten times as long
            return f"line {frame.f_lineno} of {name}", frame.f_code.co_qualname
        frame = frame.f_back
    return "", ""
