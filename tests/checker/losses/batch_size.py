"""The loss knows a batch size that the batch does not have."""

import warnings

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import Case, mistake, right
from .inputs import binary, classification, labels, normal, regression


def _six_of_twenty():
    return regression(6, 3)


@mistake("batch-size", reference=lambda p, t: ((p - t) ** 2).sum(1).mean())
def divided_by_the_configured_batch_size():
    """A sum divided by config.batch_size, whatever the batch."""

    class SquaredError(nn.Module):
        def __init__(self, batch_size):
            super().__init__()
            self.batch_size = batch_size

        def forward(self, prediction, target):
            return ((prediction - target) ** 2).sum() / self.batch_size

    return SquaredError(batch_size=20), _six_of_twenty()


@right(reference=lambda p, t: ((p - t) ** 2).sum(1).mean())
def divided_by_the_batch_at_hand():
    """The same, by len(prediction)."""

    def squared_error(prediction, target):
        return ((prediction - target) ** 2).sum() / len(prediction)

    return squared_error, _six_of_twenty()


def _nt_xent(a, b, temperature=0.5):
    z = F.normalize(torch.cat([a, b]), dim=1)
    sim = z @ z.T / temperature
    sim = sim.masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf)
    n = len(a)
    partner = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return F.cross_entropy(sim, partner)


@mistake("batch-size", reference=_nt_xent)
def contrastive_mask_of_one_batch_size():
    """NT-Xent: masks built for one batch size fail on the last, smaller batch."""

    class NTXent(nn.Module):
        def __init__(self, batch_size, temperature=0.5):
            super().__init__()
            n = 2 * batch_size
            self.batch_size, self.temperature = batch_size, temperature
            self.register_buffer("eye", torch.eye(n, dtype=torch.bool))
            partner = torch.arange(n).roll(batch_size)
            self.register_buffer("partner", partner)

        def forward(self, a, b):
            z = F.normalize(torch.cat([a, b]), dim=1)
            sim = z @ z.T / self.temperature
            sim = sim.masked_fill(self.eye, float("-inf"))
            return F.cross_entropy(sim, self.partner)

    inputs = normal(5, 4, seed=1, grad=True), normal(5, 4, seed=2, grad=True)
    return NTXent(batch_size=5), inputs


@right(reference=_nt_xent)
def contrastive_mask_of_any_batch():
    """The same with masks made on the fly."""

    class NTXent(nn.Module):
        def __init__(self, temperature=0.5):
            super().__init__()
            self.temperature = temperature

        def forward(self, a, b):
            n = len(a)
            z = F.normalize(torch.cat([a, b]), dim=1)
            sim = z @ z.T / self.temperature
            eye = torch.eye(2 * n, dtype=torch.bool)
            sim = sim.masked_fill(eye, float("-inf"))
            return F.cross_entropy(sim, torch.arange(2 * n).roll(n))

    inputs = normal(5, 4, seed=1, grad=True), normal(5, 4, seed=2, grad=True)
    return NTXent(), inputs


@mistake("batch-size", reference=F.cross_entropy)
def squeeze_eats_a_batch_of_one():
    """squeeze() without dim removes the batch dimension of a single sample."""

    def loss(logits, target):
        log_p = F.log_softmax(logits, dim=1)
        picked = log_p.gather(1, target.unsqueeze(1)).squeeze()
        return -sum(picked[i] for i in range(picked.shape[0])) / picked.shape[0]

    return loss, classification(4, 5)


@mistake("batch-size", reference=lambda p, t: (p - t).abs().mean((1, 2)).mean())
def view_with_the_configured_batch():
    """Time series: view(self.batch_size, -1) fails on the last batch."""

    class SeriesL1(nn.Module):
        def __init__(self, batch_size=4):
            super().__init__()
            self.batch_size = batch_size

        def forward(self, prediction, target):
            error = (prediction - target).abs()
            return error.reshape(self.batch_size, -1).mean(dim=1).mean()

    return SeriesL1(), regression(4, 3, 2)


def _kld(recon, target, mu, log_var):
    bce = F.binary_cross_entropy_with_logits(recon, target, reduction="sum")
    kld = -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum()
    return (bce + kld) / len(recon)


@mistake("batch-size", reference=_kld)
def vae_normalised_by_a_constant():
    """VAE: the KL term is divided by batch_size * input size of the script."""
    batch_size, features = 128, 6

    def vae_loss(recon, target, mu, log_var):
        bce = F.binary_cross_entropy_with_logits(recon, target, reduction="sum")
        kld = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())
        return bce / batch_size + kld / batch_size

    inputs = (
        normal(8, features, seed=1, grad=True),
        binary(8, features, seed=2),
        normal(8, 2, seed=3, grad=True),
        normal(8, 2, seed=4, grad=True),
    )
    return vae_loss, inputs


@mistake(
    "batch-size",
    reference=lambda x, t: F.binary_cross_entropy_with_logits(x, 0.9 * t),
)
def label_buffers_of_one_batch():
    """GAN: the smoothed labels are a buffer of the batch size given at construction."""

    class DiscriminatorLoss(nn.Module):
        def __init__(self, batch_size):
            super().__init__()
            self.register_buffer("real", torch.full((batch_size, 1), 0.9).double())

        def forward(self, logits, is_real):
            return F.binary_cross_entropy_with_logits(logits, self.real * is_real)

    inputs = normal(6, 1, seed=1, grad=True), binary(6, 1, seed=2)
    return DiscriminatorLoss(6), inputs


@mistake("batch-size", reference=F.cross_entropy)
def function_divides_by_a_global():
    """forward and backward agree on BATCH_SIZE = 32: gradcheck passes."""
    batch_size = 32

    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            log_p = logits.log_softmax(1)
            ctx.save_for_backward(logits, target)
            return F.nll_loss(log_p, target, reduction="sum") / batch_size

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            grad = logits.softmax(1) - F.one_hot(target, logits.size(1))
            return grad_output * grad / batch_size, None

    return CrossEntropy.apply, (normal(7, 3, seed=1, grad=True), labels(3, 7))


@mistake(
    "batch-size",
    reference=lambda x, t: (
        F.binary_cross_entropy_with_logits(x[:, 0], t, reduction="sum") / len(x)
    ),
)
def squeezed_logits():
    """squeeze() turns (1, 1) logits into a number; len() of it raises."""

    class BCE(nn.Module):
        def forward(self, logits, target):
            logits = logits.squeeze()
            loss = F.softplus(logits) - target * logits
            return loss.sum() / len(logits)

    return BCE(), (normal(5, 1, seed=1, grad=True), binary(5, seed=2))


@mistake("batch-size", reference=lambda p, t: (p - t).pow(2).mean())
def iterations_times_batch():
    """Normalised by steps_per_epoch * batch_size, as the dataset has 1000 rows."""

    def factory(dataset_size):
        def loss(prediction, target):
            return (prediction - target).pow(2).sum() / dataset_size

        return loss

    return factory(1000), regression(10, 1)


def _decorrelated(one, other, count=None):
    one = (one - one.mean(0)) / (one.std(0) + 1e-6)
    other = (other - other.mean(0)) / (other.std(0) + 1e-6)
    correlation = one.T @ other / (count or len(one))
    return (correlation - torch.eye(len(correlation))).square().sum()


@mistake("batch-size", reference=_decorrelated)
def correlation_of_five_samples():
    """Barlow Twins: the matrix of correlations is divided by the usual batch size."""

    def decorrelated(one, other):
        one = (one - one.mean(0)) / (one.std(0) + 1e-6)
        other = (other - other.mean(0)) / (other.std(0) + 1e-6)
        correlation = one.T @ other / 5
        return (correlation - torch.eye(len(correlation))).square().sum()

    return decorrelated, (normal(5, 4, seed=1, grad=True), normal(5, 4, seed=2))


@right()
def correlation_of_all_samples():
    """The same with the number of samples."""
    return _decorrelated, (normal(5, 4, seed=1, grad=True), normal(5, 4, seed=2))


def _spread(features, correction):
    deviation = (features.var(0, correction=correction) + 1e-4).sqrt()
    return (1 - deviation).relu().mean()


def _is_nan_for_one(case: Case) -> None:
    """The first sample alone is NaN, and finite for the reference."""
    loss, (features,) = case.fresh()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of it
        assert loss(features[:1]).isnan()
    assert case.reference(features[:1]).isfinite()


@mistake(
    "batch-size", reference=lambda x: _spread(x, int(len(x) > 1)), shows=_is_nan_for_one
)
def spread_of_a_batch_of_one():
    """The unbiased deviation of one sample is 0/0: the last batch may be that."""
    return lambda features: _spread(features, 1), (normal(5, 3, seed=1, grad=True),)


class _Speakers(nn.Module):
    def __init__(self, speakers_per_batch=8):
        super().__init__()
        self.speakers_per_batch = speakers_per_batch

    def forward(self, query, support):
        logits = 5 * F.normalize(query, dim=1) @ F.normalize(support, dim=1).T
        own = torch.arange(len(query))
        return F.cross_entropy(logits, own, reduction="none").sum() / self.count(query)

    def count(self, query):
        return len(query)


@mistake("batch-size", reference=_Speakers())
def speakers_as_configured():
    """A contrast of speakers is divided by how many there should be in a batch."""

    class Speakers(_Speakers):
        def count(self, query):
            return self.speakers_per_batch

    return Speakers(), (normal(5, 4, seed=1, grad=True), normal(5, 4, seed=2))


@right(reference=_Speakers())
def speakers_as_they_come():
    """The same, divided by how many there are."""
    return _Speakers(), (normal(5, 4, seed=1, grad=True), normal(5, 4, seed=2))


def _hardest(logits, target):
    loss = F.cross_entropy(logits, target, reduction="none")
    return loss.topk(max(1, 3 * len(loss) // 4)).values.mean()


@mistake("batch-size", reference=_hardest)
def hardest_six_whatever_the_batch():
    """The six largest losses of eight; a last batch of five raises."""

    def loss(logits, target):
        return F.cross_entropy(logits, target, reduction="none").topk(6).values.mean()

    return loss, classification(8, 3)


@right(reference=_hardest)
def hardest_three_quarters():
    """As many of the largest losses as three quarters of the batch."""
    return _hardest, classification(8, 3)


def _contrast(features, half):
    first, second = features[:half], features[half:]
    logits = first @ second.T
    own = torch.arange(len(first))
    return F.cross_entropy(logits, own) + F.cross_entropy(logits.T[: len(own)], own)


@mistake("batch-size", reference=lambda x: _contrast(x, len(x) // 2))
def views_cut_apart_at_four():
    """Two views of four samples each; of more samples, others meet."""

    def loss(features):
        return _contrast(features, 4)

    return loss, (normal(8, 3, seed=1, grad=True),)


@right()
def views_cut_apart_at_half():
    """Two views of half of the rows each."""

    def loss(features):
        return _contrast(features, len(features) // 2)

    return loss, (normal(8, 3, seed=1, grad=True),)
