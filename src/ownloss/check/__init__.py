"""Say whether the gradient of a loss is right and, if not, what is wrong with it."""

import inspect
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ownloss.check.explaining import PAGE, Finding, Kind, explain, kinds
from ownloss.check.observing import Observation, random_state_kept
from ownloss.check.reporting import LossError, Report

__all__ = ["PAGE", "Finding", "Kind", "LossError", "Report", "check", "kinds"]


def check(
    loss: Callable[..., Any],
    *inputs: Any,
    reference: Callable[..., Any] | None = None,
    mask: Tensor | None = None,
    seed: int = 0,
    seconds: float = 8.0,
    **named_inputs: Any,
) -> Report:
    """Check a loss and its gradient, and name what is wrong.

    Differentiated are the floating or complex tensors with `requires_grad=True`, at
    any depth of tuples, lists and dicts; where none has it, the first floating tensor;
    and the parameters of a Module. Loss and inputs are copied: neither is changed.

    Args:
        loss: a Module, a function, `Function.apply` or any callable.
        *inputs: what to call it with; tensors of any shape among them.
        reference: a trusted loss for the same inputs; values and gradients are
            compared with it.
        mask: a boolean tensor, False where entries of the first input do not count.
        seed: seeds the loss and the random probes.
        seconds: after this long, what has not been looked at is left out.
        **named_inputs: arguments to pass by name.

    Returns:
        The report; print it.

    Raises:
        TypeError: `loss` is not callable, or is a class; the inputs do not fit it.
        ValueError: there is no floating tensor among the inputs.

    >>> import torch
    >>> def mse(prediction, target):
    ...     return (prediction - target).square().mean()
    >>> prediction = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> print(check(mse, prediction, torch.tensor([1.5, 2.0, 3.0])))
    mse: no error found
    """
    refuse(loss, inputs, named_inputs)
    with warnings.catch_warnings(), random_state_kept(), torch.enable_grad():
        warnings.simplefilter("ignore")
        seen = Observation(
            loss,
            inputs,
            named_inputs,
            reference=reference,
            mask=mask,
            seed=seed,
            seconds=seconds,
        )
        findings = explain(seen)
    return Report(name_of(loss), findings, seen, seen.base.error is None)


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
            f"the loss is a {type(loss).__name__}; expected something to call, "
            "such as a function or a Module"
        )


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


class _CallablePackage(ModuleType):
    """Makes `ownloss.check(...)` work whatever was imported first.

    `from ownloss.check import Report` sets the attribute `check` of `ownloss` to this
    package, in place of the function.
    """

    __call__ = staticmethod(check)


sys.modules[__name__].__class__ = _CallablePackage
