"""The judge of ranking-pairs."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/ranking-losses"
KIND = "repair"
DIFFICULTY = 2
DEFINES = "ranking_loss"
WITHOUT = ("margin_ranking_loss",)
HINTS = (
    "For one pair, what does the loss do if the score of i grows: should it rise or "
    "fall? And is an item more relevant than itself?",
    "`softplus(-difference)` falls with the score of i. Replace >= by >.",
)


def cases() -> list[Case]:
    score = torch.tensor([0.5, -1.0, 2.0, 0.3]).requires_grad_()
    return [
        Case((score, torch.tensor([2.0, 0.0, 1.0, 3.0]))),
        Case((score, torch.tensor([1.0, 0.0, 1.0, 0.0])), words="With ties"),
    ]


def reference(score: Tensor, relevance: Tensor) -> Tensor:
    first, second = torch.nonzero(
        relevance[:, None] > relevance[None, :], as_tuple=True
    )
    return -F.logsigmoid(score[first] - score[second]).mean()


def mistakes() -> list[Mistake]:
    def pairwise(
        words: str, sign: float, ties: bool, mean_of_all: bool = False
    ) -> Mistake:
        def loss(score: Tensor, relevance: Tensor) -> Tensor:
            losses = F.softplus(sign * (score[:, None] - score[None, :]))
            i, j = relevance[:, None], relevance[None, :]
            pairs = i >= j if ties else i > j
            if mean_of_all:
                return (losses * pairs).mean()
            return losses[pairs].mean()

        return Mistake(words, loss=loss)

    def hinge(score: Tensor, relevance: Tensor) -> Tensor:
        pairs = relevance[:, None] > relevance[None, :]
        return (1 - (score[:, None] - score[None, :])).clamp(min=0)[pairs].mean()

    return [
        pairwise(
            "The sign is still wrong: a higher score of the more relevant item raises "
            "the loss.",
            1,
            ties=False,
        ),
        pairwise(
            "Ties still count, and so does each item against itself.", -1, ties=True
        ),
        pairwise("The sign is still wrong, and ties still count.", 1, ties=True),
        pairwise(
            "The mean is over all N² pairs; it should be over those that count.",
            -1,
            ties=False,
            mean_of_all=True,
        ),
        Mistake("This is a hinge; the task has log(1 + exp(-x)).", loss=hinge),
    ]
