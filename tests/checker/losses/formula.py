"""A wrong derivative that no constant repairs."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .inputs import binary, classification, normal, regression, segmentation, uniform


def _close(rows, columns):
    prediction, target = regression(rows, columns)
    near = target + 0.3 * torch.tanh(prediction.detach())
    return near.requires_grad_(), target


@mistake("formula", reference=F.huber_loss, at=lambda: regression(6, 5))
def huber_backward_never_clips():
    """Huber: backward is the residual, also beyond delta."""

    class Huber(Function):
        @staticmethod
        def forward(ctx, prediction, target, delta):
            r = prediction - target
            ctx.save_for_backward(r)
            small = r.abs() <= delta
            loss = torch.where(small, 0.5 * r**2, delta * (r.abs() - 0.5 * delta))
            return loss.mean()

        @staticmethod
        def backward(ctx, grad_output):
            (r,) = ctx.saved_tensors
            return grad_output * r / r.numel(), None, None

    class HuberLoss(nn.Module):
        def __init__(self, delta=1.0):
            super().__init__()
            self.delta = delta

        def forward(self, prediction, target):
            return Huber.apply(prediction, target, self.delta)

    return HuberLoss(), _close(6, 5)


@right(reference=F.huber_loss)
def huber_backward_clips():
    """The same, clipped at delta."""

    class Huber(Function):
        @staticmethod
        def forward(ctx, prediction, target, delta):
            r = prediction - target
            ctx.save_for_backward(prediction, target)
            ctx.delta = delta
            small = r.abs() <= delta
            loss = torch.where(small, 0.5 * r**2, delta * (r.abs() - 0.5 * delta))
            return loss.mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            r = (prediction - target).clamp(-ctx.delta, ctx.delta)
            grad = grad_output * r / r.numel()
            return grad, -grad, None

    return lambda p, t: Huber.apply(p, t, 1.0), _close(6, 5)


@mistake("formula", reference=lambda x, t: F.mse_loss(x.softmax(1), t))
def softmax_jacobian_without_off_diagonal():
    """Brier score: the softmax Jacobian is taken to be p (1 - p) only."""

    class Brier(Function):
        @staticmethod
        def forward(ctx, logits, target):
            p = torch.softmax(logits, dim=1)
            ctx.save_for_backward(p, target)
            return ((p - target) ** 2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            p, target = ctx.saved_tensors
            grad_p = 2 * (p - target) / p.numel()
            return grad_output * grad_p * p * (1 - p), None

    logits, target = classification(5, 4)
    return Brier.apply, (logits, F.one_hot(target, 4).to(logits.dtype))


def _soft_dice(p, t, smooth=1.0):
    inter = (p * t).flatten(1).sum(1)
    total = p.flatten(1).sum(1) + t.flatten(1).sum(1)
    return (1 - (2 * inter + smooth) / (total + smooth)).mean()


@mistake("formula", reference=_soft_dice)
def dice_without_the_quotient_rule():
    """Dice: the derivative of the denominator is left out."""

    class Dice(Function):
        @staticmethod
        def forward(ctx, probability, target, smooth=1.0):
            p, t = probability.flatten(1), target.flatten(1)
            inter = (p * t).sum(1)
            total = p.sum(1) + t.sum(1)
            ctx.save_for_backward(t, total)
            ctx.smooth, ctx.shape = smooth, probability.shape
            return (1 - (2 * inter + smooth) / (total + smooth)).mean()

        @staticmethod
        def backward(ctx, grad_output):
            t, total = ctx.saved_tensors
            grad = -2 * t / (total + ctx.smooth)[:, None] / t.shape[0]
            return grad_output * grad.view(ctx.shape), None, None

    _, mask = segmentation(2, 4, 4)
    return Dice.apply, (uniform(2, 1, 4, 4, seed=1, grad=True), mask)


@mistake(
    "formula",
    reference=lambda q, p: (p.exp() * (p - q)).sum(1).mean(),
)
def gradients_of_both_inputs_swapped():
    """backward returns the gradients in the order of its own variables."""

    class KL(Function):
        @staticmethod
        def forward(ctx, log_q, log_p):
            ctx.save_for_backward(log_p, log_q)
            return (log_p.exp() * (log_p - log_q)).sum(1).mean()

        @staticmethod
        def backward(ctx, grad_output):
            log_p, log_q = ctx.saved_tensors
            p = log_p.exp()
            grad_p = p * (log_p - log_q + 1) / len(p)
            grad_q = -p / len(p)
            return grad_output * grad_p, grad_output * grad_q

    log_q = F.log_softmax(normal(4, 5, seed=1), 1).requires_grad_()
    log_p = F.log_softmax(normal(4, 5, seed=2), 1).requires_grad_()
    return KL.apply, (log_q, log_p)


def _focal(logits, target, gamma=2.0):
    ce = F.cross_entropy(logits, target, reduction="none")
    return ((1 - torch.exp(-ce)) ** gamma * ce).mean()


@mistake("formula", reference=_focal)
def focal_modulation_treated_as_constant():
    """Focal loss: (1 - p) ** gamma is not differentiated."""

    class FocalFunction(Function):
        @staticmethod
        def forward(ctx, logits, target, gamma):
            log_p = F.log_softmax(logits, dim=1)
            log_pt = log_p.gather(1, target[:, None]).squeeze(1)
            pt = log_pt.exp()
            ctx.gamma = gamma
            ctx.save_for_backward(log_p.exp(), pt, target)
            return (-((1 - pt) ** gamma) * log_pt).mean()

        @staticmethod
        def backward(ctx, grad_output):
            p, pt, target = ctx.saved_tensors
            onehot = torch.zeros_like(p).scatter_(1, target[:, None], 1.0)
            grad = ((1 - pt) ** ctx.gamma)[:, None] * (p - onehot)
            return grad_output * grad / p.size(0), None, None

    class FocalLoss(nn.Module):
        def __init__(self, gamma=2.0):
            super().__init__()
            self.gamma = gamma

        def forward(self, logits, target):
            return FocalFunction.apply(logits, target, self.gamma)

    return FocalLoss(), classification(6, 4)


@mistake("formula", reference=F.binary_cross_entropy_with_logits)
def sigmoid_chain_factor_twice():
    """BCE on logits: p - t holds the sigmoid's slope; backward adds p (1 - p)."""

    class SigmoidBCE(Function):
        @staticmethod
        def forward(ctx, logits, target):
            p = torch.sigmoid(logits)
            ctx.save_for_backward(p, target)
            return F.binary_cross_entropy_with_logits(logits, target)

        @staticmethod
        def backward(ctx, grad_output):
            p, target = ctx.saved_tensors
            grad = (p - target) * p * (1 - p) / p.numel()
            return grad_output * grad, None

    return SigmoidBCE.apply, (normal(7, 2, seed=1, grad=True), binary(7, 2, seed=2))


@mistake(
    "formula",
    reference=lambda q, y: torch.maximum(0.9 * (y - q), -0.1 * (y - q)).mean(),
)
def pinball_wrong_branch():
    """Quantile loss: over-predictions get tau instead of 1 - tau."""

    class Pinball(Function):
        @staticmethod
        def forward(ctx, quantile, target, tau):
            error = target - quantile
            ctx.save_for_backward(error)
            ctx.tau = tau
            return torch.max(tau * error, (tau - 1) * error).mean()

        @staticmethod
        def backward(ctx, grad_output):
            (error,) = ctx.saved_tensors
            slope = torch.where(error > 0, -ctx.tau, ctx.tau).to(error.dtype)
            return grad_output * slope / error.numel(), None, None

    return lambda q, y: Pinball.apply(q, y, 0.9), regression(12)


@right(reference=lambda q, y: torch.maximum(0.9 * (y - q), -0.1 * (y - q)).mean())
def pinball_by_hand():
    """The same with both slopes."""

    class Pinball(Function):
        @staticmethod
        def forward(ctx, quantile, target, tau):
            error = target - quantile
            ctx.save_for_backward(error)
            ctx.tau = tau
            return torch.max(tau * error, (tau - 1) * error).mean()

        @staticmethod
        def backward(ctx, grad_output):
            (error,) = ctx.saved_tensors
            slope = torch.where(error > 0, -ctx.tau, 1 - ctx.tau).to(error.dtype)
            return grad_output * slope / error.numel(), None, None

    return lambda q, y: Pinball.apply(q, y, 0.9), regression(12)


@mistake("formula", reference=lambda a, b: (1 - F.cosine_similarity(a, b)).mean())
def cosine_without_projection():
    """Cosine distance: the derivative of the prediction's own norm is missing."""

    class CosineDistance(Function):
        @staticmethod
        def forward(ctx, a, b):
            na = a.norm(dim=1, keepdim=True).clamp(min=1e-8)
            nb = b.norm(dim=1, keepdim=True).clamp(min=1e-8)
            ctx.save_for_backward(a, b, na, nb)
            return (1 - (a * b / (na * nb)).sum(1)).mean()

        @staticmethod
        def backward(ctx, grad_output):
            a, b, na, nb = ctx.saved_tensors
            return -grad_output * b / (na * nb) / len(a), None

    return CosineDistance.apply, regression(5, 6, dtype=torch.float32)


@mistake("formula", reference=lambda p, t: (p - t).abs().pow(3).mean())
def cube_of_absolute_loses_its_sign():
    """|r| ** 3: backward returns 3 r ** 2, right for over-predictions only."""

    class Cubic(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return (prediction - target).abs().pow(3).mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            grad = 3 * (prediction - target) ** 2 / prediction.numel()
            return grad_output * grad, -grad_output * grad

    return Cubic.apply, regression(2, 3, 4)


def _berhu(prediction, target):
    r = (prediction - target).abs()
    c = 0.2 * r.max().detach()
    return torch.where(r <= c, r, (r**2 + c**2) / (2 * c + 1e-12)).mean()


@mistake(
    "formula", reference=lambda p, t: F.huber_loss(p, t, delta=0.5, reduction="sum")
)
def huber_tail_without_delta():
    """Huber with delta 0.5: beyond it backward returns the sign, not delta times it."""

    class Huber(Function):
        @staticmethod
        def forward(ctx, prediction, target, delta):
            ctx.save_for_backward(prediction, target)
            ctx.delta = delta
            return F.huber_loss(prediction, target, delta=delta, reduction="sum")

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            r = prediction - target
            grad = torch.where(r.abs() <= ctx.delta, r, r.sign())
            return grad_output * grad, -grad_output * grad, None

    return lambda p, t: Huber.apply(p, t, 0.5), regression(7, 2)


def _iou(p, t):
    inter = (p * t).sum((1, 2))
    return (1 - inter / (p.sum((1, 2)) + t.sum((1, 2)) - inter + 1e-6)).mean()


@mistake("formula", reference=_iou)
def iou_union_held_still():
    """Soft IoU: the union is differentiated as if it had no intersection in it."""

    class SoftIoU(Function):
        @staticmethod
        def forward(ctx, p, t):
            inter = (p * t).sum((1, 2))
            union = p.sum((1, 2)) + t.sum((1, 2)) - inter + 1e-6
            ctx.save_for_backward(p, t)
            return (1 - inter / union).mean()

        @staticmethod
        def backward(ctx, grad_output):
            p, t = ctx.saved_tensors
            inter = (p * t).sum((1, 2), keepdim=True)
            union = (p + t).sum((1, 2), keepdim=True) - inter + 1e-6
            grad = -(t * union - inter) / union**2 / len(p)
            return grad_output * grad, None

    return SoftIoU.apply, (uniform(3, 4, 4, seed=1, grad=True), binary(3, 4, 4))


@mistake(
    "formula",
    reference=lambda mu, s, y: (s + 0.5 * ((y - mu) * torch.exp(-s)) ** 2).mean(),
)
def log_scale_treated_as_scale():
    """Gaussian likelihood: the second gradient is that of sigma, not of log sigma."""

    class GaussianNLL(Function):
        @staticmethod
        def forward(ctx, mu, log_sigma, y):
            ctx.save_for_backward(mu, log_sigma, y)
            return (log_sigma + 0.5 * ((y - mu) * torch.exp(-log_sigma)) ** 2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            mu, log_sigma, y = ctx.saved_tensors
            sigma = log_sigma.exp()
            g = grad_output / mu.numel()
            grad_mu = -(y - mu) / sigma**2
            grad_sigma = 1 / sigma - (y - mu) ** 2 / sigma**3
            return g * grad_mu, g * grad_sigma, None

    inputs = (
        normal(8, seed=1, grad=True),
        (0.5 * normal(8, seed=2)).requires_grad_(),
        normal(8, seed=3),
    )
    return GaussianNLL.apply, inputs
