"""The judge of distance-at-zero."""

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/special-points"
KIND = "repair"
DIFFICULTY = 2
DEFINES = "distance"
HINTS = (
    "`torch.where` computes the branch that is not chosen as well, and its gradient: "
    "infinity times 0. What may the root be taken of instead of 0?",
    "Use `torch.where` twice: before the root, to put 1 in the place of 0, and after "
    "it, to put 0 back.",
)


def cases() -> list[Case]:
    prediction = torch.tensor([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])
    target = torch.tensor([[0.0, 1.0], [1.0, 1.0], [2.0, 2.0]])
    hit = target.clone()
    hit[:2] = prediction[:2]
    return [
        Case((prediction.clone().requires_grad_(), target)),
        Case(
            (prediction.clone().requires_grad_(), hit),
            words="Where two of three predictions are perfect",
        ),
    ]


def reference(prediction: Tensor, target: Tensor) -> Tensor:
    return torch.linalg.vector_norm(prediction - target, dim=1).mean()


def mistakes() -> list[Mistake]:
    def squared(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).square().sum(1).mean()

    def whole(prediction: Tensor, target: Tensor) -> Tensor:
        return torch.linalg.vector_norm(prediction - target)

    def columns(prediction: Tensor, target: Tensor) -> Tensor:
        return torch.linalg.vector_norm(prediction - target, dim=0).mean()

    def all_pairs(prediction: Tensor, target: Tensor) -> Tensor:
        return torch.cdist(prediction, target).mean()

    def absolute(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).abs().sum(1).mean()

    return [
        Mistake(
            "These are the lengths of the columns; a sample is a row, so the norm runs "
            "over dimension 1.",
            loss=columns,
        ),
        Mistake(
            "`cdist` compares every prediction with every target; each has its own.",
            loss=all_pairs,
        ),
        Mistake(
            "This is the sum of the absolute values, not the root of the squares.",
            loss=absolute,
        ),
        Mistake("The root is missing: these are squared lengths.", loss=squared),
        Mistake(
            "This is the length of the whole batch as one vector; the loss is the mean "
            "of the lengths of its rows.",
            loss=whole,
        ),
    ]
