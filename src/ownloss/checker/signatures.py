"""What a callable is called, and what it calls its arguments."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch


def name_of(loss: Callable[..., Any]) -> str:
    """The name of a loss, for a sentence."""
    if isinstance(loss, partial):
        return name_of(loss.func)
    owner = getattr(loss, "__self__", None)
    if isinstance(owner, type):
        return f"{owner.__name__}.apply"
    if hasattr(loss, "__name__"):
        return loss.__name__
    return type(loss).__name__


def called_of(module: torch.nn.Module) -> Callable[..., Any]:
    """What a Module is called with: its `forward`, or `__call__` in its place."""
    without = type(module).forward is torch.nn.Module.forward
    return module.__call__ if without else module.forward


def parameter_names(loss: Callable[..., Any]) -> list[str]:
    """Name the positional arguments of a loss, without `self` and `ctx`."""
    function: Any = loss
    owner = getattr(loss, "__self__", None)
    if isinstance(loss, torch.nn.Module):
        function = called_of(loss)
    elif isinstance(owner, type) and issubclass(owner, torch.autograd.Function):
        function = owner.forward
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    )
    names = [p.name for p in parameters if p.kind in positional]
    return names[1:] if names[:1] == ["ctx"] else names


def takes(loss: Callable[..., Any], name: str, inputs: tuple[Any, ...]) -> bool:
    """Whether a loss has a parameter of this name, and the inputs leave it free.

    >>> def masked(prediction, mask=None): ...
    >>> takes(masked, "mask", (1.0,)), takes(masked, "mask", (1.0, True))
    (True, False)
    """
    function: Any = called_of(loss) if isinstance(loss, torch.nn.Module) else loss
    try:
        signature = inspect.signature(function)
        filled = signature.bind_partial(*inputs).arguments
    except (TypeError, ValueError):
        return False
    by_name = (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    parameter = signature.parameters.get(name)
    return parameter is not None and parameter.kind in by_name and name not in filled
