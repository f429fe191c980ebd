"""What cannot be checked, refused in one sentence."""

import inspect
from collections.abc import Callable
from typing import Any

import torch

from ownloss.checker.containers import tensors_in
from ownloss.checker.signatures import name_of


def refuse(
    loss: Callable[..., Any], inputs: tuple[Any, ...], named: dict[str, Any]
) -> None:
    """Raise where there is nothing to check."""
    if isinstance(loss, type):
        raise TypeError(
            f"`{loss.__name__}` is a class; expected a loss to call, "
            f"such as an instance, `{loss.__name__}()`"
            + (", or `.apply`" if issubclass(loss, torch.autograd.Function) else "")
        )
    if not callable(loss):
        raise TypeError(
            f"the loss is {_a(type(loss).__name__)}; expected something to call, "
            "such as a function or a Module"
        )
    for _, tensor in tensors_in((inputs, named)):
        if tensor.is_meta:
            raise ValueError(
                f"an input of shape {tuple(tensor.shape)} is on the meta device, "
                "which holds no numbers; expected a device such as 'cpu'"
            )

    try:
        function = loss.forward if isinstance(loss, torch.nn.Module) else loss
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*inputs, **named)
    except TypeError as error:
        raise TypeError(
            f"`{name_of(loss)}` takes {signature} and was given {len(inputs)} "
            f"argument{'s' * (len(inputs) != 1)}: {error}"
        ) from None


def refuse_result(loss: Callable[..., Any], raw: Any, error: Exception | None) -> None:
    """Raise where a loss returns nothing that could be a loss."""
    if error is not None or isinstance(raw, (bool, int, float)):
        return
    tensors = [tensor for _, tensor in tensors_in(raw)]
    if not tensors:
        hint = "; was `return` forgotten?" if raw is None else ""
        got = "None" if raw is None else type(raw).__name__
        raise TypeError(
            f"`{name_of(loss)}` returned {got}"
            f"; expected a tensor, or a tuple, list or dict with tensors{hint}"
        )
    if all(tensor.numel() == 0 for tensor in tensors):
        raise ValueError(
            f"`{name_of(loss)}` returned an empty tensor of shape "
            f"{tuple(tensors[0].shape)}; expected at least one number"
        )


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
