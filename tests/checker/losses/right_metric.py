"""Right losses of metric, contrastive and self-supervised learning."""

import torch
import torch.nn.functional as F
from torch import nn

from . import right
from .inputs import binary, labels, normal


def _embedded(rows=6, size=4):
    return normal(rows, size, seed=1, grad=True), labels(2, rows, seed=2)


def _two_views(rows=5, size=4):
    return normal(rows, size, seed=1, grad=True), normal(rows, size, seed=2, grad=True)


@right(reference=F.triplet_margin_loss)
def triplet():
    """Triplet margin loss with the eps of torch inside the distance."""

    def triplet_loss(anchor, positive, negative, margin=1.0):
        d_pos = F.pairwise_distance(anchor, positive)
        d_neg = F.pairwise_distance(anchor, negative)
        return F.relu(d_pos - d_neg + margin).mean()

    return triplet_loss, tuple(normal(5, 4, seed=s, grad=True) for s in (1, 2, 3))


@right()
def siamese():
    """Contrastive loss of pairs, on squared distances for like pairs."""

    class Contrastive(nn.Module):
        def __init__(self, margin=2.0):
            super().__init__()
            self.margin = margin

        def forward(self, a, b, same):
            d2 = (a - b).pow(2).sum(1)
            distance = (d2 + 1e-9).sqrt()
            push = F.relu(self.margin - distance).pow(2)
            return (same * d2 + (1 - same) * push).mean()

    return Contrastive(), (*_two_views(), binary(5, seed=3))


@right(
    reference=lambda a, b: F.cross_entropy(
        F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / 0.2, torch.arange(len(a))
    )
)
def info_nce():
    """InfoNCE with in-batch negatives."""

    class InfoNCE(nn.Module):
        def __init__(self, temperature=0.2):
            super().__init__()
            self.temperature = temperature

        def forward(self, a, b):
            logits = F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / self.temperature
            return (logits.logsumexp(1) - logits.diagonal()).mean()

    return InfoNCE(), _two_views()


@right()
def clip_with_learned_temperature():
    """CLIP: symmetric cross-entropy, the logit scale is a parameter."""

    class CLIPLoss(nn.Module):
        def __init__(self):
            super().__init__()
            self.logit_scale = nn.Parameter(torch.tensor(1.0))

        def forward(self, image, text):
            image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
            logits = self.logit_scale.exp() * image @ text.T
            target = torch.arange(len(logits))
            return (
                F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)
            ) / 2

    a, b = (normal(4, 3, seed=s, dtype=torch.float32, grad=True) for s in (1, 2))
    return CLIPLoss(), (a, b)


@right()
def supervised_contrastive():
    """SupCon; anchors without a positive count 0."""

    def supcon(features, target, temperature=0.5):
        z = F.normalize(features, dim=1)
        logits = z @ z.T / temperature
        eye = torch.eye(len(z), dtype=torch.bool)
        log_p = logits - logits.masked_fill(eye, -torch.inf).logsumexp(1, keepdim=True)
        positive = (target[:, None] == target[None]) & ~eye
        count = positive.sum(1)
        per_anchor = -torch.where(positive, log_p, 0.0).sum(1) / count.clamp(min=1)
        return per_anchor.sum() / (count > 0).sum().clamp(min=1)

    return supcon, _embedded()


@right()
def center_loss_with_centers():
    """Centre loss: the centres are parameters."""

    class CenterLoss(nn.Module):
        def __init__(self, classes, size):
            super().__init__()
            self.centers = nn.Parameter(torch.randn(classes, size, dtype=torch.float64))

        def forward(self, features, target):
            return 0.5 * (features - self.centers[target]).pow(2).sum(1).mean()

    return CenterLoss(2, 4), _embedded()


@right()
def proxy_anchor():
    """Proxy-Anchor: log-sum-exp over proxies that are parameters."""

    class ProxyAnchor(nn.Module):
        def __init__(self, classes=3, size=4, margin=0.1, alpha=8.0):
            super().__init__()
            self.proxies = nn.Parameter(torch.randn(classes, size, dtype=torch.float64))
            self.margin, self.alpha = margin, alpha

        def forward(self, embedding, target):
            cosine = F.normalize(embedding, dim=1) @ F.normalize(self.proxies, dim=1).T
            own = F.one_hot(target, len(self.proxies)).bool()
            zero = cosine.new_zeros(1, cosine.shape[1])
            pull = (-self.alpha * (cosine - self.margin)).masked_fill(~own, -torch.inf)
            push = (self.alpha * (cosine + self.margin)).masked_fill(own, -torch.inf)
            pull = torch.cat([zero, pull]).logsumexp(0)
            push = torch.cat([zero, push]).logsumexp(0)
            present = own.any(0)
            return pull[present].mean() + push.mean()

    return ProxyAnchor(), (normal(6, 4, seed=1, grad=True), labels(3, 6, seed=2))


@right(reference=F.margin_ranking_loss)
def ranking():
    """Margin ranking of pairs."""

    def ranking_loss(first, second, sign):
        return torch.relu(-sign * (first - second)).mean()

    inputs = (
        normal(7, seed=1, grad=True),
        normal(7, seed=2, grad=True),
        2 * binary(7, seed=3) - 1,
    )
    return ranking_loss, inputs


@right()
def bayesian_personalised_ranking():
    """BPR by logsigmoid."""

    def bpr(positive, negative):
        return -F.logsigmoid(positive - negative).mean()

    return bpr, (normal(6, seed=1, grad=True), normal(6, seed=2, grad=True))


@right()
def barlow_twins():
    """Barlow Twins: the cross-correlation of two views should be the identity."""

    class BarlowTwins(nn.Module):
        def __init__(self, weight=0.01):
            super().__init__()
            self.weight = weight

        def forward(self, a, b):
            a = (a - a.mean(0)) / (a.var(0, correction=0) + 1e-5).sqrt()
            b = (b - b.mean(0)) / (b.var(0, correction=0) + 1e-5).sqrt()
            c = a.T @ b / len(a)
            diagonal = (c.diagonal() - 1).pow(2).sum()
            return diagonal + self.weight * (c.pow(2).sum() - c.diagonal().pow(2).sum())

    return BarlowTwins(), _two_views(6, 3)


@right()
def variance_invariance_covariance():
    """VICReg with its hinge on the standard deviation."""

    def vicreg(a, b):
        invariance = F.mse_loss(a, b)
        total = 25 * invariance
        for z in (a, b):
            z = z - z.mean(0)
            std = (z.pow(2).mean(0) + 1e-4).sqrt()
            cov = z.T @ z / len(z)
            off = cov.pow(2).sum() - cov.diagonal().pow(2).sum()
            total = total + 25 * F.relu(1 - std).mean() + off / z.shape[1]
        return total

    return vicreg, _two_views(6, 3)


@right(reference=F.cosine_embedding_loss)
def cosine_embedding():
    """Cosine embedding loss with labels 1 and -1."""

    def loss(a, b, sign):
        cosine = F.cosine_similarity(a, b)
        return torch.where(sign > 0, 1 - cosine, F.relu(cosine)).mean()

    return loss, (*_two_views(), 2 * binary(5, seed=3) - 1)


@right(intentional=True)
def circle():
    """Circle loss of similarities; the weights are detached as in the paper."""

    def circle_loss(sim, same, margin=0.25, gamma=8.0):
        off = ~torch.eye(len(sim), dtype=torch.bool)
        weight_p = F.relu(1 + margin - sim.detach())
        weight_n = F.relu(sim.detach() + margin)
        p = -gamma * weight_p * (sim - 1 + margin)
        n = gamma * weight_n * (sim - margin)
        p = p.masked_fill(~(same & off), -torch.inf).logsumexp((0, 1))
        n = n.masked_fill(same, -torch.inf).logsumexp((0, 1))
        return F.softplus(p + n)

    z = F.normalize(normal(6, 3, seed=1), dim=1)
    target = torch.tensor([0, 0, 1, 1, 2, 2])
    same = target[:, None] == target[None]
    return circle_loss, ((z @ z.T).requires_grad_(), same)


@right()
def distances_of_all_pairs():
    """A matrix of all pairs: shuffled samples shuffle its rows and its columns."""

    def loss(points):
        return 1 - F.cosine_similarity(points[:, None], points, dim=2)

    return loss, (normal(5, 3, seed=1, grad=True),)


@right()
def cheapest_order_of_speakers():
    """Separation: each prediction may be any of the speakers."""

    def separation(prediction, target):
        straight = (prediction - target).square().mean((1, 2))
        crossed = (prediction - target.flip(1)).square().mean((1, 2))
        return torch.stack([straight, crossed]).amin(0).mean()

    return separation, (normal(3, 2, 5, seed=1, grad=True), normal(3, 2, 5, seed=2))
