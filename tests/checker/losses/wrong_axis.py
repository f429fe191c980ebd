"""A softmax runs over the samples."""

import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .inputs import classification, labels, normal


@mistake("wrong-axis", reference=F.cross_entropy)
def log_softmax_over_the_batch():
    """log_softmax(0) of (N, C)."""

    def loss(logits, target):
        return F.nll_loss(logits.log_softmax(0), target)

    return loss, classification(5, 3)


@mistake("wrong-axis", reference=F.cross_entropy)
def softmax_over_the_batch():
    """log_softmax(dim=0): classes compete over the batch."""

    class CrossEntropy(nn.Module):
        def forward(self, logits, target):
            log_p = F.log_softmax(logits, dim=0)
            return -log_p.gather(1, target[:, None]).mean()

    return CrossEntropy(), classification(5, 4)


@mistake("wrong-axis", reference=F.cross_entropy)
def logsumexp_over_the_batch():
    """The normaliser sums over the samples."""

    def loss(logits, target):
        chosen = logits.gather(1, target[:, None])[:, 0]
        return (logits.logsumexp(0).mean() - chosen).mean()

    return loss, classification(5, 3)


def _per_step(logits, target):
    return F.cross_entropy(logits.transpose(1, 2), target)


def _steps():
    return normal(2, 4, 3, seed=1, grad=True), labels(3, 2, 4, seed=2)


@mistake("wrong-axis", reference=_per_step)
def softmax_over_time():
    """dim=1 of (N, T, C) is time."""

    class StepLoss(nn.Module):
        def forward(self, logits, target):
            log_p = F.log_softmax(logits, dim=1)
            return -log_p.gather(2, target[..., None]).mean()

    return StepLoss(), _steps()


@mistake("wrong-axis", reference=F.cross_entropy)
def module_with_dimension_zero():
    """nn.Softmax(dim=0), then the logarithm."""

    softmax = nn.Softmax(dim=0)

    def loss(logits, target):
        return -softmax(logits).log().gather(1, target[:, None]).mean()

    return loss, classification(6, 4)


@right(reference=_per_step)
def softmax_over_classes_last():
    """dim=-1 of (N, T, C)."""

    def loss(logits, target):
        return -logits.log_softmax(-1).gather(2, target[..., None]).mean()

    return loss, _steps()


@right(reference=_per_step)
def softmax_over_classes_in_the_middle():
    """(N, C, T), as cross_entropy wants it."""

    def loss(logits, target):
        return F.cross_entropy(logits.mT.contiguous(), target)

    return loss, _steps()


@right()
def contrastive_both_ways():
    """A softmax over rows and one over columns of a square of pairs."""

    def loss(similarity):
        rows = similarity.log_softmax(0).diagonal().mean()
        columns = similarity.log_softmax(1).diagonal().mean()
        return -(rows + columns) / 2

    return loss, (normal(4, 4, seed=3, grad=True),)
