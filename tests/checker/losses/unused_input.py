"""An argument is taken and has no influence."""

import warnings

import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .inputs import binary, classification, normal, regression, uniform


def _hazard(logits, event):
    happened, lived = F.logsigmoid(logits), F.logsigmoid(-logits)
    return -(event * happened + (1 - event) * lived).mean()


def _event():
    event = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    return normal(6, seed=1, grad=True), event


@mistake("unused-input", reference=_hazard)
def both_branches_alike():
    """Event and censoring got the same term."""

    def loss(logits, event):
        log_p = F.logsigmoid(logits)
        return -(event * log_p + (1 - event) * log_p).mean()

    return loss, _event()


@right(reference=_hazard)
def both_branches_differ():
    """Two terms."""
    return _hazard, _event()


def _weighted(prediction, target, weight):
    return (weight * (prediction - target).square()).sum() / weight.sum()


@mistake("unused-input", reference=_weighted)
def weight_overwritten():
    """The weights are replaced by ones, for an experiment that was forgotten."""

    class Weighted(nn.Module):
        def forward(self, prediction, target, weight):
            weight = torch.ones_like(weight)
            return (weight * (prediction - target).square()).sum() / weight.sum()

    return Weighted(), (*regression(5), uniform(5, seed=9))


@right(reference=_weighted)
def weight_used():
    """The same with the weights."""
    return _weighted, (*regression(5), uniform(5, seed=9))


def _ratio(log_prob, old_log_prob, advantage):
    return -((log_prob - old_log_prob).exp() * advantage).mean()


@mistake("unused-input", reference=_ratio)
def old_log_prob_ignored():
    """The ratio is taken to the new log-probabilities themselves."""

    def loss(log_prob, old_log_prob, advantage):
        ratio = (log_prob - log_prob.detach()).exp()
        return -(ratio * advantage).mean()

    inputs = (-uniform(5, seed=1), -uniform(5, seed=2), normal(5, seed=3))
    return loss, (inputs[0].requires_grad_(), *inputs[1:])


def _masked(prediction, target, mask):
    keep = mask.bool()
    return torch.where(keep, prediction - target, 0).square().sum() / keep.sum()


@mistake("unused-input", reference=_masked)
def mask_made_and_dropped():
    """The masked error is computed, and the other one returned."""

    def loss(prediction, target, mask):
        error = (prediction - target).square()
        masked = error * mask
        masked = masked.sum() / mask.sum()
        return error.mean()

    return loss, (*regression(6), binary(6, seed=4))


def _class_weighted(logits, target, weight):
    return F.cross_entropy(logits, target, weight=weight)


@mistake("unused-input", reference=_class_weighted)
def class_weight_not_passed():
    """The weights of the classes are accepted and not passed on."""

    def loss(logits, target, weight):
        return F.cross_entropy(logits, target)

    return loss, (*classification(6, 3), uniform(3, seed=5))


def _by_items(logits, target, items):
    return F.cross_entropy(logits, target, reduction="sum") / items


@mistake("unused-input", reference=_by_items)
def number_of_items_ignored():
    """Gradient accumulation: the loss divides by its own tokens all the same."""

    def by_items(logits, target, items):
        return F.cross_entropy(logits, target)

    return by_items, (*classification(5, 3), 20)


@right(reference=_by_items)
def number_of_items_used():
    """The same with the number that it is given."""
    return _by_items, (*classification(5, 3), 20)


def _reduced(prediction, target, reduction):
    return F.mse_loss(prediction, target, reduction=reduction)


@mistake("unused-input", reference=_reduced)
def reduction_ignored():
    """reduction="sum" is taken, and a mean returned."""

    def reduced(prediction, target, reduction):
        return (prediction - target).square().mean()

    return reduced, (*regression(5, 2), "sum")


def _smooth(prediction, target, beta=0.5):
    return F.smooth_l1_loss(prediction, target, beta=beta)


@mistake("unused-input", reference=_smooth)
def beta_by_position():
    """The third argument of smooth_l1_loss is size_average, no beta."""

    def loss(prediction, target, beta=0.5):
        with warnings.catch_warnings(action="ignore"):  # torch's, of the old option
            return F.smooth_l1_loss(prediction, target, beta)

    return loss, regression(5, 2)
