"""Check a loss once, in the training run that it is meant for."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

import ownloss
from ownloss.checker import LossError
from ownloss.checker.containers import tensors_in, with_tensors
from ownloss.checker.torch_insides import original_of

__all__ = ["checked"]

Loss = TypeVar("Loss", bound=Callable[..., Any])


def checked(loss: Loss, *, raise_errors: bool = False, **options: Any) -> Loss:
    """Check a loss at its first call that trains, with the tensors of that call.

    The verdict is printed. A call trains where gradients are enabled and a tensor
    that it is given requires one: the validation that Lightning begins with does not
    count. From the second call on, a Module is the Module that it was; a function has
    one more Python call around it.

    Args:
        loss: a Module, a function or `Function.apply`; it may be compiled already.
        raise_errors: whether an error that is found ends the run; a check that
            remained incomplete does not.
        **options: what `ownloss.check` takes beside the inputs: `reference`, `mask`,
            `seed`, `seconds`.

    Returns:
        The same Module, or a function that calls the loss.

    Raises:
        TypeError: `loss` is a class, or nothing to call.
        LossError: at the first call, where an error is found and `raise_errors` is
            set.

    >>> mse = checked(nn.MSELoss())
    >>> prediction = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> mse(prediction, torch.tensor([1.5, 2.0, 3.0])).backward()
    MSELoss: right
    >>> mse(prediction, torch.tensor([1.5, 2.0, 3.0])).backward()
    """
    if isinstance(loss, type) or not callable(loss):
        given = loss.__name__ if isinstance(loss, type) else type(loss).__name__
        raise TypeError(
            f"checked() was given {given}; expected a loss to call, such as a function "
            "or a Module, `MyLoss()`"
        )
    once = _Once(raise_errors, options)
    if isinstance(loss, nn.Module):
        once.handle = loss.register_forward_pre_hook(once, with_kwargs=True)
        return loss
    return _CheckedFunction(loss, once)  # type: ignore[return-value]


class _Once:
    """A hook that checks, and is gone."""

    def __init__(self, raise_errors: bool, options: dict[str, Any]) -> None:
        self.raise_errors = raise_errors
        self.options = options
        self.handle: Any = None
        self.done = False

    # Compiled code comes back to Python for it; without it, it is compiled again.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def __call__(
        self, loss: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if self.done or not trains((args, kwargs)):
            return
        self.done = True
        if self.handle is not None:
            self.handle.remove()
            self.handle = None
        self.check(original_of(loss), args, kwargs)

    def check(self, loss: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Check the loss as it is outside of this call, and print the verdict."""
        try:
            with (
                torch.autocast("cuda", enabled=False),
                torch.autocast("cpu", enabled=False),
            ):
                report = ownloss.check(
                    loss, *alone(args), **self.options, **alone(kwargs)
                )
        except (TypeError, ValueError) as error:
            if self.raise_errors:
                raise
            print(f"ownloss could not check the loss: {error}")
            return
        if self.raise_errors and report.outcome == "wrong":
            raise LossError(str(report))
        if first_process():
            print(report)


class _CheckedFunction:
    """A function that is checked at its first call that trains."""

    def __init__(self, loss: Callable[..., Any], once: _Once) -> None:
        functools.update_wrapper(self, loss)
        self.loss = loss
        self.once = once
        self.waiting = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.waiting:
            self.once(self.loss, args, kwargs)
            self.waiting = not self.once.done
        return self.loss(*args, **kwargs)


def trains(tree: Any) -> bool:
    """Whether a gradient will be asked for of a call with these arguments."""
    enabled = torch.is_grad_enabled()
    return enabled and any(tensor.requires_grad for _, tensor in tensors_in(tree))


def alone(tree: Any) -> Any:
    """The same arguments, without the graph that they come from.

    Half precision is widened: what is looked for are mistakes, not its rounding.
    """

    def cut_off(tensor: Tensor) -> Tensor:
        half = tensor.dtype in (torch.float16, torch.bfloat16)
        cut = tensor.detach().float() if half else tensor.detach()
        return cut.requires_grad_(tensor.requires_grad)

    return with_tensors(tree, (cut_off(tensor) for _, tensor in tensors_in(tree)))


def first_process() -> bool:
    """Whether this process is the one that prints."""
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized()) or (
        distributed.get_rank() == 0
    )
