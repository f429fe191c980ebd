"""backward is right up to a constant."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .evidence import formula
from .inputs import classification, labels, normal, regression, uniform


@mistake("scale", reference=F.mse_loss)
def mse_forgets_the_mean():
    """backward lacks the 1 / numel of the mean that forward takes."""

    class MSE(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return ((prediction - target) ** 2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            return 2 * (prediction - target) * grad_output, None

    return MSE.apply, regression(8, 3)


@right(reference=F.mse_loss)
def mse_by_hand():
    """The same with its 1 / numel."""

    class MSE(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return ((prediction - target) ** 2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            grad = 2 * (prediction - target) * grad_output / prediction.numel()
            return grad, -grad

    return MSE.apply, regression(8, 3)


def _half_squares(prediction, target):
    return 0.5 * ((prediction - target) ** 2).sum()


@mistake("scale", reference=_half_squares)
def half_square_keeps_the_two():
    """forward halves the squares, backward still multiplies by 2; new style."""

    class HalfSquares(Function):
        @staticmethod
        def forward(prediction, target):
            return 0.5 * (prediction - target).pow(2).sum()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            grad = 2.0 * (prediction - target) * grad_output
            return grad, -grad

    return HalfSquares.apply, regression(6, 2)


def _center_loss(features, target, centers):
    return ((features - centers[target]) ** 2).sum() / 2 / features.size(0)


@mistake("scale", reference=_center_loss)
def center_loss_without_batch_size():
    """Centre loss: forward divides by the batch size, backward does not."""

    class CenterLossFunc(Function):
        @staticmethod
        def forward(ctx, features, target, centers):
            picked = centers.index_select(0, target)
            ctx.save_for_backward(features, picked)
            return (features - picked).pow(2).sum() / 2.0 / features.size(0)

        @staticmethod
        def backward(ctx, grad_output):
            features, picked = ctx.saved_tensors
            return grad_output * (features - picked), None, None

    features = normal(6, 4, seed=1, grad=True)
    return CenterLossFunc.apply, (features, labels(3, 6), normal(3, 4, seed=2))


def _distillation(student, teacher, temperature=4.0):
    return F.kl_div(
        F.log_softmax(student / temperature, 1),
        F.softmax(teacher / temperature, 1),
        reduction="batchmean",
    )


@mistake("scale", reference=_distillation)
def distillation_forgets_the_temperature():
    """backward of the softened KL divergence lacks the 1 / T of the logits."""

    class SoftTargets(Function):
        @staticmethod
        def forward(ctx, student, teacher, temperature):
            log_q = F.log_softmax(student / temperature, dim=1)
            log_p = F.log_softmax(teacher / temperature, dim=1)
            p = log_p.exp()
            ctx.save_for_backward(log_q, p)
            return (p * (log_p - log_q)).sum() / student.shape[0]

        @staticmethod
        def backward(ctx, grad_output):
            log_q, p = ctx.saved_tensors
            return grad_output * (log_q.exp() - p) / p.shape[0], None, None

    class KDLoss(nn.Module):
        def __init__(self, temperature=4.0):
            super().__init__()
            self.temperature = temperature

        def forward(self, student, teacher):
            return SoftTargets.apply(student, teacher, self.temperature)

    inputs = normal(5, 7, seed=1, grad=True), normal(5, 7, seed=2)
    return KDLoss(), inputs


@mistake("scale", reference=F.cross_entropy)
def cross_entropy_means_over_classes_too():
    """backward divides by numel where forward takes the mean over the rows."""

    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            log_p = logits - logits.logsumexp(dim=1, keepdim=True)
            ctx.save_for_backward(log_p, target)
            return -log_p[torch.arange(len(target)), target].mean()

        @staticmethod
        def backward(ctx, grad_output):
            log_p, target = ctx.saved_tensors
            grad = log_p.exp()
            grad[torch.arange(len(target)), target] -= 1
            return grad_output * grad / grad.numel(), None

    return CrossEntropy.apply, classification(6, 5, dtype=torch.float32)


@right(reference=F.cross_entropy)
def cross_entropy_by_hand():
    """The same, divided by the rows."""

    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            log_p = logits - logits.logsumexp(dim=1, keepdim=True)
            ctx.save_for_backward(log_p, target)
            return -log_p[torch.arange(len(target)), target].mean()

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad_output):
            log_p, target = ctx.saved_tensors
            grad = log_p.exp()
            grad[torch.arange(len(target)), target] -= 1
            return grad_output * grad / grad.shape[0], None

    return CrossEntropy.apply, classification(6, 5, dtype=torch.float32)


@mistake("scale", reference=lambda p, t: ((p - t) ** 2).sum(1).mean())
def sum_then_mean_divides_by_features():
    """Rows are averaged and features summed; backward averages both."""

    class RowSquares(Function):
        @staticmethod
        def forward(ctx, x, y):
            diff = x - y
            ctx.save_for_backward(diff)
            return diff.square().sum(dim=1).mean()

        @staticmethod
        def backward(ctx, grad_output):
            (diff,) = ctx.saved_tensors
            g = grad_output * 2 * diff / diff.size(1)
            return g, -g

    return RowSquares.apply, regression(4, 7)


@mistake("scale", reference=lambda p, t: 3.0 * F.l1_loss(p, t))
def weight_applied_in_forward_only():
    """The module's loss weight multiplies the value, not the gradient."""

    class WeightedL1(Function):
        @staticmethod
        def forward(ctx, prediction, target, weight):
            ctx.save_for_backward(prediction, target)
            return weight * (prediction - target).abs().mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            g = torch.sign(prediction - target) / prediction.numel()
            return grad_output * g, None, None

    class L1Loss(nn.Module):
        def __init__(self, loss_weight=1.0):
            super().__init__()
            self.loss_weight = loss_weight

        def forward(self, prediction, target):
            return WeightedL1.apply(prediction, target, self.loss_weight)

    return L1Loss(loss_weight=3.0), regression(2, 3, 4)


@mistake("scale", reference=lambda x, t: F.cross_entropy(x, t) / math.log(2))
def bits_without_log_two():
    """Entropy in bits: backward forgets the log 2 that forward divides by."""

    class Bits(Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return -(target * logits.log_softmax(1)).sum(dim=1).mean() / math.log(2)

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            return grad_output * (logits.softmax(1) - target) / len(target), None

    target = F.softmax(normal(5, 3, seed=2), 1)
    return Bits.apply, (normal(5, 3, seed=1, grad=True), target)


@mistake("scale", reference=lambda z: -F.logsigmoid(z / 0.1).mean())
def temperature_applied_twice():
    """backward divides by the temperature a second time."""

    class TemperedSigmoid(Function):
        @staticmethod
        def forward(ctx, margin, tau):
            z = margin / tau
            ctx.tau = tau
            ctx.save_for_backward(z)
            return F.softplus(-z).mean()

        @staticmethod
        def backward(ctx, grad_output):
            (z,) = ctx.saved_tensors
            grad = -torch.sigmoid(-z) / z.numel() / ctx.tau
            return grad_output * grad / ctx.tau, None

    margins = 0.1 * normal(9, seed=1)
    return lambda m: TemperedSigmoid.apply(m, 0.1), (margins.requires_grad_(),)


@mistake("scale", reference=lambda p, t: (p - t).pow(2).mean((1, 2, 3)))
def per_image_error_summed_in_backward():
    """One mean squared error an image; backward forgets the pixels' count."""

    class ImageMSE(Function):
        @staticmethod
        def forward(ctx, x, y):
            d = x - y
            ctx.save_for_backward(x, y)
            return d.flatten(1).pow(2).mean(1)

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            out = 2 * (x - y) * g.reshape(-1, 1, 1, 1)
            return out, -out

    return ImageMSE.apply, regression(3, 2, 3, 3)


@mistake("scale", reference=lambda p, t, m: ((p - t).abs() * m).sum() / m.sum())
def divided_by_all_pixels_instead_of_the_valid():
    """Depth: forward averages over valid pixels, backward over all of them."""

    class MaskedL1(Function):
        @staticmethod
        def forward(ctx, prediction, target, mask):
            ctx.save_for_backward(prediction, target, mask)
            error = torch.where(mask, (prediction - target).abs(), 0.0)
            return error.sum() / mask.sum().clamp(min=1)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target, mask = ctx.saved_tensors
            sign = torch.sign(prediction - target) * mask
            return grad_output * sign / mask.numel(), None, None

    prediction, target = regression(2, 4, 4)
    return MaskedL1.apply, (prediction, target, normal(2, 4, 4, seed=5) > 0)


@mistake("scale", reference=F.cosine_embedding_loss)
def gain_of_two_streams():
    """A composed loss: the Function inside multiplies its gradient by 10 for speed."""

    class Boost(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1.0

        @staticmethod
        def backward(ctx, grad_output):
            return 10 * grad_output

    def loss(a, b, sign):
        cosine = F.cosine_similarity(a, b)
        return Boost.apply(
            torch.where(sign > 0, 1 - cosine, cosine.clamp(min=0))
        ).mean()

    sign = torch.tensor([1, 1, -1, 1, -1], dtype=torch.float64)
    return loss, (*regression(5, 4), sign)


@mistake("scale", shows=formula)
def half_a_term_of_a_larger_loss():
    """A square without its 2, weighed and beside another term that is right."""

    class SquaredDistance(Function):
        @staticmethod
        def forward(ctx, x, centre):
            ctx.save_for_backward(x, centre)
            return (x - centre).square().sum(1)

        @staticmethod
        def backward(ctx, grad_output):
            x, centre = ctx.saved_tensors
            gradient = grad_output[:, None] * (x - centre)
            return gradient, -gradient

    def weighed(x, centre, weight):
        pull = (weight * SquaredDistance.apply(x.tanh(), centre)).mean()
        return pull + 0.3 * F.softplus(x).mean()

    return weighed, (*regression(5, 3), uniform(5, seed=3))


class _WeightedMean(Function):
    @staticmethod
    def forward(ctx, prediction, target, weight):
        ctx.save_for_backward(prediction, target, weight)
        return (weight * (prediction - target).square()).sum() / weight.sum()

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target, weight = ctx.saved_tensors
        slope = 2 * weight * (prediction - target)
        return grad_output * slope / weight.sum(), None, None


class _WeightedMeanByNumber(_WeightedMean):
    @staticmethod
    def backward(ctx, grad_output):
        prediction, target, weight = ctx.saved_tensors
        slope = 2 * weight * (prediction - target)
        return grad_output * slope / weight.numel(), None, None


@mistake("scale", reference=_WeightedMean.apply)
def number_for_the_sum_of_weights():
    """forward divides by the sum of the weights, backward by how many there are."""
    return _WeightedMeanByNumber.apply, (
        *regression(5, 3),
        uniform(5, 3, low=0.2, high=3, seed=4),
    )


@right()
def sum_of_weights_twice():
    """forward and backward divide by the sum of the weights."""
    return _WeightedMean.apply, (*regression(5, 3), uniform(5, 3, seed=4))
