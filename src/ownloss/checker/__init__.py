"""Say whether the gradient of a loss is right and, if not, what is wrong with it.

`check` runs the loss as a `Subject`, on copies; `measures` answer one question each
(the gradient, the batch, a reference, ...) and know no rule; an `Observation` is the
subject with its measures, and what every rule is given. A rule, a folder in `rules`,
yields findings; `precedence` sorts them; a `Report` says them.
"""

import operator
from collections.abc import Callable
from typing import Any

from torch import Tensor

from ownloss.checker.acquittal import without_shared
from ownloss.checker.budget import Budget, OutOfBudgetError
from ownloss.checker.errors import first_line, text_of
from ownloss.checker.findings import UNEXPLAINED, Finding, Kind
from ownloss.checker.keeping import everything_kept
from ownloss.checker.observation import Observation
from ownloss.checker.precedence import most_telling
from ownloss.checker.refusals import (
    refuse,
    refuse_comparison,
    refuse_options,
    refuse_result,
)
from ownloss.checker.report import LossError, Report
from ownloss.checker.rules import ask_all, kinds
from ownloss.checker.signatures import name_of, takes

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
    any depth of tuples, lists and dicts, of sparse and nested ones the values; where
    none has it, the first floating tensor; and the parameters of a Module. Loss and
    inputs are copied: neither is changed.

    Args:
        loss: a Module, a function, `Function.apply` or any callable.
        *inputs: what to call it with; tensors of any shape among them.
        reference: a trusted loss for the same inputs; values and gradients are
            compared with it, and what it shares with the loss is no mistake.
        mask: a boolean tensor, False where entries of the first input do not count.
            A `mask` or `reference` that the loss has a parameter for, and that
            `inputs` leave free, is passed to the loss instead.
        seed: seeds the loss and the random probes.
        seconds: after this long the check ends; what it has not looked at makes it
            incomplete.
        **named_inputs: arguments to pass by name.

    Returns:
        The report; print it.

    Raises:
        TypeError: `loss` or `reference` is not callable, or is a class; the inputs do
            not fit it; `mask`, `seed` or `seconds` is of the wrong type.
        ValueError: there is no floating tensor among the inputs; the mask has another
            shape than the first input; the reference raises; `seconds` is negative.

    >>> import torch
    >>> def mse(prediction, target):
    ...     return (prediction - target).square().mean()
    >>> prediction = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
    >>> print(check(mse, prediction, torch.tensor([1.5, 2.0, 3.0])))
    mse: right
    """
    if mask is not None and takes(loss, "mask", inputs):
        named_inputs["mask"], mask = mask, None
    if reference is not None and takes(loss, "reference", inputs):
        named_inputs["reference"], reference = reference, None
    refuse(loss, inputs, named_inputs)
    refuse_options(reference, seed, seconds)
    with everything_kept(loss, inputs, named_inputs, reference):
        seen = Observation(
            loss,
            inputs,
            named_inputs,
            reference=reference,
            mask=mask,
            seed=operator.index(seed),
            budget=Budget(seconds),
        )
        refuse_result(loss, seen.base.raw, seen.base.error)
        refuse_comparison(seen)
        few = seen.smaller()
        answers = ask_all(few)
        findings = most_telling(without_shared(few, answers.findings))
        failures = failures_of(few, findings)
        return Report.of(name_of(loss), few, answers, findings, failures)


def failures_of(seen: Observation, findings: list[Finding]) -> list[Finding]:
    """Say what the loss raised, where no rule could say why."""
    try:
        error, what = seen.given.error, "The loss"
    except OutOfBudgetError:
        error, what = seen.base.error, "The loss"
    if error is None:
        error, what = seen.base_backward.error, "Backward"
    if error is None or any(f.severity == "error" for f in findings):
        return []
    return [
        Finding(
            UNEXPLAINED,
            "error",
            f"{what} raises {type(error).__name__} at the inputs given: "
            f"{first_line(error)}",
            "Give it inputs for which it runs, or repair it; then check again.",
            evidence={"error": text_of(error)},
        )
    ]
