"""Say whether the gradient of a loss is right and, if not, what is wrong with it.

`check` runs the loss as a `Subject`, on copies; `measures` answer one question each
(the gradient, the batch, a reference, ...) and know no rule; an `Observation` is the
subject with its measures, and what every rule is given. A rule, a folder in `rules`,
yields findings; `precedence` sorts them; a `Report` says them.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.budget import Budget
from ownloss.checker.copies import state_kept
from ownloss.checker.findings import UNEXPLAINED, Finding, Kind
from ownloss.checker.observation import Observation
from ownloss.checker.precedence import most_telling
from ownloss.checker.randomness import random_state_kept
from ownloss.checker.refusals import refuse, refuse_result
from ownloss.checker.report import LossError, Report
from ownloss.checker.rules import findings_of, kinds
from ownloss.checker.signatures import name_of

__all__ = ["Finding", "Kind", "LossError", "Report", "check", "kinds"]


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
        torch.inference_mode(False),
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
            budget=Budget(seconds),
        )
        if not seen.inputs:
            raise ValueError(
                f"there is no floating tensor among the inputs of {name_of(loss)}, and "
                "it has no parameters: nothing can be differentiated"
            )
        refuse_result(loss, seen.given.raw, seen.given.error)
        seen = seen.of_few_samples()
        found, crashes = findings_of(seen)
        findings = most_telling(found)
        failures = unexplained(seen, findings)
    return Report(name_of(loss), findings + failures, seen, crashes, ran=not failures)


def unexplained(seen: Observation, findings: list[Finding]) -> list[Finding]:
    """Say what the loss raised, where no rule could say why."""
    error, what = seen.given.error, "The loss"
    if error is None:
        error, what = seen.base_backward.error, "Backward"
    if error is None or any(f.severity == "error" for f in findings):
        return []
    lines = str(error).strip().splitlines()
    return [
        Finding(
            UNEXPLAINED,
            "error",
            f"{what} raises {type(error).__name__} at the inputs given: "
            f"{lines[0] if lines else 'no message'}",
            "Give it inputs for which it runs, or repair it; then check again.",
            evidence={"error": str(error)},
        )
    ]
