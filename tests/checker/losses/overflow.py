"""Large logits or small dtypes break exp, log and constants."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .evidence import breaks_in_half
from .inputs import binary, classification, labels, normal, regression, uniform


def _large_binary(factor=200.0):
    logits = factor * normal(8, seed=1, dtype=torch.float32)
    return logits.requires_grad_(), binary(8, seed=2, dtype=torch.float32)


def _large_classes(factor=100.0):
    logits, target = classification(6, 4, dtype=torch.float32)
    return (factor * logits.detach()).requires_grad_(), target


def _binary_inputs():
    return normal(8, seed=1, grad=True), binary(8, seed=2)


@mistake("overflow", reference=F.binary_cross_entropy_with_logits, at=_large_binary)
def log_one_plus_exp():
    """log(1 + exp(x)) overflows above 88 in float32."""

    def logistic(logits, target):
        return (torch.log(1 + torch.exp(logits)) - target * logits).mean()

    return logistic, _binary_inputs()


@right(reference=F.binary_cross_entropy_with_logits)
def softplus_instead():
    """The same by softplus."""

    def logistic(logits, target):
        return (F.softplus(logits) - target * logits).mean()

    return logistic, _binary_inputs()


@mistake("overflow", reference=F.binary_cross_entropy_with_logits, at=_large_binary)
def log_of_sigmoid():
    """log(sigmoid(x)) is -inf for very negative logits, and 0 * inf follows."""

    class BCE(nn.Module):
        def forward(self, logits, target):
            p = torch.sigmoid(logits)
            loss = target * torch.log(p) + (1 - target) * torch.log(1 - p)
            return -loss.mean()

    return BCE(), _binary_inputs()


@mistake("overflow", reference=F.cross_entropy, at=_large_classes)
def softmax_by_the_textbook():
    """exp(x) / sum(exp(x)) without subtracting the maximum."""

    class SoftmaxCrossEntropy(nn.Module):
        def forward(self, logits, target):
            e = torch.exp(logits)
            p = e / e.sum(dim=1, keepdim=True)
            return -torch.log(p[torch.arange(len(target)), target]).mean()

    return SoftmaxCrossEntropy(), classification(6, 4)


@mistake("overflow", reference=F.cross_entropy, at=lambda: _large_classes(200.0))
def log_of_softmax():
    """log(softmax(x)): the softmax underflows to 0, its log is -inf."""

    def cross_entropy(logits, target):
        return F.nll_loss(torch.log(F.softmax(logits, dim=1)), target)

    return cross_entropy, classification(6, 4, dtype=torch.float32)


@mistake(
    "overflow",
    reference=lambda p, t: (
        (p - t).abs() + F.softplus(-2 * (p - t).abs()) - 0.6931471805599453
    ).mean(),
    at=lambda: tuple(100 * x for x in regression(5, 2, dtype=torch.float32)),
)
def log_cosh_as_written():
    """log(cosh(r)) overflows for residuals above 89 in float32."""

    class LogCosh(nn.Module):
        def forward(self, prediction, target):
            return torch.log(torch.cosh(prediction - target)).mean()

    return LogCosh(), regression(5, 2)


def _multi_similarity(sim, same):
    pos = torch.logsumexp((-2 * (sim - 0.5)).masked_fill(~same, -torch.inf), 1)
    neg = torch.logsumexp((50 * (sim - 0.5)).masked_fill(same, -torch.inf), 1)
    return (F.softplus(pos) / 2 + F.softplus(neg) / 50).mean()


def _similarities(dtype=torch.float16):
    z = F.normalize(normal(6, 3, seed=1), dim=1)
    target = torch.tensor([0, 0, 1, 1, 2, 2])
    sim = (z @ z.T).to(dtype).detach()
    return sim.requires_grad_(), target[:, None] == target[None]


@mistake(
    "overflow",
    reference=_multi_similarity,
    shows=breaks_in_half,
)
def multi_similarity_by_exp():
    """exp(50 * (s - 0.5)) in the loss of a metric-learning paper."""

    def multi_similarity(sim, same):
        pos = torch.exp(-2 * (sim - 0.5)) * same
        neg = torch.exp(50 * (sim - 0.5)) * ~same
        pos_loss = torch.log(1 + pos.sum(1)) / 2
        neg_loss = torch.log(1 + neg.sum(1)) / 50
        return (pos_loss + neg_loss).mean()

    return multi_similarity, _similarities()


def _masked_in_half():
    mask = torch.ones(4, 5, dtype=torch.bool)
    mask[:, 4] = False
    return normal(4, 5, seed=1, dtype=torch.float16, grad=True), labels(4, 4), mask


@mistake(
    "overflow",
    reference=lambda x, t, m: F.cross_entropy(x.masked_fill(~m, -torch.inf), t),
    shows=breaks_in_half,
)
def minus_1e9_in_half_precision():
    """masked_fill(-1e9) does not fit into float16."""

    class MaskedCrossEntropy(nn.Module):
        def forward(self, scores, target, mask):
            return F.cross_entropy(scores.masked_fill(~mask, -1e9), target)

    return MaskedCrossEntropy(), _masked_in_half()


def _info_nce(anchor, positive):
    a, p = F.normalize(anchor, dim=1), F.normalize(positive, dim=1)
    return F.cross_entropy(a @ p.T / 0.07, torch.arange(len(a)))


@mistake(
    "overflow",
    reference=_info_nce,
    shows=breaks_in_half,
)
def info_nce_by_exp():
    """exp(s / 0.07) reaches 1.6e6: beyond float16."""

    class InfoNCE(nn.Module):
        def __init__(self, temperature=0.07):
            super().__init__()
            self.temperature = temperature

        def forward(self, anchor, positive):
            a, p = F.normalize(anchor, dim=1), F.normalize(positive, dim=1)
            sim = torch.exp(a @ p.T / self.temperature)
            return -torch.log(sim.diag() / sim.sum(1)).mean()

    anchor = normal(4, 6, seed=1, dtype=torch.float16)
    positive = (anchor + 0.1 * normal(4, 6, seed=2, dtype=torch.float16)).half()
    return InfoNCE(), (anchor.requires_grad_(), positive)


@mistake(
    "overflow",
    reference=lambda x, t: F.soft_margin_loss(x, t),
    at=lambda: (
        (200 * normal(8, seed=1, dtype=torch.float32)).requires_grad_(),
        2 * binary(8, seed=2, dtype=torch.float32) - 1,
    ),
)
def exponential_margin():
    """log(1 + exp(-y x)) for labels -1 and 1."""

    class SoftMargin(nn.Module):
        def forward(self, score, sign):
            return torch.log(1 + torch.exp(-sign * score)).mean()

    return SoftMargin(), (normal(8, seed=1, grad=True), 2 * binary(8, seed=2) - 1)


@mistake(
    "overflow",
    reference=lambda x: x.logsumexp(1).pow(2).mean(),
    at=lambda: (_large_classes(200.0)[0],),
)
def z_loss_by_sum_of_exponentials():
    """The z-loss of large models with log(sum(exp(x)))."""

    def z_loss(logits):
        return torch.log(logits.exp().sum(1)).pow(2).mean()

    return z_loss, (normal(4, 6, seed=1, dtype=torch.float32, grad=True),)


@mistake(
    "overflow",
    reference=lambda x, t: -(t * F.logsigmoid(x) + (1 - t) * F.logsigmoid(-x)).mean(),
    shows=breaks_in_half,
)
def eps_too_small_for_half():
    """log(p + 1e-8) is safe in float32; in float16 1e-8 is 0."""

    def bce(logits, target, eps=1e-8):
        p = torch.sigmoid(logits)
        pos = target * torch.log(p + eps)
        return -(pos + (1 - target) * torch.log(1 - p + eps)).mean()

    logits = (30 * normal(8, seed=1)).half().requires_grad_()
    return bce, (logits, binary(8, seed=2, dtype=torch.float16))


def _contrast(anchor, other):
    return F.cross_entropy(anchor @ other.T / 0.1, torch.arange(len(anchor)))


@mistake(
    "overflow",
    reference=_contrast,
    at=lambda: (4 * normal(5, 8, seed=1, dtype=torch.float32), normal(5, 8, seed=2)),
)
def contrast_by_exp_and_log():
    """Similarities are not scaled: exp(10 * similarity) needs only a little more."""

    def contrast(anchor, other):
        pairs = (anchor @ other.to(anchor.dtype).T / 0.1).exp()
        return -(pairs.diagonal() / pairs.sum(1)).log().mean()

    single = {"dtype": torch.float32}
    return contrast, (
        (0.3 * normal(5, 8, seed=1, **single)).requires_grad_(),
        normal(5, 8, seed=2, **single),
    )


def _divergence_from_mean(student, teacher, mean):
    p, q = teacher.log_softmax(-1), student.log_softmax(-1)
    middle = mean(p, q)
    forward, back = (p.exp() * (p - middle)).sum(-1), (q.exp() * (q - middle)).sum(-1)
    return (forward + back).mean() / 2


def _mean_of_logs(p, q):
    return torch.stack([p, q]).logsumexp(0) - math.log(2)


def _both_sure():
    sure = 150 * F.one_hot(torch.tensor([0, 2, 1]), 4).float()
    return sure.requires_grad_(), sure.detach().clone()


@mistake(
    "overflow",
    reference=lambda s, t: _divergence_from_mean(s, t, _mean_of_logs),
    at=_both_sure,
)
def mean_of_two_that_underflow():
    """Jensen-Shannon: log((p + q) / 2) is log(0) where both are sure of another."""

    def mean(p, q):
        return ((p.exp() + q.exp()) / 2).log()

    def divergence(student, teacher):
        return _divergence_from_mean(student, teacher, mean)

    return divergence, (
        normal(3, 4, seed=1, dtype=torch.float32, grad=True),
        normal(3, 4, seed=2, dtype=torch.float32),
    )


@right(reference=lambda s, t: _divergence_from_mean(s, t, _mean_of_logs))
def mean_of_two_by_logsumexp():
    """The same by logsumexp."""

    def divergence(student, teacher):
        return _divergence_from_mean(student, teacher, _mean_of_logs)

    return divergence, (normal(3, 4, seed=1, grad=True), normal(3, 4, seed=2))


def _neighbours(queries, keys, weigh):
    distance = (queries[:, None] - keys).square().sum(-1)
    return (weigh(-distance / 0.02) * distance).sum(1).mean()


def _cloud(rows, factor, seed):
    return factor * uniform(rows, 3, seed=seed, dtype=torch.float32)


@mistake(
    "overflow",
    reference=lambda q, k: _neighbours(q, k, lambda s: s.softmax(1)),
    at=lambda: (_cloud(4, 20.0, 1).requires_grad_(), _cloud(5, 20.0, 2)),
)
def neighbours_weighed_by_exp():
    """exp(-distance), divided by the sum: 0 / 0 where all neighbours are far."""

    def weigh(scores):
        return scores.exp() / scores.exp().sum(1, keepdim=True)

    def neighbours(queries, keys):
        return _neighbours(queries, keys, weigh)

    return neighbours, (_cloud(4, 0.5, 1).requires_grad_(), _cloud(5, 0.5, 2))


@right(reference=lambda q, k: _neighbours(q, k, lambda s: s.softmax(1)))
def neighbours_weighed_by_softmax():
    """The same by softmax."""

    def neighbours(queries, keys):
        return _neighbours(queries, keys, lambda scores: scores.softmax(1))

    return neighbours, (normal(4, 3, seed=1, grad=True), normal(5, 3, seed=2))


def _beta_binomial(logits, hits, trials):
    a = 1 + logits.clamp(max=10).exp()
    b = torch.ones_like(a)
    at = torch.lgamma(a + b) - torch.lgamma(a) - torch.lgamma(b)
    with_counts = torch.lgamma(a + hits) + torch.lgamma(b + trials - hits)
    return -(at + with_counts - torch.lgamma(a + b + trials)).mean()


def _hits():
    trials = labels(4, 5, seed=2).double() + 3
    return normal(5, seed=1, grad=True), labels(3, 5, seed=3).double(), trials


def _sure_of_hits():
    logits, *counts = _hits()
    return 6 + logits.detach(), *counts


@mistake("overflow", reference=_beta_binomial, at=_sure_of_hits)
def quotient_of_gamma_functions():
    """exp(lgamma(a)) is infinite from a = 172 on, even in float64: inf / inf."""

    def gamma(x):
        return torch.lgamma(x).exp()

    def loss(logits, hits, trials):
        a = 1 + logits.clamp(max=10).exp()
        b = torch.ones_like(a)
        before = gamma(a) * gamma(b) / gamma(a + b)
        after = gamma(a + hits) * gamma(b + trials - hits) / gamma(a + b + trials)
        return -(after / before).log().mean()

    return loss, _hits()


@right(reference=_beta_binomial)
def difference_of_log_gammas():
    """Logarithms all the way."""
    return _beta_binomial, _hits()
