"""A gradient of another shape or dtype than its input."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .inputs import binary, labels, normal, regression, uniform


def _affine(prediction, target, scale):
    return ((scale * prediction - target) ** 2).mean()


@mistake("grad-meta", reference=_affine)
def broadcast_scale_gets_the_full_shape():
    """scale is (3,), its gradient (5, 3) holds the sum in every row: 5x too large."""

    class ScaledMSE(Function):
        @staticmethod
        def forward(ctx, prediction, target, scale):
            ctx.save_for_backward(prediction, target, scale)
            return ((scale * prediction - target) ** 2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target, scale = ctx.saved_tensors
            r = 2 * (scale * prediction - target) / target.numel()
            grad_scale = (r * prediction).sum(0).expand_as(prediction)
            return grad_output * r * scale, None, grad_output * grad_scale

    prediction, target = regression(5, 3)
    return ScaledMSE.apply, (prediction, target, uniform(3, seed=3, grad=True))


@right(reference=_affine)
def broadcast_scale_left_to_autograd():
    """scale is (3,), its gradient is (5, 3): right, since autograd sums it."""

    class ScaledMSE(Function):
        @staticmethod
        def forward(ctx, prediction, target, scale):
            ctx.save_for_backward(prediction, target, scale)
            return ((scale * prediction - target) ** 2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target, scale = ctx.saved_tensors
            r = 2 * (scale * prediction - target) / target.numel()
            return grad_output * r * scale, None, grad_output * r * prediction

    prediction, target = regression(5, 3)
    return ScaledMSE.apply, (prediction, target, uniform(3, seed=3, grad=True))


@right(reference=_affine)
def broadcast_scale_summed():
    """The same, summed over the rows."""

    class ScaledMSE(Function):
        @staticmethod
        def forward(ctx, prediction, target, scale):
            ctx.save_for_backward(prediction, target, scale)
            return ((scale * prediction - target) ** 2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target, scale = ctx.saved_tensors
            r = 2 * (scale * prediction - target) / target.numel()
            grad_scale = (grad_output * r * prediction).sum(0)
            return grad_output * r * scale, None, grad_scale

    prediction, target = regression(5, 3)
    return ScaledMSE.apply, (prediction, target, uniform(3, seed=3, grad=True))


def _squared_to_labels(score, target):
    return ((score - target) ** 2).mean()


@mistake("grad-meta", reference=_squared_to_labels)
def gradient_cast_to_the_labels():
    """Ordinal regression: the gradient is cast to the labels' dtype and truncated."""

    class OrdinalMSE(Function):
        @staticmethod
        def forward(ctx, score, target):
            ctx.save_for_backward(score, target)
            return ((score - target) ** 2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            score, target = ctx.saved_tensors
            grad = grad_output * 2 * (score - target) / len(score)
            return grad.type_as(target), None

    score = (3 * normal(5, seed=1)).requires_grad_()
    return OrdinalMSE.apply, (score, labels(5, 5, seed=2))


@mistake("grad-meta", reference=lambda p, t: (p - t).abs().sum())
def integer_sign():
    """L1: np.sign-like int64 gradient from a comparison."""

    class SumL1(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return (prediction - target).abs().sum()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            sign = torch.where(prediction > target, 1, -1)
            return sign * int(grad_output), None

    return SumL1.apply, regression(6)


@mistake(
    "grad-meta",
    reference=lambda x, y: (F.softplus(x) - y * x).mean(),
)
def numpy_gradient_in_single_precision():
    """NumPy-backed: the gradient comes back as float32 for a float64 input."""

    class Logistic(Function):
        @staticmethod
        def forward(ctx, logit, target):
            x, y = logit.detach().numpy(), target.numpy()
            ctx.x, ctx.y = x, y
            return logit.new_tensor(np.mean(np.logaddexp(0, x) - y * x))

        @staticmethod
        def backward(ctx, grad_output):
            grad = (1 / (1 + np.exp(-ctx.x)) - ctx.y) / ctx.x.size
            grad = torch.from_numpy(np.asarray(grad * grad_output.item(), np.float32))
            return grad, None

    return Logistic.apply, (normal(9, seed=1, grad=True), binary(9, seed=2))


@mistake("grad-meta", reference=lambda p, t: ((p[:, 0] - t) ** 2).mean())
def gradient_flattened():
    """The prediction is (N, 1), forward flattens it, backward returns (N,)."""

    class ColumnMSE(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            r = prediction.flatten() - target
            ctx.save_for_backward(r)
            return r.pow(2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            (r,) = ctx.saved_tensors
            return grad_output * 2 * r / len(r), None

    return ColumnMSE.apply, (normal(6, 1, seed=1, grad=True), normal(6, seed=2))


@mistake("grad-meta", reference=lambda p, t: F.mse_loss(p, t.view_as(p)))
def backward_broadcasts():
    """forward aligns target and prediction, backward does not: (N, N), summed."""

    class MSE(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return F.mse_loss(prediction, target.view_as(prediction))

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            return grad_output * 2 * (prediction - target) / len(target), None

    class MSELoss(nn.Module):
        def forward(self, prediction, target):
            return MSE.apply(prediction, target)

    return MSELoss(), (normal(5, 1, seed=1, grad=True), normal(5, seed=2))


@mistake("grad-meta", reference=lambda x: x.mean() + 0.01 * x.pow(2).sum())
def scalar_gradient_for_a_vector():
    """The gradient of the mean is returned as one number."""

    class MeanCritic(Function):
        @staticmethod
        def forward(ctx, scores):
            ctx.save_for_backward(scores)
            return scores.mean() + 0.01 * scores.pow(2).sum()

        @staticmethod
        def backward(ctx, grad_output):
            (scores,) = ctx.saved_tensors
            return grad_output * (1 / len(scores) + 0.02 * scores.mean())

    return MeanCritic.apply, (normal(7, seed=1, grad=True),)


@mistake("grad-meta", reference=lambda p, t, b: ((p + b - t) ** 2).mean())
def bias_gradient_kept_per_row():
    """The bias (3,) of the loss gets the full (N, 3), each row summed already."""

    class Biased(Function):
        @staticmethod
        def forward(prediction, target, bias):
            return ((prediction + bias - target) ** 2).mean()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target, bias = ctx.saved_tensors
            g = grad_output * 2 * (prediction + bias - target) / target.numel()
            return g, -g, g.sum(0, keepdim=True).repeat(len(g), 1)

    prediction, target = regression(4, 3)
    return Biased.apply, (prediction, target, normal(3, seed=7, grad=True))


@mistake("grad-meta", reference=lambda x, t: F.cross_entropy(x, t))
def transposed_gradient():
    """Logits are (N, C), the gradient is built and returned as (C, N)."""

    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return F.cross_entropy(logits, target)

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            p = logits.t().softmax(0)
            onehot = F.one_hot(target, logits.shape[1]).t()
            return grad_output * (p - onehot) / len(target), None

    logits = normal(5, 3, seed=1, grad=True)
    return CrossEntropy.apply, (logits, labels(3, 5, seed=2))
