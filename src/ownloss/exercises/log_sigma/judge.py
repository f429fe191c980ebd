"""The judge of log-sigma."""

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/learned-parameters"
KIND = "stable"
DIFFICULTY = 1
DEFINES = "gaussian_nll"
WITHOUT = ("gaussian_nll_loss",)
HINTS = (
    "Which of the two terms overflows at log_sigma = 100? Is its value not known "
    "already?",
    "log(sigma) is log_sigma. Write 1 / sigma² with one exponential, too.",
)


def cases() -> list[Case]:
    mean = torch.tensor([0.5, -1.0, 2.0]).requires_grad_()
    target = torch.tensor([0.2, 1.0, 1.5])

    def width(*values: float) -> Tensor:
        return torch.tensor(values).requires_grad_()

    return [
        Case((mean, width(0.0, 0.7, -1.2), target)),
        Case((mean, width(100.0, 90.0, 0.5), target), words="At a log of 100"),
        Case((mean, width(-30.0, -20.0, 0.5), target), words="At a log of -30"),
    ]


def reference(mean: Tensor, log_sigma: Tensor, target: Tensor) -> Tensor:
    scaled = (target - mean).square() * (-2 * log_sigma).exp()
    return (log_sigma + scaled / 2).mean()


def mistakes() -> list[Mistake]:
    def variance(mean: Tensor, log_sigma: Tensor, target: Tensor) -> Tensor:
        scaled = (target - mean).square() * (-log_sigma).exp()
        return (log_sigma + scaled / 2).mean()

    def no_half(mean: Tensor, log_sigma: Tensor, target: Tensor) -> Tensor:
        scaled = (target - mean).square() * (-2 * log_sigma).exp()
        return (log_sigma + scaled).mean()

    return [
        Mistake(
            "The square is divided by sigma; sigma² is exp(2 * log_sigma).",
            loss=variance,
        ),
        Mistake("The square is divided by 2 * sigma²: the 2 is missing.", loss=no_half),
    ]
