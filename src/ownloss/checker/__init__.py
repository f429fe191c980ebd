"""Say whether the gradient of a loss is right and, if not, what is wrong with it."""

import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.findings import PAGE, Finding, Kind
from ownloss.checker.inputs import tensors_in
from ownloss.checker.observing import Observation, random_state_kept
from ownloss.checker.precedence import most_telling
from ownloss.checker.reporting import LossError, Report
from ownloss.checker.rules import findings_of, kinds
from ownloss.checker.sessions import state_kept

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

    >>> def mse(prediction, target):
    ...     return (prediction - target).square().mean()
    >>> prediction = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> print(check(mse, prediction, torch.tensor([1.5, 2.0, 3.0])))
    mse: no error found
    """
    refuse(loss, inputs, named_inputs)
    with (
        warnings.catch_warnings(),
        random_state_kept(),
        state_kept(loss),
        torch.enable_grad(),
    ):
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
        if not seen.inputs:
            raise ValueError(
                f"there is no floating tensor among the inputs of {name_of(loss)}, and "
                "it has no parameters: nothing can be differentiated"
            )
        refuse_result(loss, seen.given.raw, seen.given.error)
        seen = seen.of_few_samples()
        findings = most_telling(findings_of(seen))
        failures = unexplained(seen, findings)
    return Report(name_of(loss), findings + failures, seen, ran=not failures)


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


def unexplained(seen: Observation, findings: list[Finding]) -> list[Finding]:
    """Say what the loss raised, where no rule could say why."""
    error, what = seen.given.error, "The loss"
    if error is None:
        error, what = seen.base_gradients.error, "Backward"
    if error is None or any(f.severity == "error" for f in findings):
        return []
    lines = str(error).strip().splitlines()
    return [
        Finding(
            "raises",
            "error",
            f"{what} raises {type(error).__name__} at the inputs given: "
            f"{lines[0] if lines else 'no message'}",
            "Give it inputs for which it runs, or repair it; then check again.",
            evidence={"error": str(error)},
        )
    ]


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
