"""The judge of last-batch."""

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/module"
KIND = "repair"
DIFFICULTY = 1
DEFINES = "SquaredError"
HINTS = (
    "Call the loss with three samples. By what is their sum divided?",
    "`len(prediction)` is the number of samples of this call; or take the sum over "
    "dimension 1, and the mean of what is left.",
)


def cases() -> list[Case]:
    prediction = torch.tensor([[0.5, -1.0], [1.5, 0.2], [3.0, 1.0], [-2.0, 0.7]])
    target = torch.tensor([[0.0, 1.0], [1.0, -2.0], [2.0, 0.4], [0.3, 0.0]])
    return [
        Case((prediction.clone().requires_grad_(), target)),
        Case(
            (prediction[:3].clone().requires_grad_(), target[:3]),
            words="With a last batch of three samples",
        ),
        Case(
            (prediction[:1].clone().requires_grad_(), target[:1]),
            words="With a last batch of one sample",
        ),
    ]


def reference(prediction: Tensor, target: Tensor) -> Tensor:
    return (prediction - target).square().sum(1).mean()


def mistakes() -> list[Mistake]:
    def by_four(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).square().sum() / 4

    def entries(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).square().mean()

    def columns(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).square().sum() / prediction.shape[1]

    return [
        Mistake(
            "It divides by 4 whatever the number of samples: a last batch of one "
            "counts a quarter.",
            loss=by_four,
        ),
        Mistake(
            "The mean is over the samples; this divides by the number of entries.",
            loss=entries,
        ),
        Mistake(
            "It divides by the number of columns; the mean is over the samples.",
            loss=columns,
        ),
    ]
