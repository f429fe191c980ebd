"""Right losses of likelihoods, divergences and transport."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from . import right
from .inputs import binary, labels, normal, regression, uniform


@right(
    reference=lambda mu, s, y: F.gaussian_nll_loss(mu, y, s.exp(), full=True, eps=0.0)
)
def gaussian_likelihood():
    """Mean and log variance are both predicted."""

    def gaussian_nll(mean, log_var, target):
        squared = (target - mean) ** 2 * torch.exp(-log_var)
        return 0.5 * (math.log(2 * math.pi) + log_var + squared).mean()

    inputs = (
        normal(6, 2, seed=1, grad=True),
        normal(6, 2, seed=2, grad=True),
        normal(6, 2, seed=3),
    )
    return gaussian_nll, inputs


@right()
def gaussian_likelihood_of_two_outputs():
    """One tensor holds mean and raw scale; softplus keeps the scale positive."""

    class SplitNLL(nn.Module):
        def forward(self, output, target):
            mean, raw = output.chunk(2, dim=-1)
            scale = F.softplus(raw) + 1e-3
            z = (target - mean) / scale
            return (scale.log() + 0.5 * z**2).mean()

    return SplitNLL(), (normal(5, 4, seed=1, grad=True), normal(5, 2, seed=2))


@right()
def laplace_likelihood():
    """Laplace: a kink, and a scale that is an argument."""

    def laplace_nll(location, scale, target):
        return (torch.log(2 * scale) + (target - location).abs() / scale).mean()

    inputs = (
        normal(7, seed=1, grad=True),
        uniform(7, low=0.3, high=2.0, seed=2, grad=True),
        normal(7, seed=3),
    )
    return laplace_nll, inputs


@right()
def mixture_density():
    """A mixture of Gaussians by logsumexp."""

    class MDN(nn.Module):
        def forward(self, params, target):
            logits, mean, log_scale = params
            z = (target[:, None] - mean) * torch.exp(-log_scale)
            log_density = -0.5 * z**2 - log_scale - 0.5 * math.log(2 * math.pi)
            return -(logits.log_softmax(1) + log_density).logsumexp(1).mean()

    params = tuple(normal(5, 3, seed=s, grad=True) for s in (1, 2, 3))
    return MDN(), (params, normal(5, seed=4))


@right()
def evidence_lower_bound():
    """VAE: reconstruction and KL, both summed over features and averaged over rows."""

    def elbo(recon_logits, x, mu, log_var):
        bce = F.binary_cross_entropy_with_logits(recon_logits, x, reduction="none")
        kl = -0.5 * (1 + log_var - mu.pow(2) - log_var.exp()).sum(1)
        return (bce.sum(1) + kl).mean()

    inputs = (
        normal(4, 6, seed=1, grad=True),
        binary(4, 6, seed=2),
        normal(4, 2, seed=3, grad=True),
        normal(4, 2, seed=4, grad=True),
    )
    return elbo, inputs


@right(reference=lambda x, k: F.poisson_nll_loss(x, k))
def poisson_of_log_rates():
    """Poisson likelihood of log rates."""

    def poisson(log_rate, count):
        return (log_rate.exp() - count * log_rate).mean()

    count = labels(6, 8, seed=2).to(torch.float64)
    return poisson, ((0.5 * normal(8, seed=1)).requires_grad_(), count)


@right()
def negative_binomial():
    """Negative binomial with a learned dispersion."""

    class NegativeBinomial(nn.Module):
        def __init__(self):
            super().__init__()
            self.log_dispersion = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))

        def forward(self, mean, count):
            r = self.log_dispersion.exp()
            log_p = torch.lgamma(count + r) - torch.lgamma(r) - torch.lgamma(count + 1)
            log_p = log_p + r * torch.log(r / (r + mean))
            log_p = log_p + count * torch.log(mean / (r + mean))
            return -log_p.mean()

    count = labels(6, 8, seed=2).to(torch.float64)
    return NegativeBinomial(), (uniform(8, low=0.5, high=6.0, grad=True), count)


@right(reference=lambda log_q, p: F.kl_div(log_q, p, reduction="batchmean"))
def divergence():
    """KL by xlogy: a target probability of 0 counts 0."""

    def kl(log_q, p):
        return (torch.xlogy(p, p) - p * log_q).sum(1).mean()

    log_q = F.log_softmax(normal(4, 5, seed=1), 1).requires_grad_()
    return kl, (log_q, F.softmax(normal(4, 5, seed=2), 1))


@right()
def jensen_shannon():
    """JS divergence of two softmaxes, by log probabilities."""

    def js(a, b):
        log_p, log_q = a.log_softmax(1), b.log_softmax(1)
        log_m = torch.logaddexp(log_p, log_q) - math.log(2)
        kl_p = (log_p.exp() * (log_p - log_m)).sum(1)
        kl_q = (log_q.exp() * (log_q - log_m)).sum(1)
        return 0.5 * (kl_p + kl_q).mean()

    return js, (normal(4, 5, seed=1, grad=True), normal(4, 5, seed=2, grad=True))


@right()
def ensemble_crps():
    """CRPS of an ensemble: absolute differences to the target and to each other."""

    def crps(ensemble, target):
        skill = (ensemble - target[:, None]).abs().mean(1)
        spread = (ensemble[:, :, None] - ensemble[:, None, :]).abs().mean((1, 2))
        return (skill - 0.5 * spread).mean()

    return crps, (normal(4, 5, seed=1, grad=True), normal(4, seed=2))


@right()
def sinkhorn():
    """Entropic transport between two clouds, unrolled in the log domain."""

    class Sinkhorn(nn.Module):
        def __init__(self, eps=0.5, steps=20):
            super().__init__()
            self.eps, self.steps = eps, steps

        def forward(self, x, y):
            cost = (x[:, None] - y[None]).pow(2).sum(-1)
            f, g = torch.zeros_like(cost[:, 0]), torch.zeros_like(cost[0])
            n, m = cost.shape
            for _ in range(self.steps):
                f = -self.eps * (((g - cost) / self.eps).logsumexp(1) + math.log(n))
                g = -self.eps * (
                    ((f[:, None] - cost) / self.eps).logsumexp(0) + math.log(m)
                )
            plan = ((f[:, None] + g - cost) / self.eps).exp()
            return (plan * cost).sum()

    return Sinkhorn(), (normal(4, 2, seed=1, grad=True), normal(3, 2, seed=2))


@right()
def maximum_mean_discrepancy():
    """MMD with a Gaussian kernel of a fixed width."""

    def mmd(x, y, width=1.0):
        def kernel(a, b):
            d2 = (a[:, None] - b[None]).pow(2).sum(-1)
            return torch.exp(-d2 / (2 * width**2)).mean()

        return kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)

    return mmd, (normal(6, 2, seed=1, grad=True), normal(5, 2, seed=2))


@right()
def sliced_wasserstein():
    """Sorted projections on fixed directions, in a buffer."""

    class SlicedWasserstein(nn.Module):
        def __init__(self, size=3, slices=6):
            super().__init__()
            directions = F.normalize(normal(size, slices, seed=9), dim=0)
            self.register_buffer("directions", directions)

        def forward(self, x, y):
            a = (x @ self.directions).sort(dim=0).values
            b = (y @ self.directions).sort(dim=0).values
            return (a - b).pow(2).mean()

    return SlicedWasserstein(), regression(6, 3)


@right()
def hinge_gan():
    """Discriminator's hinge loss."""

    def d_hinge(real, fake):
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    inputs = normal(6, 1, seed=1, grad=True), normal(6, 1, seed=2, grad=True)
    return d_hinge, inputs


@right()
def noise_conditional_score():
    """Denoising score matching with the noise given as an argument."""

    class ScoreMatching(nn.Module):
        def forward(self, score, noise, sigma):
            residual = sigma[:, None] * score + noise
            return residual.pow(2).sum(1).mean() / 2

    inputs = normal(5, 3, seed=1, grad=True), normal(5, 3, seed=2), uniform(5, seed=3)
    return ScoreMatching(), inputs


@right()
def flow_likelihood():
    """Normalising flow: latent codes and log determinants."""

    def flow_nll(latent, log_det):
        prior = 0.5 * (latent**2).sum(1) + latent.shape[1] / 2 * math.log(2 * math.pi)
        return (prior - log_det).mean()

    return flow_nll, (normal(5, 3, seed=1, grad=True), normal(5, seed=2, grad=True))
