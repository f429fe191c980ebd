"""A tensor that backward needs is overwritten."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .evidence import formula
from .inputs import binary, classification, normal, regression


@mistake("inplace-saved", reference=F.mse_loss, shows=formula)
def residual_squared_in_place():
    """forward saves the residual and then squares it in place; nothing raises."""

    class MSE(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            residual = prediction - target
            ctx.save_for_backward(residual)
            return residual.pow_(2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            (residual,) = ctx.saved_tensors
            return grad_output * 2 * residual / residual.numel(), None

    return MSE.apply, regression(5, 2)


@mistake("inplace-saved", reference=F.cross_entropy)
def probabilities_minus_one_in_place():
    """backward subtracts 1 from the saved probabilities: a second backward fails."""

    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            p = F.softmax(logits, dim=1)
            ctx.save_for_backward(p, target)
            return F.cross_entropy(logits, target)

        @staticmethod
        def backward(ctx, grad_output):
            p, target = ctx.saved_tensors
            p[torch.arange(p.size(0)), target] -= 1
            return grad_output * p / p.size(0), None

    return CrossEntropy.apply, classification(6, 3)


@right(reference=F.cross_entropy)
def probabilities_minus_one_on_a_copy():
    """The same on a copy."""

    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            p = F.softmax(logits, dim=1)
            ctx.save_for_backward(p, target)
            return F.cross_entropy(logits, target)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad_output):
            p, target = ctx.saved_tensors
            p = p.clone()
            p[torch.arange(p.size(0)), target] -= 1
            return grad_output * p / p.size(0), None

    return CrossEntropy.apply, classification(6, 3)


@mistake("inplace-saved", reference=lambda p, t: 0.5 * (p - t).abs().pow(1.5).mean())
def gradient_on_ctx_multiplied_in_place():
    """The gradient kept on ctx is scaled in place: twice after two backwards."""

    class Power(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            r = prediction - target
            ctx.grad = 1.5 * r.sign() * r.abs().sqrt() / r.numel()
            return r.abs().pow(1.5).mean()

        @staticmethod
        def backward(ctx, grad_output):
            return ctx.grad.mul_(grad_output), None

    class PowerLoss(nn.Module):
        def __init__(self, weight):
            super().__init__()
            self.weight = weight

        def forward(self, prediction, target):
            return self.weight * Power.apply(prediction, target)

    return PowerLoss(weight=0.5), regression(4, 3)


@mistake("inplace-saved", reference=F.cross_entropy)
def softmax_normalised_in_place():
    """Plain autograd: exp saved its result, which is divided in place."""

    def cross_entropy(logits, target):
        p = torch.exp(logits - logits.max(dim=1, keepdim=True).values)
        p /= p.sum(dim=1, keepdim=True)
        return -p[torch.arange(len(target)), target].log().mean()

    return cross_entropy, classification(5, 4)


@mistake("inplace-saved", reference=F.binary_cross_entropy_with_logits)
def sigmoid_clamped_in_place():
    """Plain autograd: sigmoid needs its output, clamp_ changes it."""

    class SafeBCE(nn.Module):
        def __init__(self, eps=1e-7):
            super().__init__()
            self.eps = eps

        def forward(self, logits, target):
            p = torch.sigmoid(logits)
            p.clamp_(self.eps, 1 - self.eps)
            return -(target * p.log() + (1 - target) * (1 - p).log()).mean()

    return SafeBCE(), (normal(4, 3, seed=1, grad=True), binary(4, 3, seed=2))


@right(reference=F.binary_cross_entropy_with_logits)
def sigmoid_clamped_in_a_new_tensor():
    """The same with clamp."""

    def bce(logits, target):
        p = torch.sigmoid(logits).clamp(1e-7, 1 - 1e-7)
        return -(target * p.log() + (1 - target) * (1 - p).log()).mean()

    return bce, (normal(4, 3, seed=1, grad=True), binary(4, 3, seed=2))


@mistake("inplace-saved", reference=F.huber_loss)
def huber_clips_its_saved_residual():
    """backward clips the residual on ctx in place and divides it by n in place."""

    class Huber(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.r = prediction - target
            return F.huber_loss(prediction, target)

        @staticmethod
        def backward(ctx, grad_output):
            ctx.r.clamp_(-1, 1).div_(ctx.r.numel())
            return ctx.r * grad_output, None

    return Huber.apply, regression(10)


@mistake("inplace-saved", reference=lambda a, b: (a.exp() - b).pow(2).mean())
def exponential_shifted_in_place():
    """exp keeps its result for backward; sub_ overwrites it."""

    def rate_error(log_rate, rate):
        error = log_rate.exp().sub_(rate)
        return error.pow(2).mean()

    return rate_error, (normal(6, seed=1, grad=True), normal(6, seed=2).exp())


@mistake("inplace-saved", reference=lambda p, t: torch.tanh(p - t).pow(2).sum(1).mean())
def tanh_masked_in_place():
    """A bounded error whose small entries are zeroed by index assignment."""

    class BoundedError(nn.Module):
        def forward(self, prediction, target):
            error = torch.tanh(prediction - target)
            error[error.abs() < 1e-6] = 0.0
            return error.pow(2).sum(1).mean()

    return BoundedError(), regression(4, 3)
