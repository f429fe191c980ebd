"""The loss assumes an order of the samples."""

import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .inputs import binary, classification, labels, normal, regression, uniform


def _survival():
    event = binary(8, seed=2)
    return normal(8, seed=1, grad=True), uniform(8, high=9.0, seed=5), event


def _cox(theta, time, event):
    at_risk = time[None, :] >= time[:, None]
    masked = theta.expand(len(theta), -1).masked_fill(~at_risk, -torch.inf)
    return -((theta - masked.logsumexp(1)) * event).sum() / event.sum().clamp(min=1)


@mistake("batch-order", reference=_cox)
def cumulative_sum_of_unsorted_times():
    """Cox: the cumulative sum is the risk set only if times descend."""

    class CoxPH(nn.Module):
        def forward(self, theta, time, event):
            log_risk = torch.logcumsumexp(theta, dim=0)
            return -((theta - log_risk) * event).sum() / event.sum().clamp(min=1)

    return CoxPH(), _survival()


@right(reference=_cox)
def cumulative_sum_of_sorted_times():
    """The same, sorted first."""

    class CoxPH(nn.Module):
        def forward(self, theta, time, event):
            order = torch.argsort(time, descending=True)
            theta, event = theta[order], event[order]
            log_risk = torch.logcumsumexp(theta, dim=0)
            return -((theta - log_risk) * event).sum() / event.sum().clamp(min=1)

    return CoxPH(), _survival()


@mistake("batch-order")
def neighbours_are_pairs():
    """Learning loss: rows 2 i and 2 i + 1 are compared, whatever they are."""

    class LearningLoss(nn.Module):
        def __init__(self, margin=1.0):
            super().__init__()
            self.margin = margin

        def forward(self, prediction, target):
            p = prediction[::2] - prediction[1::2]
            t = target[::2] - target[1::2]
            return F.relu(self.margin - torch.sign(t) * p).mean()

    return LearningLoss(), regression(8)


@mistake("batch-order")
def first_half_is_real():
    """GAN: the first half of the batch is taken for real samples."""

    def discriminator_loss(scores, domain):
        half = scores.size(0) // 2
        real, fake = scores[:half], scores[half:]
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    return discriminator_loss, (normal(8, 1, seed=1, grad=True), binary(8, seed=2))


@mistake(
    "batch-order",
    reference=lambda x, t: (
        F.cross_entropy(x, t, reduction="none").topk(3).values.mean()
    ),
)
def first_rows_taken_for_the_hardest():
    """Online hard examples: the first k losses instead of the largest k."""

    class OHEM(nn.Module):
        def __init__(self, k=3):
            super().__init__()
            self.k = k

        def forward(self, logits, target):
            loss = F.cross_entropy(logits, target, reduction="none")
            return loss[: self.k].mean()

    return OHEM(), classification(9, 4)


def _listwise(scores, relevance):
    order = relevance.argsort(descending=True, stable=True)
    s = scores[order]
    return (s.flip(0).logcumsumexp(0).flip(0) - s).mean()


@mistake("batch-order", reference=_listwise)
def list_assumed_sorted_by_relevance():
    """ListMLE: the documents are assumed to come in order of relevance."""

    def list_mle(scores, relevance):
        tail = torch.logcumsumexp(scores.flip(0), dim=0).flip(0)
        return (tail - scores).mean()

    relevance = torch.tensor([1.0, 4.0, 0.0, 3.0, 2.0], dtype=torch.float64)
    return list_mle, (normal(5, seed=1, grad=True), relevance)


def _prototypes(embedding, target):
    prototypes = torch.stack(
        [
            embedding[target == c].sum(0) / (target == c).sum().clamp(min=1)
            for c in range(3)
        ]
    )
    return F.cross_entropy(-(torch.cdist(embedding, prototypes) ** 2), target)


@mistake("batch-order")
def first_rows_are_the_support():
    """Prototypes are the first row of every class as it happens to come."""

    class PrototypeLoss(nn.Module):
        def __init__(self, classes=3):
            super().__init__()
            self.classes = classes

        def forward(self, embedding, target):
            support = embedding[: self.classes]
            query, query_target = embedding[self.classes :], target[self.classes :]
            distance = torch.cdist(query, support)
            return F.cross_entropy(-(distance**2), query_target)

    return PrototypeLoss(), (normal(9, 4, seed=1, grad=True), labels(3, 9, seed=2))


@right(reference=_prototypes)
def class_means_are_the_support():
    """The same with the mean of each class."""

    def prototype_loss(embedding, target):
        onehot = F.one_hot(target, 3).to(embedding.dtype)
        prototypes = onehot.T @ embedding / onehot.sum(0).clamp(min=1)[:, None]
        d2 = (embedding[:, None] - prototypes[None]).pow(2).sum(-1)
        return F.cross_entropy(-d2, target)

    return prototype_loss, (normal(9, 4, seed=1, grad=True), labels(3, 9, seed=2))


@mistake("batch-order", reference=lambda p, t: F.mse_loss(p - p.mean(0), t - t.mean(0)))
def relative_to_the_first_row():
    """Offsets are removed by the first row of the batch."""

    class RelativeMSE(nn.Module):
        def forward(self, prediction, target):
            p = prediction - prediction[:1]
            t = target - target[:1]
            return F.mse_loss(p, t)

    return RelativeMSE(), regression(6, 2)


@mistake("batch-order", reference=lambda x, t: F.cross_entropy(x, t))
def exponentially_discounted_rows():
    """A decay along the batch, left over from a recurrent loss."""

    def discounted(logits, target, decay=0.9):
        loss = F.cross_entropy(logits, target, reduction="none")
        weight = decay ** torch.arange(len(loss), dtype=loss.dtype)
        return (weight * loss).sum() / weight.sum()

    return discounted, classification(7, 3)


def _two_views(first, second, *, dim):
    count = len(first)
    views = torch.cat([first, second], 0)
    if dim:
        views = torch.stack([first, second], 1).flatten(0, 1)
    logits = F.normalize(views, dim=1) @ F.normalize(views, dim=1).T / 0.3
    own = torch.eye(2 * count, dtype=torch.bool)
    partner = (torch.arange(2 * count) + count) % (2 * count)
    return F.cross_entropy(logits.masked_fill(own, -torch.inf), partner)


@mistake("batch-order", reference=lambda *x: _two_views(*x, dim=0))
def views_interleaved():
    """Views lie side by side, and partners are looked for in the other half."""

    def loss(first, second):
        return _two_views(first, second, dim=1)

    return loss, (normal(4, 5, seed=1, grad=True), normal(4, 5, seed=2, grad=True))


@right(reference=lambda *x: _two_views(*x, dim=0))
def views_in_two_halves():
    """All first views, then all second views."""

    def loss(first, second):
        return _two_views(first, second, dim=0)

    return loss, (normal(4, 5, seed=1, grad=True), normal(4, 5, seed=2, grad=True))


def _hardest_half(scores, positive):
    others = scores[~positive]
    hardest = others.topk(-(-len(others) // 2)).values
    return (0.3 - (scores[positive][:, None] - hardest)).relu().square().mean()


def _nine_scores():
    return normal(9, seed=1, grad=True), torch.arange(9) % 3 == 1


@mistake("batch-order", reference=_hardest_half)
def first_half_for_the_hardest():
    """A partial AUC of the negatives that happen to come first."""

    def loss(scores, positive):
        others = scores[~positive]
        hardest = others[: -(-len(others) // 2)]
        return (0.3 - (scores[positive][:, None] - hardest)).relu().square().mean()

    return loss, _nine_scores()
