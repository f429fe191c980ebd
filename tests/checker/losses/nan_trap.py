"""Finite at the samples, NaN or infinite gradients at special points."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .inputs import binary, labels, normal, regression, uniform


def _prediction_equals_target():
    prediction, _ = regression(6, 2)
    return prediction, prediction.detach().clone()


def _first_row_equals_target():
    prediction, target = regression(5, 3)
    target[0] = prediction.detach()[0]
    return prediction, target


@mistake(
    "nan-trap",
    reference=lambda p, t: torch.sqrt(F.mse_loss(p, t) + 1e-12),
    at=_prediction_equals_target,
)
def rmse_root_at_zero():
    """Root of the mean squared error: infinite slope when the prediction is perfect."""

    def rmse(prediction, target):
        return torch.sqrt(torch.mean((prediction - target) ** 2))

    return rmse, regression(6, 2)


@right()
def rmse_with_eps():
    """The same with eps inside the root."""

    def rmse(prediction, target):
        return torch.sqrt(torch.mean((prediction - target) ** 2) + 1e-8)

    return rmse, regression(6, 2)


@mistake(
    "nan-trap",
    reference=lambda p, t: torch.linalg.vector_norm(p - t, dim=1).mean(),
    at=_first_row_equals_target,
)
def charbonnier_without_eps():
    """Per-row Euclidean error by sqrt of a sum of squares."""

    class EndPointError(nn.Module):
        def forward(self, flow, target):
            return ((flow - target) ** 2).sum(dim=1).sqrt().mean()

    return EndPointError(), regression(5, 3)


def _same_anchor_and_positive():
    anchor = normal(4, 8, seed=1, grad=True)
    positive = anchor.detach().clone().requires_grad_()
    return anchor, positive, normal(4, 8, seed=3, grad=True)


@mistake("nan-trap", reference=F.triplet_margin_loss, at=_same_anchor_and_positive)
def triplet_with_bare_root():
    """Triplet loss: the distance of an anchor to its own copy has no finite slope."""

    class TripletLoss(nn.Module):
        def __init__(self, margin=1.0):
            super().__init__()
            self.margin = margin

        def forward(self, anchor, positive, negative):
            d_pos = torch.sqrt(torch.sum((anchor - positive) ** 2, dim=1))
            d_neg = torch.sqrt(torch.sum((anchor - negative) ** 2, dim=1))
            return torch.relu(d_pos - d_neg + self.margin).mean()

    inputs = (
        normal(4, 8, seed=1, grad=True),
        normal(4, 8, seed=2, grad=True),
        normal(4, 8, seed=3, grad=True),
    )
    return TripletLoss(), inputs


def _pairs(embedding, target):
    distance = torch.cdist(embedding, embedding)
    same = target[:, None] == target[None, :]
    off_diagonal = ~torch.eye(len(target), dtype=torch.bool)
    pull = distance[same & off_diagonal].pow(2)
    push = F.relu(1 - distance[~same]).pow(2)
    return torch.cat([pull, push]).mean()


def _duplicate_rows():
    embedding = normal(6, 4, seed=1)
    embedding[3] = embedding[0]
    return embedding.requires_grad_(), labels(2, 6, seed=2)


@mistake("nan-trap", reference=_pairs, at=_duplicate_rows)
def contrastive_with_duplicates():
    """Hand-written pairwise distances: two equal embeddings give 0 / 0."""

    def contrastive(embedding, target):
        i, j = torch.triu_indices(len(target), len(target), offset=1)
        distance = (embedding[i] - embedding[j]).pow(2).sum(1).sqrt()
        same = target[i] == target[j]
        loss = torch.where(same, distance**2, torch.relu(1 - distance) ** 2)
        return loss.mean()

    return contrastive, (normal(6, 4, seed=1, grad=True), labels(2, 6, seed=2))


def _aligned_vectors():
    prediction, _ = regression(5, 3)
    return prediction, 2 * prediction.detach()


@mistake("nan-trap", at=_aligned_vectors)
def angle_by_acos():
    """Angular error of surface normals: acos has infinite slope at 1."""

    class AngularLoss(nn.Module):
        def forward(self, prediction, target):
            cosine = F.cosine_similarity(prediction, target, dim=1)
            return torch.acos(cosine).mean()

    return AngularLoss(), regression(5, 3)


@right()
def angle_by_atan2():
    """The same by atan2 of cross and dot product."""

    class AngularLoss(nn.Module):
        def forward(self, prediction, target):
            cross = torch.linalg.cross(prediction, target).pow(2).sum(1)
            dot = (prediction * target).sum(1)
            return torch.atan2((cross + 1e-12).sqrt(), dot).mean()

    return AngularLoss(), regression(5, 3)


def _with_a_zero_count():
    rate = uniform(6, low=0.5, high=4.0, seed=1, grad=True)
    return rate, torch.tensor([0.0, 1, 2, 0, 3, 1], dtype=torch.float64)


@mistake(
    "nan-trap",
    reference=lambda rate, count: (
        2 * (torch.special.xlogy(count, count / rate) - (count - rate))
    ).mean(),
    at=_with_a_zero_count,
)
def poisson_deviance_at_zero_counts():
    """Poisson deviance: 0 * log(0) is NaN for a count of 0."""

    def deviance(rate, count):
        return (2 * (count * torch.log(count / rate) - (count - rate))).mean()

    rate = uniform(6, low=0.5, high=4.0, seed=1, grad=True)
    return deviance, (rate, torch.tensor([2.0, 1, 2, 5, 3, 1], dtype=torch.float64))


@mistake(
    "nan-trap",
    reference=lambda x, t: (
        (torch.where(x > 0, torch.where(x > 0, x, 1.0).sqrt(), x) - t).abs().mean()
    ),
)
def where_does_not_protect_the_root():
    """torch.where discards sqrt's value for x <= 0, but not its gradient 0 * nan."""

    def loss(x, target):
        compressed = torch.where(x > 0, torch.sqrt(x), x)
        return (compressed - target).abs().mean()

    return loss, regression(6)


@right()
def where_with_a_safe_argument():
    """The same with the argument made safe first: no NaN meets the 0."""

    def loss(x, target):
        safe = torch.where(x > 0, x, torch.ones_like(x))
        compressed = torch.where(x > 0, torch.sqrt(safe), x)
        return (compressed - target).abs().mean()

    return loss, regression(6)


def _saturated_focal():
    logits = torch.tensor([[-200.0, 150.0], [180.0, -3.0]], requires_grad=True)
    return logits.double().detach().requires_grad_(), binary(2, 2, seed=3)


@mistake("nan-trap", at=_saturated_focal)
def focal_with_fractional_gamma():
    """(1 - p) ** 0.5 has infinite slope where the probability saturates."""

    class BinaryFocal(nn.Module):
        def __init__(self, gamma=0.5, eps=1e-8):
            super().__init__()
            self.gamma, self.eps = gamma, eps

        def forward(self, logits, target):
            p = torch.sigmoid(logits)
            pos = -((1 - p) ** self.gamma) * target * torch.log(p + self.eps)
            neg = -(p**self.gamma) * (1 - target) * torch.log(1 - p + self.eps)
            return (pos + neg).mean()

    return BinaryFocal(), (normal(4, 2, seed=1, grad=True), binary(4, 2, seed=3))


def _constant_column():
    x = normal(6, 3, seed=1)
    x[:, 1] = 0.5
    return x.requires_grad_(), normal(6, 3, seed=2)


@mistake("nan-trap", at=_constant_column)
def correlation_of_a_constant():
    """Pearson correlation divides by the standard deviation, which may be 0."""

    def pearson_loss(prediction, target):
        p = prediction - prediction.mean(0)
        t = target - target.mean(0)
        r = (p * t).sum(0) / (p.norm(dim=0) * t.norm(dim=0))
        return (1 - r).mean()

    return pearson_loss, (normal(6, 3, seed=1, grad=True), normal(6, 3, seed=2))


def _zero_embedding():
    a, b = regression(4, 5)
    with torch.no_grad():
        a[1] = 0
    return a, b


@mistake(
    "nan-trap",
    reference=lambda a, b: (1 - F.cosine_similarity(a, b)).mean(),
    at=_zero_embedding,
)
def cosine_of_a_zero_vector():
    """Embeddings are divided by their own norm: a zero vector gives 0 / 0."""

    def cosine_loss(a, b):
        a = a / a.norm(dim=1, keepdim=True)
        b = b / b.norm(dim=1, keepdim=True)
        return 1 - (a * b).sum(1).mean()

    return cosine_loss, regression(4, 5)


@right(reference=lambda a, b: (1 - F.cosine_similarity(a, b)).mean())
def cosine_normalised():
    """The same by F.normalize, which guards against norm 0."""

    def cosine_loss(a, b):
        a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
        return (1 - (a * b).sum(1)).mean()

    return cosine_loss, regression(4, 5)


def _zero_prediction():
    prediction, target = regression(4, 3)
    return torch.zeros_like(prediction).requires_grad_(), target


@mistake(
    "nan-trap",
    reference=lambda p, t: (
        ((p.abs() + 1e-12).sqrt() - (t.abs() + 1e-12).sqrt()).pow(2).mean()
    ),
    at=_zero_prediction,
)
def square_root_compression():
    """Amplitudes are compressed by sqrt(|x|): an infinite slope at silence."""

    class CompressedMSE(nn.Module):
        def forward(self, prediction, target):
            a = torch.sign(prediction) * prediction.abs().sqrt()
            b = torch.sign(target) * target.abs().sqrt()
            return ((a.abs() - b.abs()) ** 2).mean()

    return CompressedMSE(), regression(4, 3)


def _identical_rows():
    row = normal(1, 4, seed=1)
    return row.repeat(5, 1).requires_grad_(), normal(5, 4, seed=2)


@mistake(
    "nan-trap",
    reference=lambda a, b: (
        F.mse_loss(a, b) + F.relu(1 - (a.var(dim=0) + 1e-12).sqrt()).mean()
    ),
    at=_identical_rows,
)
def variance_of_collapsed_features():
    """VICReg-like: the root of a collapsed variance has no finite slope."""

    def variance_loss(a, b):
        invariance = F.mse_loss(a, b)
        return invariance + F.relu(1 - a.var(dim=0).sqrt()).mean()

    return variance_loss, regression(5, 4)


def _hard_zero_target():
    probability = uniform(4, 3, seed=1)
    probability = probability / probability.sum(1, keepdim=True)
    target = F.one_hot(labels(3, 4, seed=2), 3).double()
    return probability.requires_grad_(), target


@mistake(
    "nan-trap",
    reference=lambda q, p: (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(1).mean(),
    at=_hard_zero_target,
)
def divergence_from_one_hot_targets():
    """KL: p * log(p / q) is 0 * -inf for a one-hot target."""

    class KL(nn.Module):
        def forward(self, q, p):
            return (p * torch.log(p / q)).sum(1).mean()

    q = F.softmax(normal(4, 3, seed=1), 1).requires_grad_()
    return KL(), (q, F.softmax(normal(4, 3, seed=2), 1))


def _zero_denominator():
    return torch.tensor([1.0, 2.0, 3.0]).double().requires_grad_(), torch.zeros(
        3, dtype=torch.float64
    )


@mistake(
    "nan-trap",
    reference=lambda p, t: ((p - t).abs() / t.abs().clamp(min=1e-6)).mean(),
    at=_zero_denominator,
)
def percentage_error_of_zero():
    """MAPE divides by the target: a 0 among real-valued targets."""

    def mape(prediction, target):
        return torch.mean(torch.abs((target - prediction) / target))

    return mape, regression(8)


def _relative(forecast, target, least=0.0):
    size = (forecast.abs() + target.abs()) / 2
    return ((forecast - target).abs() / size.clamp(min=least)).mean()


def _no_demand():
    forecast, target = _demand()
    forecast, target = forecast.detach(), target.clone()
    forecast[0] = target[0] = 0
    return forecast.requires_grad_(), target


def _demand():
    forecast = 1 + uniform(3, 4, seed=1)
    return forecast.requires_grad_(), 1 + uniform(3, 4, seed=2)


@mistake("nan-trap", reference=lambda f, t: _relative(f, t, least=1e-8), at=_no_demand)
def relative_error_without_demand():
    """0 / 0 where both the demand and its forecast are 0."""

    def relative(forecast, target):
        size = (forecast.abs() + target.abs()) / 2
        return ((forecast - target).abs() / size).mean()

    return relative, _demand()


@right(reference=lambda f, t: _relative(f, t, least=1e-9))
def relative_error_of_any_demand():
    """The same with a least size."""

    def relative(forecast, target):
        return _relative(forecast, target, least=1e-8)

    return relative, _demand()


def _odds(logits, target, highest=-1e-7):
    logp = F.log_softmax(logits, dim=1).gather(1, target[:, None]).mean()
    return -(logp - torch.log(-torch.expm1(logp.clamp(max=highest))))


def _certain():
    target = torch.tensor([0, 2, 1, 1])
    return (80 * F.one_hot(target, 3).double()).requires_grad_(), target


@mistake("nan-trap", reference=_odds, at=_certain)
def odds_of_certain_predictions():
    """log(1 - p) where training leads: all predictions are certain, and right."""

    def odds(logits, target):
        logp = F.log_softmax(logits, dim=1).gather(1, target[:, None]).mean()
        return -(logp - torch.log(1 - logp.exp()))

    return odds, (normal(4, 3, seed=1, grad=True), torch.tensor([0, 2, 1, 1]))


def _weibull(log_scale, duration, event, least):
    ratio = duration.clamp(min=least) / log_scale.exp()
    survival = -(ratio**1.5)
    density = math.log(1.5) - log_scale + 0.5 * ratio.log() + survival
    return -torch.where(event, density, survival).mean()


def _censored_at_once():
    event = torch.tensor([True, False, True, False])
    return normal(4, seed=1, grad=True), event * uniform(4, seed=2), event


@mistake("nan-trap", reference=lambda *x: _weibull(*x, 1e-6), at=_censored_at_once)
def censored_at_once():
    """Who is censored at 0 has no logarithm, and its gradient is NaN times 0."""

    def survival(log_scale, duration, event):
        return _weibull(log_scale, duration, event, 0.0)

    event = torch.tensor([True, False, True, False])
    return survival, (normal(4, seed=1, grad=True), uniform(4, seed=2), event)


@right(reference=lambda *x: _weibull(*x, 1e-6))
def censored_at_once_or_later():
    """The same with a least duration."""

    def survival(log_scale, duration, event):
        return _weibull(log_scale, duration, event, 1e-6)

    event = torch.tensor([True, False, True, False])
    return survival, (normal(4, seed=1, grad=True), uniform(4, seed=2), event)


def _rates(outputs, counts, least):
    rate = F.relu(outputs).clamp(min=least)
    return (rate - counts * rate.log()).mean()


@mistake(
    "nan-trap",
    reference=lambda *x: _rates(*x, 1e-8),
    at=lambda: (-uniform(4, 3, seed=1).requires_grad_(), torch.zeros(4, 3).double()),
)
def rate_that_a_relu_ends():
    """A rate after a relu may be 0: its logarithm times a count of 0 is NaN."""

    def poisson(outputs, counts):
        return _rates(outputs, counts, 0.0)

    return poisson, (uniform(4, 3, seed=1, grad=True), labels(4, 4, 3).double())


def _nearest(points, others, eps):
    distance = ((points[:, None] - others).square().sum(-1) + eps).sqrt()
    return distance.amin(1).mean() + distance.amin(0).mean()


def _with_a_common_point():
    points, others = normal(4, 3, seed=1), normal(5, 3, seed=2)
    points[1] = others[2]
    return points.requires_grad_(), others


@mistake(
    "nan-trap", reference=lambda a, b: _nearest(a, b, 1e-12), at=_with_a_common_point
)
def clouds_with_a_common_point():
    """Chamfer distance of clouds of other sizes: a root of 0 where two points meet."""

    def chamfer(points, others):
        return _nearest(points, others, 0.0)

    return chamfer, (normal(4, 3, seed=1, grad=True), normal(5, 3, seed=2))
