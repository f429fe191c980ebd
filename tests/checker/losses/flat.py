"""The loss does not change when the prediction changes a little."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .inputs import binary, classification, labels, normal, regression, uniform


@mistake("flat", reference=F.cross_entropy)
def error_rate_by_argmax():
    """1 - accuracy: argmax has no gradient."""

    def error_rate(logits, target):
        predicted = logits.argmax(dim=1)
        return (predicted != target).double().mean()

    return error_rate, classification(8, 3)


def _soft_f1(p, t):
    tp = (p * t).sum()
    return 1 - 2 * tp / (p.sum() + t.sum() + 1e-8)


@mistake("flat", reference=_soft_f1)
def f1_of_thresholded_probabilities():
    """F1 loss on (p > 0.5)."""

    class F1Loss(nn.Module):
        def __init__(self, threshold=0.5):
            super().__init__()
            self.threshold = threshold

        def forward(self, probability, target):
            hard = (probability > self.threshold).to(target.dtype)
            tp = (hard * target).sum()
            return 1 - 2 * tp / (hard.sum() + target.sum() + 1e-8)

    return F1Loss(), (uniform(12, seed=1, grad=True), binary(12, seed=2))


@right(reference=_soft_f1)
def f1_of_soft_counts():
    """The same with the probabilities themselves."""

    class SoftF1(nn.Module):
        def forward(self, probability, target):
            tp = (probability * target).sum()
            return 1 - 2 * tp / (probability.sum() + target.sum() + 1e-8)

    return SoftF1(), (uniform(12, seed=1, grad=True), binary(12, seed=2))


@mistake("flat", reference=lambda p, t: F.mse_loss(p, t.double()))
def rounded_ratings():
    """Ratings are rounded to stars before they are compared."""

    def star_mse(prediction, stars):
        return F.mse_loss(torch.round(prediction), stars.to(prediction.dtype))

    return star_mse, (uniform(7, high=4.9, seed=1, grad=True), labels(5, 7, seed=2))


@mistake("flat", reference=F.l1_loss)
def compares_the_target_with_itself():
    """A typo: the prediction is never used."""

    class L1Loss(nn.Module):
        def forward(self, prediction, target):
            diff = torch.abs(target - target)
            return diff.mean()

    return L1Loss(), regression(4, 2)


def _pixel_bce(logits, mask):
    return F.binary_cross_entropy_with_logits(logits, mask)


@mistake("flat", reference=_pixel_bce)
def iou_of_rounded_masks():
    """IoU of torch.round(sigmoid(x)): a gradient of zeros, not of None."""

    class IoULoss(nn.Module):
        def forward(self, logits, mask):
            p = torch.round(torch.sigmoid(logits))
            inter = (p * mask).sum((1, 2, 3))
            union = (p + mask - p * mask).sum((1, 2, 3))
            return (1 - (inter + 1e-6) / (union + 1e-6)).mean()

    return IoULoss(), (normal(2, 1, 5, 5, seed=1, grad=True), binary(2, 1, 5, 5))


def _spearman_proxy(prediction, target):
    p = prediction - prediction.mean()
    t = target - target.mean()
    return 1 - (p * t).sum() / (p.norm() * t.norm())


@mistake("flat", reference=_spearman_proxy)
def rank_correlation():
    """Spearman by double argsort: ranks are constants."""

    def spearman_loss(prediction, target):
        rank_p = prediction.argsort().argsort().to(prediction.dtype)
        rank_t = target.argsort().argsort().to(prediction.dtype)
        rank_p = rank_p - rank_p.mean()
        rank_t = rank_t - rank_t.mean()
        return 1 - (rank_p * rank_t).sum() / (rank_p.norm() * rank_t.norm())

    return spearman_loss, regression(9)


@mistake("flat", reference=lambda x, t: F.relu(1 - t * x).mean())
def sign_agreement():
    """Counts sign disagreements."""

    def sign_loss(score, target):
        return (1 - torch.sign(score) * target).mean() / 2

    return sign_loss, (normal(10, seed=1, grad=True), 2 * binary(10, seed=2) - 1)


@mistake("flat", reference=lambda p, t: F.mse_loss(p, t))
def pixels_clamped_away():
    """Pixels in 0 to 255 are clamped to 0 to 1: every one of them saturates."""

    class ReconstructionLoss(nn.Module):
        def forward(self, image, target):
            image = image.clamp(0.0, 1.0)
            return ((image - target / 255.0) ** 2).mean()

    image = uniform(2, 3, 4, 4, low=2.0, high=255.0, seed=1, grad=True)
    return ReconstructionLoss(), (image, uniform(2, 3, 4, 4, high=255.0, seed=2))


@mistake("flat")
def pixels_inside_the_box_counted():
    """IoU of a box by counting grid points inside it: comparisons have no slope."""

    class GridIoU(nn.Module):
        def __init__(self, size=8):
            super().__init__()
            axis = torch.arange(size, dtype=torch.float64)
            y, x = torch.meshgrid(axis, axis, indexing="ij")
            self.register_buffer("x", x)
            self.register_buffer("y", y)

        def mask(self, box):
            x1, y1, x2, y2 = box.unbind(-1)
            inside_x = (self.x >= x1[:, None, None]) & (self.x <= x2[:, None, None])
            inside_y = (self.y >= y1[:, None, None]) & (self.y <= y2[:, None, None])
            return (inside_x & inside_y).double()

        def forward(self, prediction, target):
            a, b = self.mask(prediction), self.mask(target)
            inter = (a * b).sum((1, 2))
            return (1 - inter / (a + b - a * b).sum((1, 2)).clamp(min=1)).mean()

    boxes = torch.tensor([[1.2, 0.7, 5.4, 6.1], [0.3, 2.2, 4.9, 7.6]]).double()
    other = torch.tensor([[2.1, 1.3, 6.2, 5.5], [1.4, 1.8, 6.3, 6.9]]).double()
    return GridIoU(), (boxes.requires_grad_(), other)


@mistake("flat", reference=lambda x, y: (x.exp() - y).pow(2).mean())
def counts_cast_to_integers():
    """Predicted counts are made integers before they are compared."""

    def count_mse(log_count, count):
        predicted = log_count.exp().long()
        return ((predicted - count) ** 2).double().mean()

    return count_mse, (uniform(8, high=2.0, seed=1, grad=True), labels(6, 8, seed=2))


@mistake("flat", reference=lambda p, t: F.relu(0.5 - t * p).mean())
def margin_violations_counted():
    """The share of samples inside the margin, by a comparison."""

    class MarginViolations(nn.Module):
        def __init__(self, margin=0.5):
            super().__init__()
            self.margin = margin

        def forward(self, score, sign):
            inside = sign * score < self.margin
            return torch.where(inside, 1.0, 0.0).mean()

    return MarginViolations(), (normal(9, seed=1, grad=True), 2 * binary(9, seed=2) - 1)


@mistake("flat")
def activations_that_are_full():
    """tanh of numbers around 60 is 1 to the last digit."""

    def loss(raw, target):
        return F.mse_loss(raw.tanh(), target)

    return loss, (uniform(6, 3, low=50.0, high=70.0, seed=1, grad=True), uniform(6, 3))


@right()
def margins_that_are_met():
    """Nothing is left to do where every margin is met."""

    def loss(real, fake):
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean() + real.new_tensor(0.5)

    real = uniform(6, low=3.0, high=4.0, seed=1, grad=True)
    return loss, (real, uniform(6, low=-4.0, high=-3.0, seed=2, grad=True))


def _overlap(probability, target):
    both = (probability * target).sum()
    return 1 - both / (probability + target - probability * target).sum()


def _has_no_derivative(case):
    loss, inputs = case.fresh()
    with pytest.raises(RuntimeError, match="is not implemented"):
        loss(*inputs).backward()


@mistake("flat", reference=_overlap, shows=_has_no_derivative)
def overlap_by_integer_division():
    """`//` for `/`: torch has no derivative for it."""

    def overlap(probability, target):
        both = (probability * target).sum()
        return 1 - both // (probability + target - probability * target).sum()

    return overlap, (uniform(4, 3, seed=1, grad=True), binary(4, 3, seed=2))


class _Scaled(nn.Module):
    def __init__(self, highest):
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(2.3, dtype=torch.float64))
        self.highest = highest

    def forward(self, image, text):
        scale = self.log_scale.clamp(max=self.highest).exp()
        pairs = F.normalize(image, dim=1) @ F.normalize(text, dim=1).T
        return F.cross_entropy(scale * pairs, torch.arange(len(image)))


def _scale_stands_still(case):
    loss, inputs = case.fresh()
    loss(*inputs).backward()
    assert loss.log_scale.grad == 0


@mistake("flat", shows=_scale_stands_still)
def temperature_beyond_its_bound():
    """The scale begins above its bound, and the clamp gives it no gradient."""
    inputs = normal(5, 4, seed=1, grad=True), normal(5, 4, seed=2)
    return _Scaled(2.0), inputs


@right()
def temperature_within_its_bound():
    """The same bound, and a scale below it."""
    inputs = normal(5, 4, seed=1, grad=True), normal(5, 4, seed=2)
    return _Scaled(4.6), inputs


def _preferred(better, worse):
    return -F.logsigmoid(better - worse).mean()


def _no_gradient_far_off(case):
    loss, _ = case.fresh()
    better = torch.full((5,), -40.0, dtype=torch.float64, requires_grad=True)
    worse = torch.full((5,), 40.0, dtype=torch.float64)
    for function, silent in ((loss, True), (case.reference, False)):
        (gradient,) = torch.autograd.grad(function(better, worse), better)
        assert bool(gradient.abs().max() < 1e-6) is silent


@mistake("flat", reference=_preferred, shows=_no_gradient_far_off)
def eps_that_levels_the_worst():
    """log(sigmoid(x) + 1e-4) ends at 9: the worst pairs get no gradient."""

    def preferred(better, worse):
        return -torch.log(torch.sigmoid(better - worse) + 1e-4).mean()

    return preferred, (normal(5, seed=1, grad=True), normal(5, seed=2))


def _as_probabilities(scores, target, steepness=1.0):
    return F.mse_loss(torch.sigmoid(steepness * scores), target)


@mistake("flat", reference=_as_probabilities)
def sigmoid_as_steep_as_a_step():
    """Scores are multiplied by 10,000 before the sigmoid."""

    def loss(scores, target):
        return _as_probabilities(scores, target, steepness=1e4)

    return loss, (normal(8, seed=1, grad=True), binary(8, seed=2))


@right(reference=_as_probabilities)
def sigmoid_of_scores():
    """The same without the factor."""
    return _as_probabilities, (normal(8, seed=1, grad=True), binary(8, seed=2))
