"""Right losses that are satisfied, or have nothing to do, at the inputs given."""

import torch
import torch.nn.functional as F
from torch import nn

from . import right
from .inputs import labels, normal, regression, uniform


def _apart(rows=4, size=16):
    return normal(rows, size, seed=1, grad=True), normal(rows, size, seed=2)


@right()
def satisfied_hinge_on_cosines():
    """Cosines of vectors far apart: the margin is met, scaling does not change it."""

    def dissimilar(a, b):
        return F.relu(0.3 - (1 - F.cosine_similarity(a, b))).square().sum()

    return dissimilar, _apart()


@right()
def satisfied_angular_margin():
    """Angles between normalised vectors, all beyond the margin."""

    def angular(a, b, margin=0.5):
        z, w = F.normalize(a, dim=1), F.normalize(b, dim=1)
        angle = torch.acos((z * w).sum(1).clamp(-0.999, 0.999))
        return F.relu(margin - angle).mean()

    return angular, _apart()


@right()
def satisfied_correlation():
    """No penalty while a correlation stays below a threshold."""

    def decorrelated(a, b):
        a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
        r = F.cosine_similarity(a, b)
        return (r.abs() - 0.8).clamp(min=0).mean()

    return decorrelated, _apart()


@right()
def satisfied_triplets_of_unit_vectors():
    """Triplets on the sphere: the negatives are far, the positives are near."""

    class Triplet(nn.Module):
        def forward(self, anchor, positive, negative):
            a, p, n = (F.normalize(x, dim=1) for x in (anchor, positive, negative))
            near = 1 - (a * p).sum(1)
            far = 1 - (a * n).sum(1)
            return F.relu(near - far + 0.2).mean()

    anchor = normal(4, 12, seed=1)
    positive = anchor + 0.05 * normal(4, 12, seed=2)
    inputs = anchor.requires_grad_(), positive, normal(4, 12, seed=3)
    return Triplet(), inputs


@right()
def satisfied_negatives_in_the_batch():
    """All labels differ and all similarities lie below the margin."""

    def contrastive(embedding, labels):
        z = F.normalize(embedding, dim=1)
        different = labels[:, None] != labels
        return (F.relu(z @ z.T - 0.6) * different).sum() / different.sum().clamp(min=1)

    return contrastive, (normal(4, 16, seed=1, grad=True), torch.arange(4))


@right()
def inside_the_tube():
    """An epsilon-insensitive loss with every residual inside."""

    def insensitive(prediction, target):
        return F.relu((prediction - target).abs() - 0.5).sum()

    target = normal(6, seed=1)
    return insensitive, ((target + 0.1).requires_grad_(), target)


@right()
def every_ratio_is_clipped():
    """PPO far from the old policy: every ratio is outside, on the clipped side."""

    def ppo(log_p, old_log_p, advantage):
        ratio = (log_p - old_log_p).exp()
        clipped = ratio.clamp(0.8, 1.2)
        return -torch.min(ratio * advantage, clipped * advantage).mean()

    old = -1 - uniform(5, seed=2)
    return ppo, ((old + 0.9).requires_grad_(), old, uniform(5, seed=3))


@right()
def no_hard_negative_here():
    """Online mining keeps the samples above a loss; at these inputs there is none."""

    def mined(logits, labels):
        loss = F.cross_entropy(logits, labels, reduction="none")
        return loss[loss > 0.7].sum() / len(loss)

    target = torch.tensor([0, 2, 1, 2])
    logits = (4 * F.one_hot(target, 3)).double().requires_grad_()
    return mined, (logits, target)


@right()
def nothing_selected_here():
    """A mask that happens to select nothing; the sum is 0 and has a graph."""

    def masked(prediction, target, mask):
        return ((prediction - target).square() * mask).sum() / mask.sum().clamp(min=1)

    prediction, target = regression(4, 3)
    return masked, (prediction, target, torch.zeros(4, 3, dtype=torch.bool))


@right()
def every_label_ignored_here():
    """A padded batch, summed: every label is -100."""

    def summed(logits, labels):
        return F.cross_entropy(logits, labels, reduction="sum")

    return summed, (normal(4, 3, seed=1, grad=True), torch.full((4,), -100))


@right()
def no_positive_pair_here():
    """Pull pairs of a label together; every label occurs once."""

    def compact(embedding, labels):
        z = F.normalize(embedding, dim=1)
        same = (labels[:, None] == labels).triu(1)
        return ((1 - z @ z.T) * same).sum() / same.sum().clamp(min=1)

    return compact, (normal(5, 3, seed=1, grad=True), torch.arange(5))


@right()
def no_overlap_here():
    """Repulsion of boxes: none of them overlap at these inputs."""

    def repulsion(boxes):
        low = torch.maximum(boxes[:, None, :2], boxes[:, :2])
        high = torch.minimum(boxes[:, None, 2:], boxes[:, 2:])
        overlap = F.relu(high - low).prod(-1).triu(1)
        return overlap.sum()

    corner = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0], [4.0, 4.0]]).double()
    return repulsion, (torch.cat([corner, corner + 1.5], 1).requires_grad_(),)


@right()
def gate_closed_here():
    """A warm-up factor of 0 is passed in at the first step."""

    def annealed(mu, log_var, beta):
        kl = -0.5 * (1 + log_var - mu.square() - log_var.exp()).sum(1)
        return (beta * kl).mean()

    inputs = normal(3, 2, seed=1, grad=True), normal(3, 2, seed=2), 0.0
    return annealed, inputs


@right()
def labels_below_every_threshold():
    """Ordinal hinges between neighbours, all of them met."""

    def ordinal(score, grade):
        step = torch.tensor([-3.0, 3.0], dtype=score.dtype)
        sign = torch.where(grade[:, None] > torch.arange(2), 1.0, -1.0)
        return F.relu(1 - sign * (score[:, None] - step)).sum()

    grade = labels(3, 5, seed=1)
    return ordinal, ((6.0 * (grade - 1)).double().requires_grad_(), grade)
