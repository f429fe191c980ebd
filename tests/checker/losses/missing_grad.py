"""An input or a parameter that matters gets None or zeros."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .evidence import formula
from .inputs import classification, labels, normal, regression, uniform


def _soft_cross_entropy(student, teacher):
    return -(F.softmax(teacher, 1) * F.log_softmax(student, 1)).sum(1).mean()


@mistake("missing-grad", reference=_soft_cross_entropy)
def mutual_learning_without_the_peer():
    """Deep mutual learning: both networks train, the second gets None."""

    class SoftCrossEntropy(Function):
        @staticmethod
        def forward(ctx, student, teacher):
            log_q, p = student.log_softmax(1), teacher.softmax(1)
            ctx.save_for_backward(log_q, p)
            return -(p * log_q).sum(1).mean()

        @staticmethod
        def backward(ctx, grad_output):
            log_q, p = ctx.saved_tensors
            return grad_output * (log_q.exp() - p) / len(p), None

    inputs = normal(4, 5, seed=1, grad=True), normal(4, 5, seed=2, grad=True)
    return SoftCrossEntropy.apply, inputs


@right(reference=_soft_cross_entropy)
def mutual_learning_with_the_peer():
    """The same with both gradients."""

    class SoftCrossEntropy(Function):
        @staticmethod
        def forward(ctx, student, teacher):
            ctx.save_for_backward(student, teacher)
            return -(teacher.softmax(1) * student.log_softmax(1)).sum(1).mean()

        @staticmethod
        def backward(ctx, grad_output):
            student, teacher = ctx.saved_tensors
            log_q, p = student.log_softmax(1), teacher.softmax(1)
            n = len(p)
            expected = (p * log_q).sum(1, keepdim=True)
            grad_teacher = -p * (log_q - expected) / n
            return grad_output * (log_q.exp() - p) / n, grad_output * grad_teacher

    inputs = normal(4, 5, seed=1, grad=True), normal(4, 5, seed=2, grad=True)
    return SoftCrossEntropy.apply, inputs


@mistake(
    "missing-grad", reference=lambda p, t: ((p - t) ** 2 * math.exp(-0.3) + 0.3).mean()
)
def learned_uncertainty_gets_none():
    """The module's learnable log variance goes through apply and gets None."""

    class Attenuated(Function):
        @staticmethod
        def forward(ctx, prediction, target, log_var):
            r = prediction - target
            ctx.save_for_backward(r, log_var)
            return (r.pow(2) * torch.exp(-log_var) + log_var).mean()

        @staticmethod
        def backward(ctx, grad_output):
            r, log_var = ctx.saved_tensors
            grad = 2 * r * torch.exp(-log_var) / r.numel()
            return grad_output * grad, None, None

    class UncertaintyLoss(nn.Module):
        def __init__(self):
            super().__init__()
            self.log_var = nn.Parameter(torch.tensor([0.3], dtype=torch.float64))

        def forward(self, prediction, target):
            return Attenuated.apply(prediction, target, self.log_var)

    return UncertaintyLoss(), regression(6, 2)


@mistake("missing-grad")
def centers_get_zeros():
    """Centre loss: the centres' gradient is allocated and never filled."""

    class CenterLossFunc(Function):
        @staticmethod
        def forward(ctx, features, target, centers):
            ctx.save_for_backward(features, target, centers)
            return (features - centers[target]).pow(2).sum() / 2 / len(features)

        @staticmethod
        def backward(ctx, grad_output):
            features, target, centers = ctx.saved_tensors
            grad_centers = torch.zeros_like(centers)
            diff = features - centers[target]
            for row, c in zip(diff, target, strict=True):
                grad_centers[c].add(row)
            return grad_output * diff / len(features), None, grad_centers

    class CenterLoss(nn.Module):
        def __init__(self, num_classes=3, feat_dim=4):
            super().__init__()
            self.centers = nn.Parameter(torch.randn(num_classes, feat_dim).double())

        def forward(self, features, target):
            return CenterLossFunc.apply(features, target, self.centers)

    return CenterLoss(), (normal(5, 4, seed=1, grad=True), labels(3, 5))


def _weighted(prediction, target, weight):
    return (weight * (prediction - target).abs()).mean()


@mistake("missing-grad", reference=_weighted)
def needs_input_grad_asked_at_the_wrong_place():
    """needs_input_grad[1] is the target's; the weight's is never computed."""

    class WeightedL1(Function):
        @staticmethod
        def forward(prediction, target, weight):
            return (weight * (prediction - target).abs()).mean()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target, weight = ctx.saved_tensors
            r = (prediction - target) / weight.numel()
            grad_weight = None
            if ctx.needs_input_grad[1]:
                grad_weight = grad_output * r.abs()
            grad = grad_output * weight * r.sign() / weight.numel()
            return grad, None, grad_weight

    inputs = (
        normal(7, seed=1, grad=True),
        normal(7, seed=2),
        uniform(7, seed=3, grad=True),
    )
    return WeightedL1.apply, inputs


@mistake("missing-grad", reference=F.triplet_margin_loss)
def triplet_negative_gets_none():
    """Triplet loss: anchor and positive get gradients, the negative None."""

    class Triplet(Function):
        @staticmethod
        def forward(ctx, anchor, positive, negative):
            dp = (anchor - positive).norm(dim=1, keepdim=True).clamp(min=1e-9)
            dn = (anchor - negative).norm(dim=1, keepdim=True).clamp(min=1e-9)
            loss = (dp - dn + 1.0).clamp(min=0)
            ctx.save_for_backward(
                (anchor - positive) / dp, (anchor - negative) / dn, loss > 0
            )
            return loss.mean()

        @staticmethod
        def backward(ctx, grad_output):
            up, un, active = ctx.saved_tensors
            scale = grad_output * active / len(active)
            return scale * (up - un), -scale * up, None

    inputs = tuple(normal(5, 4, seed=s, grad=True) for s in (1, 2, 3))
    return Triplet.apply, inputs


@mistake(
    "missing-grad",
    reference=lambda x, t, tau: F.cross_entropy(x / tau, t),
)
def temperature_gets_zeros():
    """Calibration: the temperature, the one thing to learn, gets zeros_like."""

    class TemperatureScaled(Function):
        @staticmethod
        def forward(ctx, logits, target, temperature):
            ctx.save_for_backward(logits, target, temperature)
            return F.cross_entropy(logits / temperature, target)

        @staticmethod
        def backward(ctx, grad_output):
            logits, target, temperature = ctx.saved_tensors
            p = F.softmax(logits / temperature, 1)
            p = p - F.one_hot(target, p.size(1))
            grad = grad_output * p / temperature / len(p)
            return grad, None, torch.zeros_like(temperature)

    logits, target = classification(6, 4)
    temperature = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    return TemperatureScaled.apply, (logits.detach(), target, temperature)


@mistake(
    "missing-grad",
    reference=lambda p, r: F.softplus(-(p - r)).mean(),
)
def rejected_scores_get_none():
    """Preference loss: only the chosen scores are trained."""

    class Preference(Function):
        @staticmethod
        def forward(ctx, chosen, rejected):
            ctx.save_for_backward(chosen, rejected)
            return F.softplus(rejected - chosen).mean()

        @staticmethod
        def backward(ctx, grad_output):
            chosen, rejected = ctx.saved_tensors
            slope = torch.sigmoid(rejected - chosen) / chosen.numel()
            return -grad_output * slope, None

    class RewardLoss(nn.Module):
        def forward(self, chosen, rejected):
            return Preference.apply(chosen, rejected)

    return RewardLoss(), (normal(6, seed=1, grad=True), normal(6, seed=2, grad=True))


@mistake("missing-grad")
def margin_parameter_gets_zeros():
    """A learnable margin: new_zeros instead of its gradient."""

    class MarginHinge(Function):
        @staticmethod
        def forward(ctx, pos, neg, margin):
            ctx.save_for_backward(pos, neg, margin)
            return F.relu(margin + neg - pos).mean()

        @staticmethod
        def backward(ctx, grad_output):
            pos, neg, margin = ctx.saved_tensors
            active = (margin + neg - pos > 0).to(pos.dtype) / pos.numel()
            return -grad_output * active, grad_output * active, margin.new_zeros(())

    class MarginLoss(nn.Module):
        def __init__(self):
            super().__init__()
            self.margin = nn.Parameter(torch.tensor(0.5, dtype=torch.float64))

        def forward(self, pos, neg):
            return MarginHinge.apply(pos, neg, self.margin)

    return MarginLoss(), (normal(7, seed=1, grad=True), normal(7, seed=2, grad=True))


@mistake("missing-grad", shows=formula)
def none_in_a_term_of_a_larger_loss():
    """backward forgets the radius, which another term trains as well."""

    class Outside(Function):
        @staticmethod
        def forward(ctx, x, radius):
            beyond = (x.square() - radius).relu()
            ctx.save_for_backward(x, beyond)
            return beyond.square().sum(1)

        @staticmethod
        def backward(ctx, grad_output):
            x, beyond = ctx.saved_tensors
            return 4 * grad_output[:, None] * beyond * x, None

    def enclosed(x, radius):
        return radius.square().sum() + Outside.apply(x, radius).mean()

    radius = uniform(3, low=0.2, high=0.8, seed=2).requires_grad_()
    return enclosed, (normal(5, 3, seed=1, grad=True), radius)
