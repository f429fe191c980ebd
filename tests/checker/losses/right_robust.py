"""Right regression losses: kinks, robust penalties, learnable shapes."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from . import right
from .inputs import normal, regression, uniform


@right(reference=F.l1_loss)
def l1():
    """Mean absolute error: a kink where the prediction equals the target."""

    def loss(prediction, target):
        return (prediction - target).abs().mean()

    return loss, regression(5, 3)


@right(reference=lambda p, t: F.l1_loss(p, t, reduction="none"))
def l1_at_the_kink():
    """The same per element, with some predictions that equal their target."""
    prediction, target = regression(5, 3)
    with torch.no_grad():
        prediction[0] = target[0]
    return lambda p, t: torch.abs(p - t), (prediction.requires_grad_(), target)


@right(reference=lambda p, t: F.mse_loss(p, t, reduction="sum"))
def sum_of_squares_as_a_lambda():
    """A lambda, 4-D."""
    return lambda p, t: (p - t).square().sum(), regression(2, 2, 3, 2)


@right(reference=F.huber_loss)
def huber_by_where():
    """Huber by torch.where."""

    class Huber(nn.Module):
        def __init__(self, delta=1.0):
            super().__init__()
            self.delta = delta

        def forward(self, prediction, target):
            r = (prediction - target).abs()
            outer = self.delta * (r - 0.5 * self.delta)
            return torch.where(r < self.delta, 0.5 * r**2, outer).mean()

    return Huber(), regression(6, 2)


@right()
def charbonnier():
    """A smooth L1: sqrt(r ** 2 + eps ** 2)."""

    class Charbonnier(nn.Module):
        def __init__(self, eps=1e-3):
            super().__init__()
            self.eps = eps

        def forward(self, prediction, target):
            return torch.sqrt((prediction - target) ** 2 + self.eps**2).mean()

    return Charbonnier(), regression(2, 1, 4, 4, dtype=torch.float32)


@right()
def cauchy():
    """Cauchy's log-likelihood."""

    def cauchy_loss(prediction, target, c=1.5):
        return torch.log1p(((prediction - target) / c) ** 2).mean()

    return cauchy_loss, regression(8)


@right()
def welsch():
    """Welsch: saturates at 1, gradients vanish for outliers."""

    def welsch_loss(prediction, target):
        return (1 - torch.exp(-0.5 * (prediction - target) ** 2)).mean()

    return welsch_loss, regression(6, 2)


@right()
def geman_mcclure_per_sample():
    """Geman-McClure, one loss a row."""

    def geman_mcclure(prediction, target):
        r2 = (prediction - target).pow(2)
        return (2 * r2 / (r2 + 4)).sum(dim=1)

    return geman_mcclure, regression(5, 3)


@right()
def tukey_biweight():
    """Tukey: constant beyond c, which is meant."""

    class Tukey(nn.Module):
        def __init__(self, c=1.5):
            super().__init__()
            self.c = c

        def forward(self, prediction, target):
            u = ((prediction - target) / self.c) ** 2
            inside = 1 - (1 - u.clamp(max=1)) ** 3
            return (self.c**2 / 6 * inside).mean()

    return Tukey(), regression(10)


@right(
    reference=lambda p, t: (
        (p - t).abs() + F.softplus(-2 * (p - t).abs()) - math.log(2)
    ).mean()
)
def log_cosh():
    """log cosh, in the form that does not overflow."""

    class LogCosh(nn.Module):
        def forward(self, prediction, target):
            r = prediction - target
            return torch.mean(r + F.softplus(-2.0 * r) - math.log(2.0))

    return LogCosh(), regression(4, 4)


@right()
def adaptive_with_learned_scale():
    """A Student-t likelihood whose scale and degrees of freedom are learned."""

    class AdaptiveLoss(nn.Module):
        def __init__(self):
            super().__init__()
            self.log_scale = nn.Parameter(torch.tensor(0.1))
            self.raw_df = nn.Parameter(torch.tensor(0.5))

        def forward(self, prediction, target):
            df = 1.0 + F.softplus(self.raw_df)
            dist = torch.distributions.StudentT(df, prediction, self.log_scale.exp())
            return -dist.log_prob(target).mean()

    return AdaptiveLoss(), regression(6, 2, dtype=torch.float32)


@right()
def several_quantiles():
    """One head a quantile; the target is broadcast over the heads on purpose."""

    class QuantileLoss(nn.Module):
        def __init__(self, quantiles=(0.1, 0.5, 0.9)):
            super().__init__()
            self.register_buffer("tau", torch.tensor(quantiles, dtype=torch.float64))

        def forward(self, prediction, target):
            error = target.unsqueeze(-1) - prediction
            return torch.maximum(self.tau * error, (self.tau - 1) * error).mean()

    return QuantileLoss(), (normal(7, 3, seed=1, grad=True), normal(7, seed=2))


@right()
def epsilon_insensitive():
    """Support vector regression: flat inside the tube."""

    def svr(prediction, target, eps=0.2):
        return torch.relu((prediction - target).abs() - eps).mean()

    return svr, regression(12)


@right()
def asymmetric_squares():
    """Expectiles: over-predictions cost three times as much."""

    def expectile(prediction, target, tau=0.25):
        r = target - prediction
        return (torch.where(r > 0, tau, 1 - tau) * r**2).mean()

    return expectile, regression(9)


@right()
def wing():
    """Wing loss of facial landmarks."""

    class WingLoss(nn.Module):
        def __init__(self, omega=1.0, epsilon=0.5):
            super().__init__()
            self.omega, self.epsilon = omega, epsilon
            self.shift = omega - omega * math.log(1 + omega / epsilon)

        def forward(self, prediction, target):
            r = (prediction - target).abs()
            inner = self.omega * torch.log1p(r / self.epsilon)
            return torch.where(r < self.omega, inner, r - self.shift).mean()

    return WingLoss(), regression(3, 5, 2)


@right()
def trimmed():
    """The largest fifth of the squared errors is left out."""

    def trimmed_mse(prediction, target, keep=0.8):
        r2 = (prediction - target).pow(2).flatten()
        return r2.topk(int(keep * r2.numel()), largest=False).values.mean()

    return trimmed_mse, regression(5, 4)


@right(reference=lambda p, t, w: (w * (p - t) ** 2).sum() / w.sum())
def weighted_by_samples():
    """Weights of shape (N, 1) over (N, D): the mean is taken by their sum."""

    def weighted(prediction, target, weight):
        weight = weight.expand_as(prediction)
        return (weight * (prediction - target) ** 2).sum() / weight.sum()

    prediction, target = regression(5, 3)
    weight = uniform(5, 1, seed=9).expand(5, 3)
    return weighted, (prediction, target, weight)


@right(reference=lambda p, t: F.mse_loss(p.log(), t.log()))
def squared_log_error():
    """Squared error of logarithms; inputs are positive."""

    def msle(prediction, target):
        return (torch.log(prediction) - torch.log(target)).square().mean()

    inputs = (
        uniform(8, low=0.5, high=20.0, seed=1, grad=True),
        uniform(8, low=0.5, high=20.0, seed=2),
    )
    return msle, inputs


@right()
def maximum_error():
    """The worst residual of each row: a kink where two are alike."""

    def max_error(prediction, target):
        return (prediction - target).abs().amax(dim=-1).mean()

    return max_error, regression(4, 6)


@right()
def both_prediction_and_target_learn():
    """Both arguments need a gradient, as in co-training."""

    def consistency(a, b):
        return ((a - b) ** 2).mean() + 0.01 * (a**2 + b**2).mean()

    return consistency, (
        normal(4, 3, seed=1, grad=True),
        normal(4, 3, seed=2, grad=True),
    )


@right(
    reference=lambda p, t: torch.view_as_real(p - t).pow(2).sum(-1).mean(),
    proof="reference",
)
def complex_prediction():
    """A complex prediction: phase and magnitude of a channel."""

    def channel_loss(prediction, target):
        return (prediction - target).abs().pow(2).mean()

    prediction = torch.complex(normal(5, seed=1), normal(5, seed=2)).requires_grad_()
    return channel_loss, (prediction, torch.complex(normal(5, seed=3), normal(5)))


@right()
def rate_through_softplus():
    """What is compared with the target is a function of the prediction."""

    def loss(prediction, target):
        return (F.softplus(prediction) - target).pow(2).mean()

    return loss, (normal(5, seed=1, grad=True), normal(5, seed=2))


@right()
def rewards_that_are_clipped():
    """The target is clipped, so that the best prediction is no longer the target."""

    def loss(prediction, target):
        return F.mse_loss(prediction, target.clamp(-1, 1))

    return loss, (normal(6, seed=1, grad=True), 2 * normal(6, seed=2))


@right()
def trend_that_is_smooth():
    """A level that follows what was observed, and may not bend: not its copy."""

    def loss(level, observed, strength=5.0):
        bend = level[:, 2:] - 2 * level[:, 1:-1] + level[:, :-2]
        error = (level - observed).square().sum(1)
        return (error + strength * bend.square().sum(1)).mean()

    return loss, regression(3, 6)
