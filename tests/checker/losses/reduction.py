"""mean and sum over the wrong dimensions."""

import warnings

import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .inputs import binary, classification, labels, normal, regression, uniform


def _distributions():
    log_q = F.log_softmax(normal(4, 10, seed=1), 1).requires_grad_()
    return log_q, F.softmax(normal(4, 10, seed=2), 1)


def _kl(log_q, p):
    return F.kl_div(log_q, p, reduction="batchmean")


@mistake("reduction", reference=_kl)
def kl_averaged_over_classes():
    """KL 'mean': divided by the classes as well as by the batch."""

    def kl(log_q, p):
        return (torch.xlogy(p, p) - p * log_q).mean()

    return kl, _distributions()


@right(reference=_kl)
def kl_batchmean():
    """The same, summed over the classes."""

    def kl(log_q, p):
        return (torch.xlogy(p, p) - p * log_q).sum(1).mean()

    return kl, _distributions()


@mistake("reduction", reference=lambda p, t: ((p - t) ** 2).sum(-1).mean())
def coordinates_averaged():
    """Keypoints: the squared distance is the sum over x, y, z, not their mean."""

    class KeypointLoss(nn.Module):
        def forward(self, prediction, target):
            return torch.mean((prediction - target) ** 2)

    return KeypointLoss(), regression(2, 5, 3)


def _padded():
    prediction, target = regression(4, 6)
    mask = torch.arange(6) < torch.tensor([6, 3, 2, 4])[:, None]
    return prediction, target, mask


@mistake(
    "reduction",
    reference=lambda p, t, m: ((p - t).abs() * m).sum() / m.sum(),
)
def padding_in_the_denominator():
    """Masked entries are zeroed, then counted by mean()."""

    class MaskedL1(nn.Module):
        def forward(self, prediction, target, mask):
            error = (prediction - target).abs().masked_fill(~mask, 0.0)
            return error.mean()

    return MaskedL1(), _padded()


@mistake(
    "reduction",
    reference=lambda x, t, w: F.cross_entropy(x, t, weight=w),
)
def weighted_mean_divided_by_n():
    """Class weights: torch divides by the sum of the weights of the labels."""

    def weighted_cross_entropy(logits, target, weight):
        nll = F.nll_loss(F.log_softmax(logits, 1), target, reduction="none")
        return (weight[target] * nll).mean()

    logits, target = classification(6, 3)
    weight = torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64)
    return weighted_cross_entropy, (logits, target, weight)


@mistake("reduction", reference=F.mse_loss)
def divided_by_the_batch_twice():
    """mean() first, then / batch_size as in the formula of the paper."""

    class MSE(nn.Module):
        def forward(self, prediction, target):
            loss = F.mse_loss(prediction, target)
            return loss / prediction.size(0)

    return MSE(), regression(8, 2)


@mistake("reduction", reference=lambda p, t: (p - t).norm(dim=1).mean())
def root_over_the_whole_batch():
    """Position error: one root over the batch instead of one per row."""

    def distance_error(prediction, target):
        return torch.sqrt(((prediction - target) ** 2).sum() + 1e-12)

    return distance_error, regression(5, 3)


def _dice_per_image(p, t, eps=1.0):
    inter = (p * t).sum((1, 2, 3))
    return (1 - (2 * inter + eps) / ((p + t).sum((1, 2, 3)) + eps)).mean()


@mistake("reduction", reference=_dice_per_image)
def dice_over_the_whole_batch():
    """Dice: one ratio for the batch instead of one per image."""

    class DiceLoss(nn.Module):
        def __init__(self, eps=1.0):
            super().__init__()
            self.eps = eps

        def forward(self, probability, target):
            p, t = probability.flatten(), target.flatten()
            inter = (p * t).sum()
            return 1 - (2 * inter + self.eps) / (p.sum() + t.sum() + self.eps)

    inputs = uniform(3, 1, 4, 4, seed=1, grad=True), binary(3, 1, 4, 4, share=0.3)
    return DiceLoss(), inputs


@mistake(
    "reduction",
    reference=lambda mu, s: (-0.5 * (1 + s - mu**2 - s.exp())).sum(1).mean(),
)
def latent_averaged():
    """VAE: the KL to the prior is averaged over latent dimensions."""

    def kl_to_standard_normal(mu, log_var):
        return -0.5 * torch.mean(1 + log_var - mu.pow(2) - log_var.exp())

    inputs = normal(4, 8, seed=1, grad=True), normal(4, 8, seed=2, grad=True)
    return kl_to_standard_normal, inputs


@mistake("reduction", reference=F.cross_entropy)
def one_hot_cross_entropy_averaged_over_classes():
    """-(onehot * log_p).mean(): the classes are averaged too."""

    class CrossEntropy(nn.Module):
        def forward(self, logits, target):
            onehot = F.one_hot(target, logits.shape[1]).to(logits.dtype)
            return -(onehot * F.log_softmax(logits, dim=1)).mean()

    return CrossEntropy(), classification(6, 4, dtype=torch.float32)


@mistake("reduction", reference=F.cross_entropy)
def pixels_summed_images_averaged():
    """Segmentation: cross-entropy summed over pixels, averaged over images only."""

    def pixel_cross_entropy(logits, target):
        log_p = logits.log_softmax(1)
        picked = log_p.gather(1, target.unsqueeze(1))
        return -picked.sum() / logits.shape[0]

    inputs = normal(2, 3, 4, 4, seed=1, grad=True), labels(3, 2, 4, 4, seed=2)
    return pixel_cross_entropy, inputs


@mistake("reduction", reference=lambda p, t: F.l1_loss(p, t, reduction="sum") / len(p))
def box_coordinates_averaged():
    """Detection: the box loss is summed over four coordinates, here averaged."""

    class BoxL1(nn.Module):
        def forward(self, prediction, target):
            return F.l1_loss(prediction, target)

    return BoxL1(), regression(6, 4)


@mistake("reduction", reference=F.binary_cross_entropy_with_logits)
def labels_summed_over_the_last_dimension():
    """Multi-label: summed over 5 labels, though the mean was meant."""

    def multi_label(logits, target):
        loss = F.softplus(logits) - target * logits
        return loss.sum(-1).mean()

    return multi_label, (normal(4, 5, seed=1, grad=True), binary(4, 5, seed=2))


@mistake("reduction", reference=lambda p, t: torch.sqrt(F.mse_loss(p, t) + 1e-8))
def root_of_the_sum():
    """RMSE with sum() where the mean belongs."""

    def rmse(prediction, target):
        return torch.sqrt(((prediction - target) ** 2).sum() + 1e-8)

    return rmse, regression(16)


def _mean_margin(logp, ref_logp, mask):
    count = mask.sum(1).clamp(min=1)
    return -F.logsigmoid(((logp - ref_logp) * mask).sum(1) / count).mean()


@mistake("reduction", reference=_mean_margin)
def padding_in_the_mean_of_each_row():
    """The mean of a row counts its padding, inside of a logarithm."""

    def loss(logp, ref_logp, mask):
        return -F.logsigmoid(((logp - ref_logp) * mask).mean(1)).mean()

    mask = (torch.arange(6) < torch.tensor([[6], [4], [3]])).double()
    return loss, (normal(3, 6, seed=1, grad=True), normal(3, 6, seed=2), mask)


def _distil(student, teacher):
    student, teacher = (student / 2).log_softmax(1), (teacher / 2).softmax(1)
    return 4 * F.kl_div(student, teacher, reduction="batchmean")


@mistake("reduction", reference=_distil)
def divergence_by_its_default():
    """KLDivLoss divides by the classes as well, unless told "batchmean"."""

    class Distillation(nn.Module):
        def __init__(self, temperature=2.0):
            super().__init__()
            self.temperature = temperature
            self.divergence = nn.KLDivLoss()

        def forward(self, student, teacher):
            student = F.log_softmax(student / self.temperature, dim=1)
            teacher = F.softmax(teacher / self.temperature, dim=1)
            return self.divergence(student, teacher) * self.temperature**2

    return Distillation(), (normal(5, 4, seed=1, grad=True), normal(5, 4, seed=2))


def _weighed_mean(prediction, target, weight):
    return (weight * (prediction - target).square()).sum() / weight.sum()


@mistake("reduction", reference=_weighed_mean)
def weights_that_do_not_sum_to_one():
    """A plain mean of weighted errors: small weights make it small."""

    def weighed(prediction, target, weight):
        return (weight * (prediction - target).square()).mean()

    return weighed, (*regression(6), uniform(6, seed=3))


def _steep(total):
    class Penalty(nn.Module):
        def __init__(self):
            super().__init__()
            self.critic = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
            self.double()

        def forward(self, real):
            real = real.detach().clone().requires_grad_()
            scores = self.critic(real)
            (slope,) = torch.autograd.grad(total(scores), real, create_graph=True)
            return F.softplus(-scores).mean() + 5 * slope.square().sum(1).mean()

    return Penalty()


def _falls_with_the_batch(case):
    loss, (real,) = case.fresh()
    assert loss(torch.cat([real, real])) < loss(real) - 1e-3


@mistake("reduction", shows=_falls_with_the_batch)
def penalty_of_the_mean_score():
    """R1: the slope of a mean is the slope of a sample by the batch size."""
    return _steep(torch.mean), (normal(4, 3, seed=5),)


@right()
def penalty_of_the_sum_of_scores():
    """The same with a sum."""
    return _steep(torch.sum), (normal(4, 3, seed=5),)


def _per_token(student, teacher):
    log_p, q = student.log_softmax(-1), teacher.softmax(-1)
    return F.kl_div(log_p.flatten(0, 1), q.flatten(0, 1), reduction="batchmean")


@mistake("reduction", reference=_per_token)
def batchmean_of_sequences():
    """batchmean of (B, T, V) divides by the sequences, not by their tokens."""

    def per_token(student, teacher):
        log_p, q = student.log_softmax(-1), teacher.softmax(-1)
        return F.kl_div(log_p, q, reduction="batchmean")

    return per_token, (normal(2, 5, 4, seed=1, grad=True), normal(2, 5, 4, seed=2))


@right()
def batchmean_of_tokens():
    """The same for each token."""
    return _per_token, (normal(2, 5, 4, seed=1, grad=True), normal(2, 5, 4, seed=2))


def _slope(scores, x, dim):
    (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return (gradient.norm(dim=dim) - 1).square().mean()


def _penalty(x, weight, dim):
    return _slope(torch.tanh(x @ weight), x, dim)


@mistake("reduction", reference=lambda *x: _penalty(*x, 1))
def norm_of_the_whole_batch():
    """A penalty wants a slope of 1 at each sample, and takes one norm of all."""

    def penalty(x, weight):
        return _penalty(x, weight, None)

    return penalty, (normal(4, 3, seed=1, grad=True), normal(3, 1, seed=2))


def _of_tokens(student, teacher, **reduction):
    p = student.log_softmax(-1).flatten(0, 1)
    q = teacher.log_softmax(-1).flatten(0, 1)
    return F.kl_div(p, q, log_target=True, **reduction)


@mistake("reduction", reference=lambda s, t: _of_tokens(s, t, reduction="batchmean"))
def divergence_of_tokens_by_entries():
    """kl_div's own mean divides by the vocabulary, too, of (N, T, V)."""

    def distill(student, teacher):
        p, q = student.log_softmax(-1), teacher.log_softmax(-1)
        return F.kl_div(p, q, log_target=True, reduction="mean")

    return distill, (normal(2, 3, 4, seed=1, grad=True), normal(2, 3, 4, seed=2))


def _of_steps(prediction, target, lengths):
    inside = torch.arange(prediction.shape[1]) < lengths[:, None]
    return (prediction - target).abs()[inside].mean()


@mistake("reduction", reference=_of_steps)
def steps_beyond_the_lengths_in_the_mean():
    """Steps beyond a length are set to 0 and counted."""

    def padded(prediction, target, lengths):
        beyond = torch.arange(prediction.shape[1]) >= lengths[:, None]
        return (prediction - target).abs().masked_fill(beyond, 0).mean()

    inputs = (*regression(3, 5), torch.tensor([5, 2, 3]))
    return padded, inputs


def _weighed(prediction, target, signal):
    squares = (prediction - target).pow(2).mean((1, 2))
    return (squares * signal.clamp(max=5) / signal).mean()


def _steps_of_diffusion():
    noise = normal(3, 4, 4, seed=1, grad=True), normal(3, 4, 4, seed=2)
    return *noise, torch.tensor([0.5, 8.0, 20.0], dtype=torch.float64)


@mistake("reduction", reference=_weighed)
def weights_after_the_mean():
    """The mean over the batch is multiplied by the weight of each sample."""

    def loss(prediction, target, signal):
        weight = signal.clamp(max=5) / signal
        return ((prediction - target).pow(2).mean() * weight).mean()

    return loss, _steps_of_diffusion()


@right(reference=_weighed)
def weights_before_the_mean():
    """The squares of each sample are multiplied by its weight."""
    return _weighed, _steps_of_diffusion()


def _focal_of_each(logits, target):
    loss = F.cross_entropy(logits, target, reduction="none")
    return ((1 - (-loss).exp()) ** 2 * loss).mean()


@mistake("reduction", reference=_focal_of_each)
def focal_of_the_mean():
    """The weight of a focal loss is taken of the mean cross entropy."""

    def loss(logits, target):
        loss = F.cross_entropy(logits, target)
        return (1 - (-loss).exp()) ** 2 * loss

    return loss, classification(6, 3)


@right(reference=_focal_of_each)
def focal_of_each_sample():
    """The weight of a focal loss is each sample's own."""
    return _focal_of_each, classification(6, 3)


def _batch_mean(log_p, q):
    return F.kl_div(log_p, q, reduction="batchmean")


def _two_distributions():
    p, q = normal(4, 3, seed=1), normal(4, 3, seed=2)
    return p.log_softmax(1).detach().requires_grad_(), q.softmax(1)


@mistake("reduction", reference=_batch_mean)
def reduction_by_position():
    """The third argument of kl_div is size_average, and any text is true."""

    def loss(log_p, q):
        with warnings.catch_warnings(action="ignore"):  # torch's, of the old option
            return F.kl_div(log_p, q, "batchmean")

    return loss, _two_distributions()


@right(reference=_batch_mean)
def reduction_by_name():
    """By name it is what it says."""
    return _batch_mean, _two_distributions()
