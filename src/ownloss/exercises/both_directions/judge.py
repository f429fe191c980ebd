"""The judge of both-directions."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/embedding-losses"
KIND = "repair"
DIFFICULTY = 2
DEFINES = "contrastive_loss"
HINTS = (
    "What happens to the loss if every vector is multiplied by 10? And which row or "
    "column of the matrix says where text j looks for its image?",
    "Divide each row by its length first (`F.normalize`). Take the cross entropy of "
    "the matrix and of its transpose, and their mean.",
)


def cases() -> list[Case]:
    place = torch.arange(12.0).reshape(4, 3)
    image = (1 + 2 * place.sin()).requires_grad_()
    text = (0.5 + 2 * (2 * place).cos()).requires_grad_()
    return [Case((image, text))]


def reference(image: Tensor, text: Tensor) -> Tensor:
    cosine = F.cosine_similarity(image[:, None], text[None, :], dim=2) / 0.1
    forth = cosine.log_softmax(1).diagonal()
    back = cosine.log_softmax(0).diagonal()
    return -(forth + back).mean() / 2


def mistakes() -> list[Mistake]:
    def both(a: Tensor, b: Tensor, scale: float = 10) -> Tensor:
        logits = scale * a @ b.T
        own = torch.arange(len(a))
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2

    def unit(rows: Tensor) -> Tensor:
        return F.normalize(rows, dim=1)

    def one_way(image: Tensor, text: Tensor) -> Tensor:
        logits = 10 * unit(image) @ unit(text).T
        return F.cross_entropy(logits, torch.arange(len(image)))

    def other_way(image: Tensor, text: Tensor) -> Tensor:
        return one_way(text, image)

    def long(image: Tensor, text: Tensor) -> Tensor:
        return both(image, text)

    def summed(image: Tensor, text: Tensor) -> Tensor:
        return 2 * both(unit(image), unit(text))

    def columns(image: Tensor, text: Tensor) -> Tensor:
        return both(F.normalize(image, dim=0), F.normalize(text, dim=0))

    def multiplied(image: Tensor, text: Tensor) -> Tensor:
        return both(unit(image), unit(text), 0.1)

    return [
        Mistake("One direction is missing: texts look for images, too.", loss=one_way),
        Mistake(
            "One direction is missing: images look for texts, too.", loss=other_way
        ),
        Mistake(
            "The rows are not normalised: longer vectors still lower the loss.",
            loss=long,
        ),
        Mistake(
            "The two directions are added; the task asks for their mean.", loss=summed
        ),
        Mistake(
            "The columns are normalised, dimension 0; the vectors are the rows, "
            "dimension 1.",
            loss=columns,
        ),
        Mistake(
            "The cosines are multiplied by 0.1; the temperature divides them.",
            loss=multiplied,
        ),
    ]
