"""Right classification losses."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from . import right
from .inputs import binary, classification, labels, normal, uniform


def _focal(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    return ((1 - torch.exp(-ce)) ** gamma * ce).mean()


@right(reference=_focal)
def focal():
    """Focal loss on log-probabilities."""

    class FocalLoss(nn.Module):
        def __init__(self, gamma=2.0):
            super().__init__()
            self.gamma = gamma

        def forward(self, logits, target):
            log_p = F.log_softmax(logits, dim=1)
            log_pt = log_p.gather(1, target.unsqueeze(1)).squeeze(1)
            return (-((1 - log_pt.exp()) ** self.gamma) * log_pt).mean()

    return FocalLoss(), classification(6, 4)


@right()
def sigmoid_focal_with_alpha():
    """RetinaNet's focal loss, stable in the logits."""

    def sigmoid_focal(logits, target, alpha=0.25, gamma=2):
        ce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        p_t = torch.exp(-ce)
        alpha_t = alpha * target + (1 - alpha) * (1 - target)
        return (alpha_t * (1 - p_t) ** gamma * ce).mean()

    return sigmoid_focal, (normal(5, 3, seed=1, grad=True), binary(5, 3, seed=2))


@right(reference=lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1))
def label_smoothing():
    """Label smoothing by hand."""

    class LabelSmoothing(nn.Module):
        def __init__(self, eps=0.1):
            super().__init__()
            self.eps = eps

        def forward(self, logits, target):
            log_p = logits.log_softmax(-1)
            nll = -log_p.gather(-1, target[..., None])[..., 0]
            return ((1 - self.eps) * nll - self.eps * log_p.mean(-1)).mean()

    return LabelSmoothing(), classification(5, 6, dtype=torch.float32)


@right(reference=F.cross_entropy)
def cross_entropy_by_logsumexp():
    """logsumexp minus the label's logit."""

    def cross_entropy(logits, target):
        return (logits.logsumexp(1) - logits.gather(1, target[:, None])[:, 0]).mean()

    return cross_entropy, classification(6, 4)


@right(reference=F.cross_entropy)
def torch_cross_entropy_itself():
    """torch's own Module."""
    return nn.CrossEntropyLoss(), classification(6, 4)


@right()
def poly_one():
    """PolyLoss: cross-entropy plus eps (1 - p)."""

    def poly1(logits, target, eps=1.0):
        ce = F.cross_entropy(logits, target, reduction="none")
        return (ce + eps * (1 - torch.exp(-ce))).mean()

    return poly1, classification(6, 4)


@right()
def large_margin_by_class_counts():
    """LDAM: class-dependent margins from a buffer."""

    class LDAM(nn.Module):
        def __init__(self, counts, max_margin=0.5, s=5.0):
            super().__init__()
            margin = torch.tensor(counts, dtype=torch.float64) ** -0.25
            self.register_buffer("margin", max_margin * margin / margin.max())
            self.s = s

        def forward(self, logits, target):
            onehot = F.one_hot(target, logits.shape[1])
            shifted = logits - onehot * self.margin[target].unsqueeze(1)
            return F.cross_entropy(self.s * shifted, target)

    return LDAM([100, 30, 5]), classification(7, 3)


@right()
def cosface_with_weights():
    """CosFace: the class weights belong to the loss."""

    class CosFace(nn.Module):
        def __init__(self, features, classes, s=8.0, m=0.2):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(classes, features))
            self.s, self.m = s, m

        def forward(self, embedding, target):
            cosine = F.linear(
                F.normalize(embedding, dim=1), F.normalize(self.weight, dim=1)
            )
            margin = self.m * F.one_hot(target, cosine.size(1))
            return F.cross_entropy(self.s * (cosine - margin), target)

    inputs = normal(5, 4, seed=1, dtype=torch.float32, grad=True), labels(3, 5)
    return CosFace(4, 3), inputs


@right(reference=F.multi_margin_loss)
def multiclass_hinge():
    """Crammer-Singer style hinge over all wrong classes."""

    def hinge(scores, target):
        own = scores.gather(1, target[:, None])
        margin = (1 + scores - own).clamp(min=0)
        margin = margin.masked_fill(F.one_hot(target, scores.shape[1]).bool(), 0.0)
        return (margin.sum(1) / scores.shape[1]).mean()

    return hinge, (normal(6, 4, seed=1, grad=True), labels(4, 6, seed=2))


@right()
def asymmetric_multi_label():
    """ASL: probability shifting and focusing for negatives."""

    class AsymmetricLoss(nn.Module):
        def __init__(self, gamma_neg=4, gamma_pos=1, clip=0.05):
            super().__init__()
            self.gamma_neg, self.gamma_pos, self.clip = gamma_neg, gamma_pos, clip

        def forward(self, logits, target):
            p = torch.sigmoid(logits)
            q = (1 - p + self.clip).clamp(max=1)
            pos = target * F.logsigmoid(logits) * (1 - p) ** self.gamma_pos
            neg = (1 - target) * torch.log(q) * (1 - q) ** self.gamma_neg
            return -(pos + neg).sum(1).mean()

    return AsymmetricLoss(), (normal(4, 5, seed=1, grad=True), binary(4, 5, seed=2))


@right()
def generalised_cross_entropy():
    """(1 - p ** q) / q: robust to label noise."""

    def gce(logits, target, q=0.7):
        log_p = logits.log_softmax(1).gather(1, target[:, None])
        return ((1 - torch.exp(q * log_p)) / q).mean()

    return gce, classification(6, 3)


@right()
def symmetric_cross_entropy():
    """Cross-entropy plus its reverse, with log 0 replaced by -4."""

    class SCE(nn.Module):
        def __init__(self, alpha=0.1, beta=1.0):
            super().__init__()
            self.alpha, self.beta = alpha, beta

        def forward(self, logits, target):
            p = logits.softmax(1)
            wrong = 1 - p.gather(1, target[:, None]).squeeze(1)
            reverse = 4.0 * wrong.mean()
            return self.alpha * F.cross_entropy(logits, target) + self.beta * reverse

    return SCE(), classification(5, 4)


@right(reference=F.cross_entropy)
def soft_targets():
    """Cross-entropy with probabilities for targets, as after mixup."""

    def soft_cross_entropy(logits, target):
        return -(target * F.log_softmax(logits, dim=1)).sum(1).mean()

    target = F.softmax(normal(5, 4, seed=2), 1)
    return soft_cross_entropy, (normal(5, 4, seed=1, grad=True), target)


@right()
def coral_ordinal():
    """Ordinal regression by K - 1 binary tasks."""

    def coral(logits, levels):
        log_p = F.logsigmoid(logits)
        return -(levels * log_p + (1 - levels) * (log_p - logits)).sum(1).mean()

    rank = labels(5, 6, seed=2)
    levels = (torch.arange(4)[None] < rank[:, None]).double()
    return coral, (normal(6, 4, seed=1, grad=True), levels)


def _with_ignored(rows=6, classes=4):
    logits, target = classification(rows, classes)
    target[1] = target[4] = -100
    return logits, target


@right(reference=F.cross_entropy)
def ignored_rows_selected_away():
    """ignore_index by indexing, with a guarded denominator."""

    def cross_entropy(logits, target, ignore_index=-100):
        keep = target != ignore_index
        loss = F.cross_entropy(logits[keep], target[keep], reduction="sum")
        return loss / keep.sum().clamp(min=1)

    return cross_entropy, _with_ignored()


def _kd(student, teacher, target, t=4.0, alpha=0.7):
    soft = F.kl_div(
        F.log_softmax(student / t, 1),
        F.log_softmax(teacher / t, 1),
        log_target=True,
        reduction="batchmean",
    )
    return alpha * t * t * soft + (1 - alpha) * F.cross_entropy(student, target)


@right(reference=_kd)
def knowledge_distillation():
    """Hinton's loss, with T ** 2 and batchmean."""

    class KDLoss(nn.Module):
        def __init__(self, temperature=4.0, alpha=0.7):
            super().__init__()
            self.temperature, self.alpha = temperature, alpha

        def forward(self, student, teacher, target):
            t = self.temperature
            p = F.softmax(teacher / t, dim=1)
            log_p, log_q = F.log_softmax(teacher / t, 1), F.log_softmax(student / t, 1)
            soft = t**2 * (p * (log_p - log_q)).sum(1).mean()
            hard = F.cross_entropy(student, target)
            return self.alpha * soft + (1 - self.alpha) * hard

    inputs = normal(5, 4, seed=1, grad=True), normal(5, 4, seed=2), labels(4, 5)
    return KDLoss(), inputs


@right()
def confidence_penalty():
    """Cross-entropy minus a share of the entropy: may be negative, as it is meant."""

    def penalised(logits, target, beta=0.1):
        log_p = logits.log_softmax(1)
        entropy = -(log_p.exp() * log_p).sum(1)
        return (F.nll_loss(log_p, target, reduction="none") - beta * entropy).mean()

    return penalised, classification(6, 4)


@right()
def hardest_examples():
    """OHEM: the mean of the k largest losses."""

    def ohem(logits, target, k=3):
        loss = F.cross_entropy(logits, target, reduction="none")
        return loss.topk(min(k, len(loss))).values.mean()

    return ohem, classification(8, 4)


@right(
    reference=lambda x, t, w: F.cross_entropy(x, t, weight=w, reduction="none"),
)
def weighted_per_sample():
    """reduction='none' with class weights."""

    class WeightedCE(nn.Module):
        def forward(self, logits, target, weight):
            return weight[target] * F.cross_entropy(logits, target, reduction="none")

    logits, target = classification(6, 3)
    return WeightedCE(), (logits, target, uniform(3, seed=4))


@right(reference=F.binary_cross_entropy)
def bce_of_probabilities():
    """BCE on probabilities, which are clamped before the logarithm."""

    def bce(probability, target, eps=1e-7):
        p = probability.clamp(eps, 1 - eps)
        return -(target * torch.log(p) + (1 - target) * torch.log1p(-p)).mean()

    return bce, (uniform(7, 2, seed=1, grad=True), binary(7, 2, seed=2))


@right()
def logit_adjusted():
    """Logits are shifted by the log prior of the classes."""

    def factory(prior, tau=1.0):
        shift = tau * torch.tensor(prior, dtype=torch.float64).log()

        def loss(logits, target):
            return F.cross_entropy(logits + shift, target)

        return loss

    return factory([0.7, 0.2, 0.1]), classification(6, 3)


@right(reference=lambda x, t: F.cross_entropy(x.flatten(0, 1), t.flatten()))
def tokens_3d():
    """Language model: (N, T, V) against (N, T)."""

    class LMLoss(nn.Module):
        def forward(self, logits, target):
            return F.cross_entropy(logits.transpose(1, 2), target)

    inputs = normal(2, 4, 6, seed=1, grad=True), labels(6, 2, 4, seed=2)
    return LMLoss(), inputs


@right()
def evidential():
    """Evidential learning: the expected squared error under a Dirichlet."""

    def evidential_mse(logits, onehot):
        alpha = F.softplus(logits) + 1
        total = alpha.sum(1, keepdim=True)
        p = alpha / total
        variance = p * (1 - p) / (total + 1)
        return ((onehot - p) ** 2 + variance).sum(1).mean()

    logits, target = classification(5, 3)
    return evidential_mse, (logits, F.one_hot(target, 3).double())


@right()
def arcface_with_easy_margin():
    """ArcFace: the angle by a safe acos, clamped inside (-1, 1)."""

    class ArcFace(nn.Module):
        def __init__(self, s=10.0, m=0.3):
            super().__init__()
            self.s, self.cos_m, self.sin_m = s, math.cos(m), math.sin(m)

        def forward(self, cosine, target):
            cosine = cosine.clamp(-0.999, 0.999)
            sine = (1 - cosine**2).sqrt()
            phi = cosine * self.cos_m - sine * self.sin_m
            own = F.one_hot(target, cosine.size(1)).bool()
            return F.cross_entropy(self.s * torch.where(own, phi, cosine), target)

    cosine = uniform(6, 4, low=-0.8, high=0.8, seed=1, grad=True)
    return ArcFace(), (cosine, labels(4, 6, seed=2))


@right()
def independent_gates_that_sum_to_one():
    """A softmax of logarithms of sigmoids shares out what independent gates say."""

    def router(logits, wanted):
        return -(wanted * F.logsigmoid(logits).log_softmax(1)).sum(1).mean()

    return router, (normal(5, 3, seed=1, grad=True), normal(5, 3, seed=2).softmax(1))


@right()
def distances_relative_to_the_largest():
    """Confusing two classes costs their distance, over the largest one."""

    def confusion(logits, labels, distances):
        cost = distances[labels] / distances.max()
        return (cost * logits.softmax(1)).sum(1).mean()

    distances = torch.tensor([[0, 1, 1], [1, 0, 0.4], [1, 0.4, 0]], dtype=torch.float64)
    return confusion, (normal(5, 3, seed=1, grad=True), labels(3, 5, seed=2), distances)


@right()
def classes_and_regions_multiplied():
    """Weakly supervised: a share of the classes, times a share of the regions."""

    def detection(recognition, localisation, labels):
        regions = recognition.softmax(-1) * localisation.softmax(1)
        scores = regions.sum(1).clamp(1e-6, 1 - 1e-6)
        return F.binary_cross_entropy(scores, labels)

    logits = normal(3, 5, 4, seed=1, grad=True), normal(3, 5, 4, seed=2, grad=True)
    return detection, (*logits, binary(3, 4, seed=3))


@right()
def words_of_a_vocabulary():
    """Prompting: a class is a few words, and other words belong to none."""

    def loss(mask_logits, classes, words=((1, 4, 6), (2,), (0, 5))):
        scores = [mask_logits[:, list(group)].logsumexp(-1) for group in words]
        return F.cross_entropy(torch.stack(scores, -1), classes)

    return loss, (normal(4, 8, seed=1, grad=True), torch.tensor([0, 2, 1, 0]))
