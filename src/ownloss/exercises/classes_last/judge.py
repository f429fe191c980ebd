"""The judge of classes-last."""

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/labels"
KIND = "repair"
DIFFICULTY = 1
DEFINES = "sequence_loss"
HINTS = (
    "Fill the logits of one sentence of two words and three classes with "
    "`torch.arange(6)`: which numbers belong to the first word before the view, and "
    "which after it?",
    "Move the dimension instead of renaming it: `transpose(1, 2)`, or flatten the "
    "first two dimensions of both.",
)


def cases() -> list[Case]:
    logits = (2 * torch.arange(24.0).sin()).reshape(2, 3, 4).requires_grad_()
    return [Case((logits, torch.tensor([[0, 3, 1], [2, 2, 0]])))]


def reference(logits: Tensor, labels: Tensor) -> Tensor:
    return -logits.log_softmax(2).gather(2, labels[..., None]).mean()


def mistakes() -> list[Mistake]:
    def chosen(log_probs: Tensor, labels: Tensor) -> Tensor:
        return -log_probs.gather(2, labels[..., None])

    def viewed(logits: Tensor, labels: Tensor) -> Tensor:
        n, t, c = logits.shape
        return chosen(logits.reshape(n, c, t).log_softmax(1).mT, labels).mean()

    def over_words(logits: Tensor, labels: Tensor) -> Tensor:
        return chosen(logits.log_softmax(1), labels).mean()

    def over_samples(logits: Tensor, labels: Tensor) -> Tensor:
        return chosen(logits.log_softmax(0), labels).mean()

    def sentences(logits: Tensor, labels: Tensor) -> Tensor:
        return chosen(logits.log_softmax(2), labels).sum((1, 2)).mean()

    return [
        Mistake(
            "The logits of one word are still torn apart: `view` and `reshape` rename "
            "dimensions, they do not move them.",
            loss=viewed,
        ),
        Mistake("The softmax runs over the words of a sentence.", loss=over_words),
        Mistake("The softmax runs over the sentences.", loss=over_samples),
        Mistake(
            "It is summed over the words of a sentence; the mean is over all words.",
            loss=sentences,
        ),
    ]
