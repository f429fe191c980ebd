"""A backward that autograd never calls."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import Case, mistake, right
from .evidence import backward_never_runs
from .inputs import binary, classification, labels, normal, regression


class _Reverse(Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return -grad_output


@mistake(
    "dead-backward",
    reference=lambda x, t: F.cross_entropy(_Reverse.apply(x), t),
    shows=backward_never_runs,
)
def reversal_as_a_module():
    """A domain loss whose gradient reversal is a Module with a backward."""

    class GradientReversal(nn.Module):
        def forward(self, x):
            return x

        def backward(self, grad_output):
            return -grad_output

    class DomainLoss(nn.Module):
        def __init__(self):
            super().__init__()
            self.reverse = GradientReversal()

        def forward(self, features, domain):
            return F.cross_entropy(self.reverse(features), domain)

    return DomainLoss(), classification(6, 2)


@mistake("dead-backward", reference=F.mse_loss, shows=backward_never_runs)
def backward_on_the_loss_module():
    """A Module with forward and backward, as in the lecture notes."""

    class MSELoss(nn.Module):
        def forward(self, prediction, target):
            self.diff = prediction - target
            return (self.diff**2).mean()

        def backward(self):
            return 2 * self.diff / self.diff.numel()

    return MSELoss(), regression(5, 3)


@mistake("dead-backward", shows=backward_never_runs)
def forward_of_a_function_called():
    """Function.forward is called directly, so its clipped backward never runs."""

    class ClippedSquare(Function):
        @staticmethod
        def forward(ctx, residual):
            if ctx is not None:
                ctx.save_for_backward(residual)
            return residual**2

        @staticmethod
        def backward(ctx, grad_output):
            (residual,) = ctx.saved_tensors
            return grad_output * (2 * residual).clamp(-1, 1)

    class RobustLoss(nn.Module):
        def forward(self, prediction, target):
            return ClippedSquare.forward(None, prediction - target).mean()

    return RobustLoss(), regression(6, 2)


@mistake("dead-backward", shows=backward_never_runs)
def new_style_forward_called():
    """setup_context style makes forward callable without ctx; backward is dead."""

    class RoundSTE(Function):
        @staticmethod
        def forward(x):
            return torch.round(x)

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

    def quantised_mse(prediction, target):
        return F.mse_loss(RoundSTE.forward(4 * prediction) / 4 + prediction, target)

    return quantised_mse, regression(8)


@mistake("dead-backward", reference=F.cross_entropy, shows=backward_never_runs)
def instance_style_function():
    """Legacy: a Function-like Module that saves tensors on self for its backward."""

    class SoftmaxLoss(nn.Module):
        def forward(self, logits, target):
            self.save_for_backward(logits, target)
            return F.nll_loss(logits.log_softmax(1), target)

        def save_for_backward(self, *tensors):
            self.saved_tensors = tensors

        def backward(self, grad_output):
            logits, target = self.saved_tensors
            p = logits.softmax(1)
            return grad_output * (p - F.one_hot(target, p.size(1))) / len(p), None

    return SoftmaxLoss(), classification(5, 4)


@mistake("dead-backward", shows=backward_never_runs)
def base_class_supplies_backward():
    """A base class scales gradients by class weight; no Module is asked for it."""

    class WeightedGradient(nn.Module):
        def __init__(self, weight):
            super().__init__()
            self.register_buffer("weight", torch.tensor(weight).double())

        def backward(self, grad_output):
            return grad_output * self.weight

    class WeightedBCE(WeightedGradient):
        def forward(self, logits, target):
            return F.binary_cross_entropy_with_logits(logits, target)

    inputs = normal(6, 2, seed=1, grad=True), binary(6, 2, seed=2)
    return WeightedBCE([1.0, 5.0]), inputs


@right(intentional=True)
def reversal_as_a_function():
    """Gradient reversal as it is meant: a Function called by apply."""

    class GradientReversal(Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, grad_output):
            return -grad_output

    class DomainLoss(nn.Module):
        def forward(self, features, domain):
            return F.cross_entropy(GradientReversal.apply(features), domain)

    return DomainLoss(), (normal(6, 2, seed=1, grad=True), labels(2, 6))


@mistake("dead-backward", shows=backward_never_runs)
def custom_backward_of_a_focal_module():
    """A Module's backward that was meant to scale the gradient by alpha."""

    class FocalLoss(nn.Module):
        def __init__(self, alpha=0.25, gamma=2.0):
            super().__init__()
            self.alpha, self.gamma = alpha, gamma

        def forward(self, logits, target):
            ce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
            return ((1 - torch.exp(-ce)) ** self.gamma * ce).mean()

        def backward(self, grad_output):
            return self.alpha * grad_output, None

    return FocalLoss(), (normal(5, 2, seed=1, grad=True), binary(5, 2, seed=2))


@mistake("dead-backward", shows=backward_never_runs)
def surrogate_called_without_apply():
    """A spike function whose surrogate never runs, for forward is called directly."""

    class SmoothClip(Function):
        @staticmethod
        def forward(ctx, x):
            return x.clamp(-1, 1)

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output

    def clipped_mse(prediction, target):
        return (SmoothClip.forward(None, prediction) - target).pow(2).mean()

    return clipped_mse, regression(9)


@mistake("dead-backward", shows=backward_never_runs)
def layer_made_in_the_loss():
    """The loss makes a layer that is to clip the gradient, and calls it."""

    class Clip(nn.Module):
        def forward(self, x):
            return x.clone()

        def backward(self, grad_output):
            return grad_output.clamp(-0.01, 0.01)

    def clipped(prediction, target):
        return (Clip()(prediction) - target).abs().sum()

    return clipped, regression(6)


def _raises(case: Case) -> None:
    """Autograd looks for a backward and finds none."""
    loss, inputs = case.fresh()
    with pytest.raises(NotImplementedError):
        loss(*inputs).backward()


@mistake("dead-backward", shows=_raises)
def backward_is_misspelt():
    """A Function whose method is called backwards."""

    class RoundThrough(Function):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backwards(ctx, grad_output):
            return grad_output

    return lambda x, t: (RoundThrough.apply(x) - t).square().mean(), regression(4, 3)
