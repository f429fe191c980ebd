"""What backward or a later call needs lies where other calls overwrite it."""

from collections.abc import Iterator

import torch

from ownloss.check.explaining import Finding, Kind, Symptom
from ownloss.check.observing import Observation

KIND = Kind(
    slug="shared-state",
    title="State shared between calls",
    meaning="What backward needs is kept on the class, the module or in a global "
    "instead of on ctx: a second call before backward overwrites it. Or a later call "
    "uses what an earlier one left behind.",
    shows="Two calls, then backward of the first: its gradient is not the one it has "
    "alone. Or a value changes with what was computed before.",
    cure="Keep it on ctx, with save_for_backward; compute it anew in every call.",
    wrong="""\
import torch

class SquaredError(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, target):
        SquaredError.residual = prediction - target
        return SquaredError.residual.square().sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        return grad_output * 2 * SquaredError.residual, None

loss = SquaredError.apply
inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True), torch.zeros(3))
""",
    right="""\
import torch

class SquaredError(torch.autograd.Function):
    @staticmethod
    def forward(ctx, prediction, target):
        ctx.save_for_backward(prediction, target)
        return (prediction - target).square().sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        return grad_output * 2 * (prediction - target), None

loss = SquaredError.apply
inputs = (torch.tensor([1.0, 2.0, 4.0], requires_grad=True), torch.zeros(3))
""",
)


def explain(seen: Observation) -> Iterator[Finding]:
    """Call twice before one backward; call on b after a."""
    if seen.base.error is not None:
        return
    other = seen.other_batch
    alone = seen.run(other)
    first = seen.run()
    second = seen.run(other, on=first.call)
    gradients = seen.gradients(first)
    kept = _kept_on(seen)
    if seen.base_gradients.error is None:
        for leaf, own, now in zip(
            seen.inputs, seen.base_gradients.values, gradients.values, strict=True
        ):
            changed = gradients.error is not None or (
                own is not None
                and (
                    now is None
                    or not torch.allclose(own, now, rtol=1e-5, equal_nan=True)
                )
            )
            if changed:
                message = (
                    "A second call before backward changes the gradient of the first"
                )
                message += f": {kept}." if kept else "."
                if gradients.error is not None:
                    message = "After a second call, backward of the first raises: "
                    message += str(gradients.error).splitlines()[0]
                yield KIND.error(
                    message,
                    where=leaf.name,
                    rests_on=(Symptom.AGAIN,),
                    explains=(Symptom.GRADIENT, Symptom.SECOND, Symptom.KEPT),
                    weight=86,
                )
                return
    again = seen.run(on=seen.run().call)
    if not alone.finite or not second.finite or not seen.close(again.total, seen.value):
        return
    if not seen.close(alone.total, second.total):
        yield KIND.error(
            f"The loss of the same inputs is {second.total:.4g} after a call with "
            f"others, and {alone.total:.4g} alone: something computed in the first "
            "call is used again in the second.",
            rests_on=(Symptom.AGAIN,),
            explains=(Symptom.KEPT,),
            weight=72,
        )


def _kept_on(seen: Observation) -> str:
    for cls in seen.functions:
        for name, value in vars(cls).items():
            if isinstance(value, torch.Tensor):
                return f"`{cls.__name__}.{name}` is stored on the class"
    return ""
