"""The judge of vmap-huber."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/vmap"
KIND = "transform"
DIFFICULTY = 1
DEFINES = "huber"
NEEDS = ("vmap",)
WITHOUT = ("huber_loss", "smooth_l1_loss", "HuberLoss", "SmoothL1Loss", "item")
HINTS = (
    "Under vmap both branches are needed, one for some samples and the other for the "
    "rest. Which function of torch chooses entry by entry?",
    "`torch.where(condition, this, that)`: compute both branches, then choose.",
)


def cases() -> list[Case]:
    def pair(prediction: float, target: float) -> tuple[Tensor, Tensor]:
        return torch.tensor(prediction).requires_grad_(), torch.tensor(target)

    return [
        Case(pair(0.5, 0.2)),
        Case(pair(3.0, -0.5), words="At a residual of 3.5"),
        Case(pair(-4.0, 0.5), words="At a residual of -4.5"),
    ]


def reference(prediction: Tensor, target: Tensor) -> Tensor:
    return F.huber_loss(prediction, target)


def mistakes() -> list[Mistake]:
    def no_half(prediction: Tensor, target: Tensor) -> Tensor:
        size = (prediction - target).abs()
        return torch.where(size <= 1, size**2, size - 0.5)

    def jumps(prediction: Tensor, target: Tensor) -> Tensor:
        size = (prediction - target).abs()
        return torch.where(size <= 1, size**2 / 2, size)

    def swapped(prediction: Tensor, target: Tensor) -> Tensor:
        size = (prediction - target).abs()
        return torch.where(size <= 1, size - 0.5, size**2 / 2)

    def clamped(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).abs().clamp(max=1) ** 2 / 2

    def absolute(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).abs()

    def minimum(prediction: Tensor, target: Tensor) -> Tensor:
        size = (prediction - target).abs()
        return torch.minimum(size**2 / 2, size - 0.5)

    def signed(prediction: Tensor, target: Tensor) -> Tensor:
        residual = prediction - target
        return torch.where(residual.abs() <= 1, residual**2 / 2, residual - 0.5)

    def squared(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target) ** 2 / 2

    return [
        Mistake("This is the absolute error, without the square.", loss=absolute),
        Mistake("This is the square alone, without the straight part.", loss=squared),
        Mistake(
            "The straight part is |r| - 1/2, and here it is r - 1/2: below 0.",
            loss=signed,
        ),
        Mistake(
            "The straight line lies below the square everywhere, so the minimum is "
            "always the line: choose by |r| <= 1.",
            loss=minimum,
        ),
        Mistake("The square is not halved.", loss=no_half),
        Mistake(
            "The loss jumps where |r| is 1: the straight part is |r| - 1/2.", loss=jumps
        ),
        Mistake("The two branches are swapped.", loss=swapped),
        Mistake(
            "Outside of [-1, 1] the gradient is 0: an outlier is ignored, and should "
            "have a gradient of 1 or -1.",
            loss=clamped,
        ),
    ]
