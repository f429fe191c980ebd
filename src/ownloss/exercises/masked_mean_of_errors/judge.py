"""The judge of masked-mean-of-errors."""

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/masks"
KIND = "repair"
DIFFICULTY = 2
DEFINES = "masked_error"
HINTS = (
    "`mean` divides by all entries: divide the sum by the number of True entries. And "
    "what is 0 times nan?",
    "Choose with `torch.where(mask, prediction - target, 0.0)` before you square, and "
    "divide by `mask.sum().clamp(min=1)`.",
)


def cases() -> list[Case]:
    prediction = torch.tensor(
        [[1.0, 2.0, 0.5, -1.0], [0.0, 1.5, 2.0, 0.5], [3.0, 1.0, -0.5, 2.0]]
    )
    target = torch.tensor(
        [[0.0, 1.0, 1.5, 0.0], [1.0, 1.0, 0.5, 2.0], [2.0, 2.0, 0.0, 1.0]]
    )
    mask = torch.tensor([[True] * 3 + [False], [True] * 2 + [False] * 2, [True] * 4])
    padded = torch.where(mask, target, torch.nan)
    return [
        Case((prediction.clone().requires_grad_(), target, mask), mask=mask),
        Case(
            (prediction.clone().requires_grad_(), padded, mask),
            words="With nan in the padding of the target",
        ),
        Case(
            (prediction.clone().requires_grad_(), target, torch.zeros_like(mask)),
            words="Where no entry counts",
        ),
    ]


def reference(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    chosen = torch.where(mask, target, prediction.detach())
    residual = torch.where(mask, prediction - chosen, 0)
    return residual.square().sum() / mask.sum().clamp(min=1)


def mistakes() -> list[Mistake]:
    def all_entries(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        residual = torch.where(mask, prediction - target, 0)
        return residual.square().mean()

    def by_rows(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        residual = torch.where(mask, prediction - target, 0)
        counts = mask.sum(1).clamp(min=1)
        return (residual.square().sum(1) / counts).mean()

    def summed(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask, prediction - target, 0).square().sum()

    def one_more(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        return summed(prediction, target, mask) / (mask.sum() + 1)

    def absolute(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        error = torch.where(mask, prediction - target, 0).abs()
        return error.sum() / mask.sum().clamp(min=1)

    def inverted(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        return reference(prediction, target, ~mask)

    return [
        Mistake("This is the absolute error; the task has squares.", loss=absolute),
        Mistake("The mask is the wrong way round: True counts.", loss=inverted),
        Mistake(
            "The number of True entries is one too large: the 1 is for the case that "
            "there is none, so `clamp(min=1)` and not `+ 1`.",
            loss=one_more,
        ),
        Mistake(
            "The sum is divided by the number of all entries, padding included; divide "
            "by the number of True entries.",
            loss=all_entries,
        ),
        Mistake(
            "Each row is averaged by itself, so an entry of a short row counts more; "
            "the mean is over all True entries together.",
            loss=by_rows,
        ),
        Mistake("The sum is not divided by the number of True entries.", loss=summed),
    ]
