"""A softmax runs over the samples."""

import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .inputs import classification, labels, normal


@mistake("wrong-axis", reference=F.cross_entropy)
def log_softmax_over_the_batch():
    """log_softmax(0) of (N, C)."""

    def loss(logits, target):
        return F.nll_loss(logits.log_softmax(0), target)

    return loss, classification(5, 3)


@mistake("wrong-axis", reference=F.cross_entropy)
def softmax_over_the_batch():
    """log_softmax(dim=0): classes compete over the batch."""

    class CrossEntropy(nn.Module):
        def forward(self, logits, target):
            log_p = F.log_softmax(logits, dim=0)
            return -log_p.gather(1, target[:, None]).mean()

    return CrossEntropy(), classification(5, 4)


@mistake("wrong-axis", reference=F.cross_entropy)
def logsumexp_over_the_batch():
    """The normaliser sums over the samples."""

    def loss(logits, target):
        chosen = logits.gather(1, target[:, None])[:, 0]
        return (logits.logsumexp(0).mean() - chosen).mean()

    return loss, classification(5, 3)


def _per_step(logits, target):
    return F.cross_entropy(logits.transpose(1, 2), target)


def _steps():
    return normal(2, 4, 3, seed=1, grad=True), labels(3, 2, 4, seed=2)


@mistake("wrong-axis", reference=_per_step)
def softmax_over_time():
    """dim=1 of (N, T, C) is time."""

    class StepLoss(nn.Module):
        def forward(self, logits, target):
            log_p = F.log_softmax(logits, dim=1)
            return -log_p.gather(2, target[..., None]).mean()

    return StepLoss(), _steps()


@mistake("wrong-axis", reference=F.cross_entropy)
def module_with_dimension_zero():
    """nn.Softmax(dim=0), then the logarithm."""

    softmax = nn.Softmax(dim=0)

    def loss(logits, target):
        return -softmax(logits).log().gather(1, target[:, None]).mean()

    return loss, classification(6, 4)


@right(reference=_per_step)
def softmax_over_classes_last():
    """dim=-1 of (N, T, C)."""

    def loss(logits, target):
        return -logits.log_softmax(-1).gather(2, target[..., None]).mean()

    return loss, _steps()


@right(reference=_per_step)
def softmax_over_classes_in_the_middle():
    """(N, C, T), as cross_entropy wants it."""

    def loss(logits, target):
        return F.cross_entropy(logits.mT.contiguous(), target)

    return loss, _steps()


@right()
def contrastive_both_ways():
    """A softmax over rows and one over columns of a square of pairs."""

    def loss(similarity):
        rows = similarity.log_softmax(0).diagonal().mean()
        columns = similarity.log_softmax(1).diagonal().mean()
        return -(rows + columns) / 2

    return loss, (normal(4, 4, seed=3, grad=True),)


def _contrast(image, text):
    scores = F.normalize(image, dim=1) @ F.normalize(text, dim=1).T
    return F.cross_entropy(scores / 0.07, torch.arange(len(image)))


@mistake("wrong-axis", reference=_contrast)
def embeddings_normalised_over_the_batch():
    """Each feature is made one long over the samples, not each sample."""

    def loss(image, text):
        image, text = F.normalize(image, dim=0), F.normalize(text, dim=0)
        return F.cross_entropy(image @ text.T / 0.07, torch.arange(len(image)))

    return loss, (normal(6, 4, seed=1, grad=True), normal(6, 4, seed=2, grad=True))


def _follow(student, teacher):
    sharp = (teacher / 0.5).softmax(-1).detach()
    return -(sharp * student.log_softmax(-1)).sum(-1).mean()


@mistake("wrong-axis", reference=_follow)
def teacher_sharpened_over_the_batch():
    """The teacher's softmax runs over the samples, the student's over the classes."""

    def loss(student, teacher):
        sharp = (teacher / 0.5).softmax(0).detach()
        return -(sharp * student.log_softmax(-1)).sum(-1).mean()

    return loss, (normal(6, 5, seed=1, grad=True), normal(6, 5, seed=2))


@right(intentional=True)
def matches_in_both_directions():
    """A score of a pair is a probability among its row and among its column."""

    def loss(left, right_):
        scores = left @ right_.T / 0.5
        confidence = scores.softmax(0) * scores.softmax(1)
        return -confidence.diagonal().clamp(min=1e-9).log().mean()

    return loss, (normal(5, 4, seed=1, grad=True), normal(5, 4, seed=2))


@mistake(
    "wrong-axis",
    reference=lambda p, z: (1 - F.cosine_similarity(p, z)).mean(),
)
def cosines_over_the_batch():
    """Vectors lie in the rows; the cosines are those of the columns."""

    def alike(online, other):
        return (1 - F.cosine_similarity(online, other, dim=0)).mean()

    return alike, (normal(5, 3, seed=1, grad=True), normal(5, 3, seed=2))


def _ensemble(members, target):
    error = (members - target[:, None]).abs().mean(1)
    spread = (members[:, :, None] - members[:, None]).abs().mean((1, 2))
    return (error - spread / 2).mean()


@mistake("wrong-axis", reference=_ensemble)
def spread_over_the_batch():
    """The spread of an ensemble is taken between samples, not between members."""

    def ensemble(members, target):
        error = (members - target[:, None]).abs().mean(1)
        spread = (members[:, None] - members[None]).abs().mean((1, 2))
        return (error - spread / 2).mean()

    return ensemble, (normal(4, 5, seed=1, grad=True), normal(4, seed=2))


@right(reference=_ensemble)
def spread_over_the_members():
    """The same between members."""
    return _ensemble, (normal(4, 5, seed=1, grad=True), normal(4, seed=2))


def _pooled(dim):
    def loss(scores, frames, target):
        weights = scores.softmax(dim)
        return F.mse_loss((weights[..., None] * frames).sum(1), target)

    return loss


def _frames():
    return (
        normal(3, 5, seed=1, grad=True),
        normal(3, 5, 4, seed=2),
        normal(3, 4, seed=3),
    )


@mistake("wrong-axis", reference=_pooled(1))
def attention_over_the_batch():
    """The weights of the steps of a sample sum to 1 over the samples."""
    return _pooled(0), _frames()


def _rendered(dim):
    def render(density, colours, target):
        alpha = 1 - (-F.softplus(density)).exp()
        passed = (1 - alpha + 1e-9).cumprod(dim)
        pixels = ((alpha * passed)[..., None] * colours).sum(1)
        return F.mse_loss(pixels, target)

    return render


@mistake("wrong-axis", reference=_rendered(1))
def transmittance_from_ray_to_ray():
    """What is left of the light is multiplied up over the rays, not along each."""
    density, colours = normal(4, 5, seed=1, grad=True), normal(4, 5, 3, seed=2)
    return _rendered(0), (density, colours, normal(4, 3, seed=3))


def _quantiles(dim):
    def pinball(quantiles, target):
        levels = torch.tensor([0.1, 0.5, 0.9], dtype=quantiles.dtype)
        error = target[:, None] - quantiles
        loss = torch.maximum(levels * error, (levels - 1) * error).mean()
        return loss + F.relu(-quantiles.diff(dim=dim)).mean()

    return pinball


@mistake("wrong-axis", reference=_quantiles(1))
def quantiles_cross_between_samples():
    """The penalty for crossing quantiles compares the samples."""
    return _quantiles(0), (normal(5, 3, seed=1, grad=True), normal(5, seed=2))


def _smooth(within):
    def loss(prediction, target, lengths):
        kept = torch.arange(prediction.shape[1]) < lengths[:, None]
        error = ((prediction - target).square() * kept).sum() / kept.sum()
        if within:
            steps, both = prediction[:, 1:] - prediction[:, :-1], kept[:, 1:]
        else:
            steps, both = prediction[1:] - prediction[:-1], kept[1:] & kept[:-1]
        return error + 0.1 * (steps.abs() * both).sum() / both.sum()

    return loss


@mistake("wrong-axis", reference=_smooth(within=True))
def smooth_from_sample_to_sample():
    """The differences that should be small are those of neighbouring sequences."""
    inputs = normal(4, 6, seed=1, grad=True), normal(4, 6, seed=2)
    return _smooth(within=False), (*inputs, torch.tensor([4, 6, 3, 5]))


def _correlation(**dim):
    def pearson(prediction, target):
        a, b = (x - x.mean(**dim) for x in (prediction, target))
        return (1 - F.cosine_similarity(a, b, dim=-1)).mean()

    return pearson


@mistake("wrong-axis", reference=_correlation(dim=-1, keepdim=True))
def signals_centred_together():
    """The correlation of each signal is taken about the mean of all."""
    return _correlation(), (normal(3, 8, seed=1, grad=True), normal(3, 8, seed=2))


def _scaled(forecast, target, history):
    scale = history.abs().mean(1, keepdim=True)
    return F.smooth_l1_loss(forecast / scale, target / scale)


@mistake("wrong-axis", reference=_scaled)
def scale_of_each_step():
    """The scale of a step is taken over all series, not over the steps of each."""

    def loss(forecast, target, history):
        scale = history.abs().mean(0)[-forecast.shape[1] :]
        return F.smooth_l1_loss(forecast / scale, target / scale)

    inputs = normal(4, 3, seed=1, grad=True), normal(4, 3, seed=2)
    return loss, (*inputs, normal(4, 6, seed=3))


def _style(features, target):
    def gram(x):
        flat = x.flatten(2)
        return flat @ flat.mT

    return (gram(features) - gram(target)).square().mean()


@mistake("wrong-axis", reference=_style)
def channels_of_all_images_together():
    """The Gram matrix of (N * C, H * W) compares channels of different images."""

    def gram(x):
        n, c, h, w = x.shape
        flat = x.view(n * c, h * w)
        return flat @ flat.t()

    def style(features, target):
        return (gram(features) - gram(target)).square().mean()

    return style, (normal(3, 2, 3, 3, seed=1, grad=True), normal(3, 2, 3, 3, seed=2))


def _cosines(dim):
    def alike(online, other):
        a, b = (x / (x.norm(dim=dim, keepdim=True) + 1e-8) for x in (online, other))
        return 1 - (a * b).sum(1).mean()

    return alike


@mistake("wrong-axis", reference=_cosines(1))
def lengths_over_the_batch():
    """Vectors are divided by norms over the samples."""
    return _cosines(0), (normal(5, 3, seed=1, grad=True), normal(5, 3, seed=2))


@right()
def correlation_of_features_by_norms():
    """Features are made one long over the batch, and correlated: (C, C)."""

    def decorrelated(first, second):
        a, b = (x / (x.norm(dim=0, keepdim=True) + 1e-8) for x in (first, second))
        correlation = a.T @ b
        return (correlation - torch.eye(3, dtype=correlation.dtype)).square().sum()

    return decorrelated, (normal(5, 3, seed=1, grad=True), normal(5, 3, seed=2))


def _distances(dim):
    def ranked(prediction, target):
        return (prediction.cumsum(dim) - target.cumsum(dim)).square().sum(1).mean()

    return ranked


def _histograms():
    first, second = (normal(4, 5, seed=seed).softmax(1) for seed in (1, 2))
    return first.requires_grad_(), second


@mistake("wrong-axis", reference=_distances(1))
def histograms_summed_over_the_batch():
    """The ranked score of histograms in rows, summed up over the rows."""
    return _distances(0), _histograms()


@right(reference=_distances(1))
def histograms_summed_over_bins():
    """The same over the bins."""
    return _distances(1), _histograms()


@right()
def coverage_of_a_sequence():
    """Attention of one sequence is summed up over the steps that went before."""

    def coverage(attention):
        before = attention.cumsum(0) - attention
        return torch.minimum(attention, before).sum(1).mean()

    return coverage, (normal(4, 5, seed=1).softmax(1).requires_grad_(),)


def _mixture(dim):
    def negative_log_likelihood(weights, means, target):
        component = -0.5 * (target[:, None] - means).square()
        return -torch.logsumexp(weights.log_softmax(1) + component, dim).mean()

    return negative_log_likelihood


@mistake("wrong-axis", reference=_mixture(1))
def components_summed_over_the_samples():
    """A mixture density whose logsumexp runs over the batch."""
    inputs = (
        normal(5, 3, seed=1, grad=True),
        normal(5, 3, seed=2, grad=True),
        normal(5, seed=3),
    )
    return _mixture(0), inputs


def _best_of_many(guesses, target):
    return (guesses - target[:, None]).pow(2).sum(-1).amin(1).mean()


@mistake("wrong-axis", reference=_best_of_many)
def best_of_all_samples():
    """The best of several guesses is chosen among the samples, not for each."""

    def loss(guesses, target):
        return (guesses - target[:, None]).pow(2).sum(-1).min(0).values.mean()

    return loss, (normal(4, 3, 2, seed=1, grad=True), normal(4, 2, seed=2))


@right(reference=_best_of_many)
def best_of_each_sample():
    """The best of several guesses for each sample."""
    return _best_of_many, (normal(4, 3, 2, seed=1, grad=True), normal(4, 2, seed=2))


def _spoken(logits, letters, steps, lengths):
    return F.ctc_loss(logits.log_softmax(-1), letters, steps, lengths)


@mistake("wrong-axis", reference=_spoken)
def ctc_of_batch_first_probabilities():
    """log_softmax(1) of (T, N, C), as if it were (N, C)."""

    def loss(logits, letters, steps, lengths):
        return F.ctc_loss(logits.log_softmax(1), letters, steps, lengths)

    letters = labels(4, 3, 3, seed=2) + 1
    counts = torch.tensor([8, 7, 8]), torch.tensor([3, 2, 3])
    return loss, (normal(8, 3, 5, seed=1, grad=True), letters, *counts)


def _survives(logits, interval, *, dim=1):
    survival = F.logsigmoid(-logits).cumsum(dim)
    return -survival.gather(1, interval[:, None]).mean()


@mistake("wrong-axis", reference=_survives)
def survival_over_the_subjects():
    """Logarithms of chances to survive are summed over subjects, not intervals."""

    def loss(logits, interval):
        return _survives(logits, interval, dim=0)

    return loss, (normal(4, 3, seed=1, grad=True), torch.tensor([0, 2, 1, 2]))


@right(reference=_survives)
def survival_over_the_intervals():
    """Logarithms of chances to survive the intervals of each subject."""
    return _survives, (normal(4, 3, seed=1, grad=True), torch.tensor([0, 2, 1, 2]))


def _earth_mover(logits, target, *, dim=1):
    return (logits.softmax(1) - target).cumsum(dim).abs().mean()


@mistake("wrong-axis", reference=_earth_mover)
def cumulative_difference_over_the_samples():
    """The difference of two histograms is summed up over the samples."""

    def loss(logits, target):
        return _earth_mover(logits, target, dim=0)

    target = normal(4, 6, seed=2).softmax(1)
    return loss, (normal(4, 6, seed=1, grad=True), target)


@right(reference=_earth_mover)
def cumulative_difference_over_the_bins():
    """The difference of two histograms is summed up over the bins."""
    target = normal(4, 6, seed=2).softmax(1)
    return _earth_mover, (normal(4, 6, seed=1, grad=True), target)


def _normals(edges, others, target):
    normal_ = torch.linalg.cross(edges, others)
    return 1 - F.cosine_similarity(normal_, target, dim=-1).mean()


def _three_meshes():
    made = (normal(3, 4, 3, seed=s, grad=True) for s in (1, 2))
    return *made, normal(3, 4, 3, seed=3)


@mistake("wrong-axis", reference=_normals)
def cross_product_of_three_meshes():
    """cross over dimension 0, which is 3 by chance: the meshes."""

    def loss(edges, others, target):
        normal_ = torch.linalg.cross(edges, others, dim=0)
        return 1 - F.cosine_similarity(normal_, target, dim=-1).mean()

    return loss, _three_meshes()


@right(reference=_normals)
def cross_product_of_coordinates():
    """cross over the last dimension, that of the coordinates."""
    return _normals, _three_meshes()


def _coral(source, target):
    apart = torch.cov(source.T) - torch.cov(target.T)
    return apart.square().sum() / (4 * source.shape[1] ** 2)


def _two_domains():
    return normal(5, 4, seed=1, grad=True), normal(5, 4, seed=2)


@mistake("wrong-axis", reference=_coral)
def covariance_of_samples():
    """torch.cov takes rows for variables: it needs the transposed matrix."""

    def loss(source, target):
        apart = torch.cov(source) - torch.cov(target)
        return apart.square().sum() / (4 * source.shape[1] ** 2)

    return loss, _two_domains()


@right(reference=_coral)
def covariance_of_features():
    """Covariances of the columns."""
    return _coral, _two_domains()
