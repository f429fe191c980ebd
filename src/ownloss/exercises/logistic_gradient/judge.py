"""The judge of logistic-gradient."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ownloss.exercises.cases import Case, Mistake, with_gradient

PAGE = "guide/classification-losses"
KIND = "derive"
DIFFICULTY = 1
DEFINES = "gradient"
WITHOUT = ("autograd", "backward", "requires_grad_", "binary_cross_entropy", "BCELoss")
HINTS = (
    "First differentiate by p, then p by its logit, and multiply: the derivative of "
    "the sigmoid is p * (1 - p).",
    "The product is (p - target) / (p * (1 - p)) * p * (1 - p). What is left, and what "
    "does the mean over all entries do to it?",
)


def cases() -> list[Case]:
    logits = torch.tensor([[2.0, -1.0, 0.5], [-3.0, 1.5, 0.2]]).requires_grad_()
    target = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.3]])
    far = torch.tensor([[60.0, -60.0, 90.0]]).requires_grad_()
    return [
        Case((logits, target)),
        Case(
            (far, torch.tensor([[0.0, 1.0, 1.0]])),
            words="At logits of 60 and more, right and wrong",
        ),
    ]


def reference(logits: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, target)


def loss_of(answer: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return with_gradient(reference, answer)


def mistakes() -> list[Mistake]:
    def times_slope(logits: Tensor, target: Tensor) -> Tensor:
        p = logits.sigmoid()
        return (p - target) * p * (1 - p) / logits.numel()

    def rows(logits: Tensor, target: Tensor) -> Tensor:
        return (logits.sigmoid() - target) / len(logits)

    def decided(logits: Tensor, target: Tensor) -> Tensor:
        return ((logits > 0).to(logits) - target) / logits.numel()

    def of_logits(logits: Tensor, target: Tensor) -> Tensor:
        return (logits - target) / logits.numel()

    return [
        Mistake(
            "The factor p * (1 - p) is one too many: it cancels with the denominator "
            "of the derivative by p.",
            gradient=times_slope,
        ),
        Mistake(
            "The mean is over all entries; the gradient is divided by the number of "
            "rows.",
            gradient=rows,
        ),
        Mistake(
            "This takes the decision, 0 or 1, in place of the probability.",
            gradient=decided,
        ),
        Mistake(
            "The logits are no probabilities: the sigmoid is missing.",
            gradient=of_logits,
        ),
    ]
