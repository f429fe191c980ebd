"""backward returns too few or too many gradients, or takes too few."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .inputs import binary, classification, normal, regression, uniform


def _weighted_mse(prediction, target, weight):
    return (weight * (prediction - target) ** 2).mean()


@mistake("grad-count", reference=_weighted_mse)
def weight_added_to_forward_only():
    """forward grew a third argument, backward still returns two gradients."""

    class WeightedMSE(Function):
        @staticmethod
        def forward(ctx, prediction, target, weight):
            ctx.save_for_backward(prediction, target, weight)
            return (weight * (prediction - target) ** 2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target, weight = ctx.saved_tensors
            grad = 2 * weight * (prediction - target) / prediction.numel()
            return grad_output * grad, None

    prediction, target = regression(5, 3)
    return WeightedMSE.apply, (prediction, target, uniform(5, 3, seed=3))


@right(reference=_weighted_mse)
def weight_added_to_both():
    """The same with a None for the weight."""

    class WeightedMSE(Function):
        @staticmethod
        def forward(ctx, prediction, target, weight):
            ctx.save_for_backward(prediction, target, weight)
            return (weight * (prediction - target) ** 2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target, weight = ctx.saved_tensors
            grad = 2 * weight * (prediction - target) / prediction.numel()
            return grad_output * grad, None, None

    prediction, target = regression(5, 3)
    return WeightedMSE.apply, (prediction, target, uniform(5, 3, seed=3))


@mistake("grad-count", reference=F.l1_loss)
def backward_forgets_to_return():
    """backward computes the gradient and returns nothing."""

    class L1(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return (prediction - target).abs().mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            grad = torch.sign(prediction - target) / prediction.numel()
            # Computed and not returned: that is the mistake.
            grad_input = grad_output * grad  # noqa: F841

    return L1.apply, regression(4)


@mistake("grad-count", reference=lambda x, t: F.cross_entropy(x, t))
def only_the_first_gradient():
    """Legacy habit: backward returns the one gradient that matters."""

    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target, ignore_index=-100, size_average=True):
            ctx.save_for_backward(logits, target)
            return F.cross_entropy(logits, target, ignore_index=ignore_index)

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            p = logits.softmax(1)
            p[torch.arange(len(p)), target] -= 1
            return grad_output * p / len(p)

    class CrossEntropyLoss(nn.Module):
        def forward(self, logits, target):
            return CrossEntropy.apply(logits, target, -100, True)

    return CrossEntropyLoss(), classification(5, 4, dtype=torch.float32)


@mistake("grad-count", reference=lambda p, t: F.binary_cross_entropy(p, t))
def one_gradient_too_many():
    """The module was made a Function; a gradient for the dropped argument stayed."""

    class BCE(Function):
        @staticmethod
        def forward(ctx, probability, target):
            ctx.save_for_backward(probability, target)
            return F.binary_cross_entropy(probability, target)

        @staticmethod
        def backward(ctx, grad_output):
            p, t = ctx.saved_tensors
            grad = (p - t) / (p * (1 - p)) / p.numel()
            return grad_output * grad, None, grad_output * torch.ones_like(p)

    return BCE.apply, (uniform(6, 2, seed=1, grad=True), binary(6, 2, seed=2))


@mistake("grad-count")
def two_outputs_one_upstream_gradient():
    """forward returns loss and accuracy term, backward takes one grad_output."""

    class LossAndError(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            r = prediction - target
            ctx.save_for_backward(r)
            return r.pow(2).mean(), r.abs().mean()

        @staticmethod
        def backward(ctx, grad_output):
            (r,) = ctx.saved_tensors
            return grad_output * 2 * r / r.numel(), None

    return LossAndError.apply, regression(3, 3)


@mistake("grad-count", reference=lambda a, b, c: a.pow(2).mean() + (b * c).mean())
def variadic_forward_returns_for_the_first():
    """forward takes *tensors, backward returns for a fixed number."""

    class Combined(Function):
        @staticmethod
        def forward(ctx, *terms):
            ctx.save_for_backward(*terms)
            a, b, c = terms
            return a.pow(2).mean() + (b * c).mean()

        @staticmethod
        def backward(ctx, grad_output):
            a, b, c = ctx.saved_tensors
            grads = [2 * a / a.numel(), c / b.numel()]
            return tuple(grad_output * g for g in grads)

    inputs = tuple(normal(4, seed=s, grad=True) for s in (1, 2, 3))
    return Combined.apply, inputs


@mistake("grad-count", reference=lambda x, t: F.soft_margin_loss(x, t))
def new_style_counts_ctx():
    """setup_context: one None per hyperparameter is missing."""

    class SoftMargin(Function):
        @staticmethod
        def forward(score, target, reduction, beta):
            loss = F.softplus(-target * score * beta) / beta
            return loss.mean() if reduction == "mean" else loss.sum()

        @staticmethod
        def setup_context(ctx, inputs, output):
            score, target, ctx.reduction, ctx.beta = inputs
            ctx.save_for_backward(score, target)

        @staticmethod
        def backward(ctx, grad_output):
            score, target = ctx.saved_tensors
            grad = -target * torch.sigmoid(-target * score * ctx.beta)
            if ctx.reduction == "mean":
                grad = grad / score.numel()
            return grad_output * grad, None, None

    inputs = normal(8, seed=1, grad=True), 2 * binary(8, seed=2) - 1
    return lambda x, t: SoftMargin.apply(x, t, "mean", 1.0), inputs


@mistake("grad-count", reference=lambda x, t: F.nll_loss(x, t))
def list_instead_of_enough_gradients():
    """Three arguments, a tuple of one."""

    class NLL(Function):
        @staticmethod
        def forward(ctx, log_p, target, num_classes):
            ctx.save_for_backward(log_p, target)
            return F.nll_loss(log_p, target)

        @staticmethod
        def backward(ctx, *grads):
            log_p, target = ctx.saved_tensors
            onehot = F.one_hot(target, log_p.size(1)).to(log_p.dtype)
            return (-grads[0] * onehot / len(target),)

    def loss(log_p, target):
        return NLL.apply(log_p, target, log_p.size(1))

    return loss, classification(5, 3)


@mistake("grad-count", reference=lambda p, t: (p - t).pow(2).mean())
def branch_without_a_return():
    """backward returns inside `if needs_input_grad[1]`, and else nothing."""

    class MSE(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return (prediction - target).pow(2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            grad = grad_output * 2 * (prediction - target) / target.numel()
            if ctx.needs_input_grad[1]:
                return grad, -grad

    return MSE.apply, regression(4, 2)
