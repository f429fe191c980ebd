"""The judge of dice-an-image."""

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/segmentation-losses"
KIND = "repair"
DIFFICULTY = 2
DEFINES = "dice_loss"
HINTS = (
    "Which dimensions does a bare `sum()` run over? Which of them should be left?",
    "Take each sum over dimensions 1 and 2, the quotient for each image, and the mean "
    "at the very end.",
)


def cases() -> list[Case]:
    place = torch.arange(24.0).reshape(2, 3, 4)
    probability = (0.5 + 0.4 * (2 * place).sin()).requires_grad_()
    target = torch.zeros(2, 3, 4)
    target[0, :, :3] = 1
    target[1, 1, 1] = 1
    empty = torch.full((2, 3, 4), 0.1)
    return [
        Case((probability, target)),
        Case((empty.requires_grad_(), torch.zeros(2, 3, 4)), words="With empty images"),
    ]


def reference(probability: Tensor, target: Tensor) -> Tensor:
    probability, target = probability.flatten(1), target.flatten(1)
    area = (probability + target).sum(1)
    return (1 - (2 * (probability * target).sum(1) + 1) / (area + 1)).mean()


def mistakes() -> list[Mistake]:
    def dice(
        words: str,
        over: tuple[int, ...] = (1, 2),
        two: float = 2,
        above: float = 1,
        below: float = 1,
    ) -> Mistake:
        def loss(probability: Tensor, target: Tensor) -> Tensor:
            both = (probability * target).sum(over)
            area = probability.sum(over) + target.sum(over)
            return (1 - (two * both + above) / (area + below)).mean()

        return Mistake(words, loss=loss)

    pixels = "they should run over all pixels of an image, dimensions 1 and 2."
    return [
        dice(
            "The overlap is still that of the whole batch: large objects hide small "
            "ones.",
            over=(0, 1, 2),
        ),
        dice(f"The sums run over one row of pixels; {pixels}", over=(2,)),
        dice(f"The sums run over one column of pixels; {pixels}", over=(1,)),
        dice(f"The sums run over the images; {pixels}", over=(0,)),
        dice(
            "The factor 2 of the overlap is missing: an image that is predicted "
            "perfectly costs nearly 1/2.",
            two=1,
        ),
        dice(
            "The 1 is added below alone: an empty image that is predicted as empty "
            "costs 1.",
            above=0,
        ),
        dice(
            "The 1 is missing above and below: an empty image that is predicted as "
            "empty costs 1, or 0 / 0.",
            above=0,
            below=0,
        ),
    ]
