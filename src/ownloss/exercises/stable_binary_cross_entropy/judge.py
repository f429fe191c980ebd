"""The judge of stable-binary-cross-entropy."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/infinity"
KIND = "stable"
DIFFICULTY = 2
DEFINES = "binary_cross_entropy"
WITHOUT = (
    *("binary_cross_entropy_with_logits", "BCEWithLogitsLoss"),
    *("soft_margin_loss", "SoftMarginLoss"),
)
HINTS = (
    "The sigmoid of 200 is rounded to 1, and log(1 - 1) is minus infinity. Write "
    "log(sigmoid(x)) without the sigmoid.",
    "log(sigmoid(x)) = -log(1 + exp(-x)) = -softplus(-x), and 1 - sigmoid(x) = "
    "sigmoid(-x). `torch.nn.functional.softplus` does not overflow.",
)


def cases() -> list[Case]:
    logits = torch.tensor([0.5, -1.0, 2.0, 0.0]).requires_grad_()
    target = torch.tensor([1.0, 0.0, 0.0, 0.5])
    sure = torch.tensor([200.0, -200.0, 90.0, -90.0]).requires_grad_()
    return [
        Case((logits, target)),
        Case((sure, torch.tensor([0.0, 1.0, 1.0, 0.0])), words="At logits of 200"),
    ]


def reference(logits: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, target)


def mistakes() -> list[Mistake]:
    def swapped(logits: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(-logits, target)

    def positive_part(logits: Tensor, target: Tensor) -> Tensor:
        return -(target * F.logsigmoid(logits)).mean()

    def one_minus_logit(logits: Tensor, target: Tensor) -> Tensor:
        second = (1 - target) * F.logsigmoid(1 - logits)
        return -(target * F.logsigmoid(logits) + second).mean()

    def one_minus_logarithm(logits: Tensor, target: Tensor) -> Tensor:
        second = (1 - target) * (1 - F.logsigmoid(logits))
        return -(target * F.logsigmoid(logits) + second).mean()

    def hundred(logits: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(logits.sigmoid(), target)

    return [
        Mistake(
            "1 - sigmoid(x) is sigmoid(-x), not sigmoid(1 - x).", loss=one_minus_logit
        ),
        Mistake(
            "log(1 - p) is not 1 - log(p): it is logsigmoid(-logits).",
            loss=one_minus_logarithm,
        ),
        Mistake(
            "`binary_cross_entropy` cuts its logarithm off at -100, and the sigmoid "
            "has been rounded before: a logit of 200 costs 200.",
            loss=hundred,
        ),
        Mistake(
            "The classes are swapped: a large logit must mean that the target is 1.",
            loss=swapped,
        ),
        Mistake(
            "The term with 1 - target is missing.",
            loss=positive_part,
        ),
    ]
