"""The judge of squeezed-target."""

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/shapes"
KIND = "repair"
DIFFICULTY = 1
DEFINES = "squared_error"
HINTS = (
    "Print the shape of `prediction - target` for four samples. How many numbers is "
    "the mean taken over?",
    "Give both the same shape before you subtract: take dimension 1 from the "
    "prediction, or add one to the target.",
)


def cases() -> list[Case]:
    prediction = torch.tensor([[0.5], [2.0], [-1.0], [3.0]]).requires_grad_()
    target = torch.tensor([1.0, 2.5, 0.0, -1.0])
    return [
        Case((prediction, target)),
        Case(
            (prediction.detach()[:1].requires_grad_(), target[:1]),
            words="With a batch of one sample",
        ),
    ]


def reference(prediction: Tensor, target: Tensor) -> Tensor:
    return (prediction - target[:, None]).square().mean()


def mistakes() -> list[Mistake]:
    def all_pairs(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).square().mean()

    def transposed(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction.T - target[:, None]).square().mean()

    def summed(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).square().sum(1).mean()

    every = (
        "Every prediction is compared with every target: the difference has shape "
        "(4, 4), and should have one entry a sample."
    )

    def absolute(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction.squeeze(1) - target).abs().mean()

    def root(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction.squeeze(1) - target).square().mean().sqrt()

    return [
        Mistake("This is the absolute error; the task has squares.", loss=absolute),
        Mistake("This is the root of the mean; the task has no root.", loss=root),
        Mistake(every, loss=all_pairs),
        Mistake(every, loss=transposed),
        Mistake(every, loss=summed),
    ]
