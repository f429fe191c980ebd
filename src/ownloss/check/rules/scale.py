"""The gradient is right but for a constant."""

import math
from collections.abc import Iterator

from ownloss.check.explaining import Finding, Kind, Symptom
from ownloss.check.observing import Observation
from ownloss.check.wording import meaning_of, number, times

KIND = Kind(
    slug="scale",
    title="Off by a constant",
    meaning="The gradient points the right way but has the wrong length: forward "
    "takes a mean, a factor or a temperature that backward forgets or takes twice.",
    shows="The ratio of the analytic to the numeric gradient is the same number for "
    "every entry and at every input.",
    cure="Multiply what backward returns by what forward multiplies by, once.",
    wrong="""\
import torch

class MSE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, target):
        ctx.save_for_backward(prediction, target)
        return (prediction - target).square().mean()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        return grad_output * 2 * (prediction - target), None

loss = MSE.apply
inputs = (torch.tensor([1.0, 2.0, 4.0, 8.0], requires_grad=True), torch.zeros(4))
""",
    right="""\
import torch

class MSE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, target):
        ctx.save_for_backward(prediction, target)
        return (prediction - target).square().mean()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        gradient = grad_output * 2 * (prediction - target) / target.numel()
        return gradient, -gradient

loss = MSE.apply
inputs = (torch.tensor([1.0, 2.0, 4.0, 8.0], requires_grad=True), torch.zeros(4))
""",
)


def explain(seen: Observation) -> Iterator[Finding]:
    """Look for one positive factor between analytic and numeric gradient."""
    if not seen.handmade:
        return
    for leaf in seen.inputs:
        ratio = seen.constant_ratio(leaf)
        if not ratio > 0 or math.isclose(ratio, 1, rel_tol=1e-3):
            continue
        meaning = meaning_of(ratio, seen, seen.ratio_with_double_batch(leaf))
        message = f"The gradient of `{leaf.name}` is {times(ratio)}"
        message += f"; {meaning}." if meaning else "."
        say = KIND.error
        if seen.deliberate:
            say, message = (
                KIND.warning,
                f"{message} It may be meant: {seen.deliberate}.",
            )
        yield say(
            message,
            cure=f"Divide the gradient that backward returns by {number(ratio)}: take "
            "in backward the same mean and factors as in forward.",
            where=leaf.name,
            evidence={"ratio": ratio},
            rests_on=(Symptom.GRADIENT,),
            weight=60,
        )
