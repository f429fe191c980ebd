"""The judge of one-loss-a-sample."""

import torch
from torch import Tensor

from ownloss.exercises.cases import Case

PAGE = "guide/backward"
KIND = "backward"
DIFFICULTY = 2
DEFINES = "SquaredDistance"
WITHOUT = ("enable_grad", "gradcheck")
HINTS = (
    "grad_output has one entry a sample, the gradient D entries a sample. Which shape "
    "must grad_output have, to be broadcast along the rows?",
    "`grad_output[:, None]` has shape (N, 1). Without it a batch of N = D samples runs "
    "without an error, and weights the columns.",
)


def cases() -> list[Case]:
    prediction = torch.tensor(
        [[0.5, -1.0, 2.0], [1.5, 0.2, -0.5], [3.0, 1.0, 0.0], [-2.0, 0.7, 1.0]]
    )
    target = torch.tensor(
        [[0.0, 1.0, 1.5], [1.0, -2.0, 0.5], [2.0, 0.4, 1.0], [0.3, 0.0, 2.0]]
    )
    return [
        Case((prediction.clone().requires_grad_(), target)),
        Case(
            (prediction[:3].clone().requires_grad_(), target[:3]),
            words="With as many samples as columns",
        ),
    ]


def reference(prediction: Tensor, target: Tensor) -> Tensor:
    return (prediction - target).square().sum(1)
