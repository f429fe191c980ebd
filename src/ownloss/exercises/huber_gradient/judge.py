"""The judge of huber-gradient."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ownloss.exercises.cases import Case, Mistake, with_gradient

PAGE = "guide/regression-losses"
KIND = "derive"
DIFFICULTY = 1
DEFINES = "gradient"
WITHOUT = ("autograd", "backward", "requires_grad_", "huber_loss", "smooth_l1_loss")
HINTS = (
    "Differentiate the two cases one after the other. What is the derivative of |r|?",
    "It is r within delta, and delta times the sign of r beyond: one call of `clamp` "
    "says both. What does the mean over all entries do to it?",
)


def cases() -> list[Case]:
    prediction = torch.tensor([[0.35, -2.0, 4.0], [1.0, -0.4, -3.0]]).requires_grad_()
    return [Case((prediction, torch.zeros(2, 3), 1.5))]


def reference(prediction: Tensor, target: Tensor, delta: float) -> Tensor:
    return F.huber_loss(prediction, target, delta=delta)


def loss_of(answer: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return with_gradient(reference, answer)


def mistakes() -> list[Mistake]:
    def beyond(
        value: Callable[[Tensor, float], Tensor | float],
    ) -> Callable[..., Tensor]:
        def gradient(prediction: Tensor, target: Tensor, delta: float) -> Tensor:
            r = prediction - target
            return torch.where(r.abs() <= delta, r, value(r, delta)) / r.numel()

        return gradient

    return [
        Mistake(
            "Beyond delta the slope is delta, not 1.",
            gradient=beyond(lambda r, delta: r.sign()),
        ),
        Mistake(
            "Beyond delta the gradient has the sign of the residual.",
            gradient=beyond(lambda r, delta: torch.full_like(r, delta)),
        ),
        Mistake(
            "Beyond delta the gradient is 0: an outlier is ignored, and should have a "
            "gradient of delta or -delta.",
            gradient=beyond(lambda r, delta: torch.zeros_like(r)),
        ),
        Mistake(
            "This is the gradient of the parabola alone: beyond delta it must stop "
            "growing.",
            gradient=beyond(lambda r, delta: r),
        ),
        Mistake(
            "Only one side is clamped: the residual may not be below -delta, either.",
            gradient=lambda p, t, delta: (p - t).clamp(max=delta) / p.numel(),
        ),
        Mistake(
            "Beyond delta this is the loss; the gradient there is delta or -delta.",
            gradient=beyond(lambda r, delta: delta * (r.abs() - delta / 2)),
        ),
    ]
