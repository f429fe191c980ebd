"""One path of the gradient is cut, the others are not."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .inputs import binary, classification, labels, normal, regression, uniform


def _critic():
    critic = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    with torch.no_grad():
        for seed, parameter in enumerate(critic.parameters()):
            parameter.copy_(0.7 * normal(*parameter.shape, seed=seed))
    return critic


def _wgan_gp(real, fake):
    critic = _critic()
    mixed = 0.5 * (real + fake)
    if not mixed.requires_grad:
        mixed.requires_grad_()
    (grad,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    penalty = ((grad.norm(2, dim=1) - 1) ** 2).mean()
    return critic(fake).mean() - critic(real).mean() + 10 * penalty


@mistake("partial-detach", reference=_wgan_gp)
def gradient_penalty_without_create_graph():
    """WGAN-GP: autograd.grad inside the loss lacks create_graph=True."""

    class WGANGP(nn.Module):
        def __init__(self, critic, weight=10.0):
            super().__init__()
            self.critic, self.weight = critic, weight

        def forward(self, real, fake):
            mixed = 0.5 * (real + fake)
            scores = self.critic(mixed)
            (grad,) = torch.autograd.grad(
                scores, mixed, grad_outputs=torch.ones_like(scores), retain_graph=True
            )
            penalty = ((grad.norm(2, dim=1) - 1) ** 2).mean()
            wasserstein = self.critic(fake).mean() - self.critic(real).mean()
            return wasserstein + self.weight * penalty

    return WGANGP(_critic()), (normal(5, 3, seed=11), normal(5, 3, seed=12, grad=True))


@right(reference=_wgan_gp)
def gradient_penalty_with_create_graph():
    """The same with create_graph=True."""

    class WGANGP(nn.Module):
        def __init__(self, critic, weight=10.0):
            super().__init__()
            self.critic, self.weight = critic, weight

        def forward(self, real, fake):
            mixed = 0.5 * (real + fake)
            if not mixed.requires_grad:
                mixed.requires_grad_()
            (grad,) = torch.autograd.grad(
                self.critic(mixed).sum(), mixed, create_graph=True
            )
            penalty = ((grad.norm(2, dim=1) - 1) ** 2).mean()
            wasserstein = self.critic(fake).mean() - self.critic(real).mean()
            return wasserstein + self.weight * penalty

    return WGANGP(_critic()), (normal(5, 3, seed=11), normal(5, 3, seed=12, grad=True))


def _ce_dice(logits, target):
    p = logits.sigmoid()
    dice = 1 - (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1)
    return F.binary_cross_entropy_with_logits(logits, target) + dice


@mistake("partial-detach", reference=_ce_dice)
def dice_term_as_a_number():
    """BCE plus Dice, where the Dice helper returns .item()."""

    def soft_dice(p, t, smooth=1.0):
        inter = (p * t).sum()
        return ((2 * inter + smooth) / (p.sum() + t.sum() + smooth)).item()

    class BCEDice(nn.Module):
        def forward(self, logits, target):
            bce = F.binary_cross_entropy_with_logits(logits, target)
            return bce + (1 - soft_dice(torch.sigmoid(logits), target))

    return BCEDice(), (normal(2, 1, 4, 4, seed=1, grad=True), binary(2, 1, 4, 4))


@mistake(
    "partial-detach",
    reference=lambda p, t: ((p - t) / (p.abs().max() + 0.01)).pow(2).mean(),
)
def normaliser_by_item():
    """The error is normalised by the prediction's own maximum, taken by .item()."""

    def relative_error(prediction, target):
        peak = prediction.abs().max().item() + 0.01
        return torch.mean(((prediction - target) / peak) ** 2)

    return relative_error, regression(3, 4)


def _log_spectral(prediction, target):
    a = torch.fft.rfft(prediction).abs()
    b = torch.fft.rfft(target).abs()
    return F.l1_loss(prediction, target) + (b - a).abs().mean()


@mistake("partial-detach", reference=_log_spectral)
def spectrogram_through_data():
    """Waveform loss: the spectral term reads prediction.data."""

    class SpectralLoss(nn.Module):
        @staticmethod
        def spectrum(wave):
            return torch.fft.rfft(wave.data, dim=-1).abs()

        def forward(self, prediction, target):
            a, b = self.spectrum(prediction), self.spectrum(target)
            return F.l1_loss(prediction, target) + (b - a).abs().mean()

    return SpectralLoss(), regression(2, 16)


def _two_tasks(prediction, target):
    log_var = torch.tensor([0.2, -0.3], dtype=torch.float64)
    per_task = (prediction - target).pow(2).mean(0)
    return (torch.exp(-log_var) * per_task + log_var).sum()


@mistake("partial-detach", reference=_two_tasks)
def task_weights_read_as_floats():
    """Learned task weights: the precision is read by .item(), its gradient goes."""

    class MultiTask(nn.Module):
        def __init__(self):
            super().__init__()
            self.log_var = nn.Parameter(torch.tensor([0.2, -0.3], dtype=torch.float64))

        def forward(self, prediction, target):
            total = 0.0
            for task in range(2):
                precision = torch.exp(-self.log_var[task]).item()
                error = (prediction[:, task] - target[:, task]).pow(2).mean()
                total = total + precision * error + self.log_var[task]
            return total

    return MultiTask(), regression(6, 2)


def _attention_pooled(scores, values, target):
    pooled = (torch.softmax(scores, 1)[..., None] * values).sum(1)
    return F.mse_loss(pooled, target)


@mistake("partial-detach", reference=_attention_pooled)
def weights_under_no_grad():
    """Attention pooling inside the loss: the softmax runs under no_grad."""

    def pooled_mse(scores, values, target):
        with torch.no_grad():
            weights = torch.softmax(scores, dim=1) + 0 * scores
        pooled = torch.einsum("nt,ntd->nd", weights, values)
        return ((pooled - target) ** 2).mean()

    inputs = (
        normal(3, 4, seed=1, grad=True),
        normal(3, 4, 2, seed=2, grad=True),
        normal(3, 2, seed=3),
    )
    return pooled_mse, inputs


def _entropy_bonus(logits, action, advantage):
    log_p = logits.log_softmax(1)
    chosen = log_p.gather(1, action[:, None])[:, 0]
    entropy = -(log_p.exp() * log_p).sum(1)
    return -(chosen * advantage).mean() - 0.1 * entropy.mean()


@mistake("partial-detach", reference=_entropy_bonus)
def entropy_bonus_of_detached_logits():
    """Policy gradient: the entropy bonus comes from detached log-probabilities."""

    class PolicyLoss(nn.Module):
        def forward(self, logits, action, advantage):
            log_p = F.log_softmax(logits, dim=1)
            chosen = log_p.gather(1, action.unsqueeze(1)).squeeze(1)
            frozen = log_p.detach()
            entropy = -(frozen.exp() * frozen).sum(1).mean()
            return -(chosen * advantage).mean() - 0.1 * entropy

    logits, action = classification(6, 3)
    return PolicyLoss(), (logits, action, uniform(6, seed=2))


@mistake("partial-detach", reference=lambda a, b: -F.cosine_similarity(a, b).mean())
def own_norm_detached():
    """Cosine by hand: the prediction's norm comes from .data, its part is missing."""

    def negative_cosine(a, b):
        a = a / a.data.norm(dim=1, keepdim=True).clamp(min=1e-8)
        b = F.normalize(b, dim=1)
        return -(a * b).sum(1).mean()

    return negative_cosine, regression(5, 4)


@mistake(
    "partial-detach",
    reference=lambda p, t: (
        (p.std(0) - t.std(0)).abs().mean() + F.mse_loss(p.mean(0), t.mean(0))
    ),
)
def spread_through_numpy():
    """Moment matching: the standard deviation takes the way through NumPy."""

    class MomentLoss(nn.Module):
        def forward(self, prediction, target):
            spread = torch.from_numpy(prediction.detach().numpy().std(0, ddof=1))
            mean = F.mse_loss(prediction.mean(0), target.mean(0))
            return mean + (spread - target.std(0)).abs().mean()

    return MomentLoss(), regression(6, 3)


def _policy(logp, ref_logp, advantage):
    ratio = (logp - logp.detach()).exp()
    divergence = (ref_logp - logp).exp() - (ref_logp - logp) - 1
    return (0.1 * divergence - ratio * advantage).mean()


@mistake("partial-detach", reference=_policy)
def divergence_under_no_grad():
    """The ratio is cut on purpose, and so is the divergence, which must learn."""

    def policy(logp, ref_logp, advantage):
        ratio = (logp - logp.detach()).exp()
        with torch.no_grad():
            divergence = (ref_logp - logp).exp() - (ref_logp - logp) - 1
        return (0.1 * divergence - ratio * advantage).mean()

    inputs = normal(4, 3, seed=1, grad=True), normal(4, 3, seed=2), normal(4, 3, seed=3)
    return policy, inputs


@right(reference=_policy, intentional=True)
def policy_gradient_with_a_ratio_of_one():
    """The same with a divergence that learns."""
    inputs = normal(4, 3, seed=1, grad=True), normal(4, 3, seed=2), normal(4, 3, seed=3)
    return _policy, inputs


def _physics(*, second: bool, whole: bool):
    class Curvature(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
            self.double()

        def forward(self, x):
            x = x.detach().clone().requires_grad_()
            u = self.net(x)
            (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
            (bend,) = torch.autograd.grad(slope.sum(), x, create_graph=second)
            return (bend + (u if whole else u.data)).square().mean()

    return Curvature()


def _raises_in_backward(case):
    loss, inputs = case.fresh()
    with pytest.raises(RuntimeError, match="a second time"):
        loss(*inputs).backward()


@mistake("partial-detach", shows=_raises_in_backward)
def second_derivative_without_a_graph():
    """A physics-informed loss: the inner graph is freed, and backward raises."""
    return _physics(second=False, whole=True), (normal(5, 1, seed=3),)


@mistake("partial-detach")
def solution_by_data():
    """`.data` takes the whole gradient of the last bias, and a part of the others."""
    return _physics(second=True, whole=False), (normal(5, 1, seed=3),)


def _token_likelihood(logits, tokens):
    picked = logits.gather(-1, tokens[..., None])[..., 0]
    return -(picked - logits.logsumexp(-1)).mean()


@mistake("partial-detach", reference=_token_likelihood)
def normaliser_under_no_grad():
    """The log of the sum over the words is held constant: all scores may rise."""

    def loss(logits, tokens):
        picked = logits.gather(-1, tokens[..., None])[..., 0]
        with torch.no_grad():
            normaliser = logits.logsumexp(-1)
        return -(picked - normaliser).mean()

    return loss, (normal(2, 4, 5, seed=1, grad=True), labels(5, 2, 4, seed=2))


def _shares(amounts, observed):
    shares = F.softplus(amounts)
    shares = shares / shares.sum(1, keepdim=True)
    return -(observed * shares.log()).sum(1).mean()


@mistake("partial-detach", reference=_shares)
def sum_of_shares_held_constant():
    """Amounts divided by their sum, without its gradient: shares do not compete."""

    def loss(amounts, observed):
        amounts = F.softplus(amounts)
        shares = amounts / amounts.detach().sum(1, keepdim=True)
        return -(observed * shares.log()).sum(1).mean()

    return loss, (normal(4, 3, seed=1, grad=True), normal(4, 3, seed=2).softmax(1))
