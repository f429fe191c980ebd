"""The judge of next-token."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/language-losses"
KIND = "repair"
DIFFICULTY = 1
DEFINES = "next_token_loss"
HINTS = (
    "Which logits predict the token at place 1? Which logits have no token to predict?",
    "Cut the last place from the logits and the first from the tokens, both along "
    "dimension 1, before anything is flattened.",
)


def cases() -> list[Case]:
    logits = (2 * torch.arange(40.0).sin()).reshape(2, 4, 5)
    tokens = torch.tensor([[0, 3, 1, 2], [4, 2, 2, 0]])
    padded = torch.tensor([[0, 3, 1, 2], [4, 2, -100, -100]])
    return [
        Case((logits.clone().requires_grad_(), tokens)),
        Case((logits.clone().requires_grad_(), padded), words="With padding"),
    ]


def reference(logits: Tensor, tokens: Tensor) -> Tensor:
    log_probs = logits.log_softmax(2)[:, :-1]
    following = tokens[:, 1:]
    counts = following != -100
    index = following.clamp(min=0)[..., None]
    chosen = log_probs.gather(2, index)[..., 0]
    return -chosen[counts].sum() / counts.sum()


def mistakes() -> list[Mistake]:
    def same_place(logits: Tensor, tokens: Tensor) -> Tensor:
        return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())

    def one_before(logits: Tensor, tokens: Tensor) -> Tensor:
        return F.cross_entropy(logits[:, 1:].flatten(0, 1), tokens[:, :-1].flatten())

    def flat_first(logits: Tensor, tokens: Tensor) -> Tensor:
        return F.cross_entropy(logits.flatten(0, 1)[:-1], tokens.flatten()[1:])

    def rolled(logits: Tensor, tokens: Tensor) -> Tensor:
        return F.cross_entropy(logits.flatten(0, 1), tokens.roll(-1, 1).flatten())

    def texts(logits: Tensor, tokens: Tensor) -> Tensor:
        logits, tokens = logits[:, :-1].transpose(1, 2), tokens[:, 1:]
        each = F.cross_entropy(logits, tokens, reduction="none")
        return (each.sum(1) / (tokens != -100).sum(1)).mean()

    def padding_counts(logits: Tensor, tokens: Tensor) -> Tensor:
        logits, tokens = logits[:, :-1].transpose(1, 2), tokens[:, 1:]
        return F.cross_entropy(logits, tokens, reduction="none").mean()

    return [
        Mistake(
            "Each place still predicts its own token: a model that copies has no loss.",
            loss=same_place,
        ),
        Mistake(
            "It is shifted to the other side: each place predicts the token before it.",
            loss=one_before,
        ),
        Mistake(
            "It is flattened before it is shifted: the last place of a text predicts "
            "the first token of the next one.",
            loss=flat_first,
        ),
        Mistake(
            "`roll` brings the first token to the end: the last place of a text has "
            "nothing to predict, and predicts it.",
            loss=rolled,
        ),
        Mistake(
            "It is a mean over the texts of each text's mean; all places that count "
            "are to weigh the same.",
            loss=texts,
        ),
        Mistake(
            "Padding counts in the mean: divide by the number of places that count.",
            loss=padding_counts,
        ),
    ]
