"""Right once, silently wrong the second time."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .evidence import formula
from .inputs import binary, classification, normal, regression


@mistake("double-backward", reference=lambda x: (2 * x).pow(2).sum())
def intermediate_on_ctx():
    """backward reads an intermediate from ctx: its own derivative is lost."""

    class DoubledSquare(Function):
        @staticmethod
        def forward(ctx, x):
            doubled = 2 * x
            ctx.doubled = doubled
            return (doubled**2).sum()

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * 4 * ctx.doubled

    return DoubledSquare.apply, (normal(5, 2, seed=1, grad=True),)


@mistake("double-backward", reference=lambda p, t: (p - t).pow(4).mean())
def residual_saved_as_an_intermediate():
    """save_for_backward of the residual: neither an input nor an output."""

    class Quartic(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            r = prediction - target
            ctx.save_for_backward(r)
            return r.pow(4).mean()

        @staticmethod
        def backward(ctx, grad_output):
            (r,) = ctx.saved_tensors
            grad = grad_output * 4 * r**3 / r.numel()
            return grad, -grad

    return Quartic.apply, regression(4, 3)


@right(reference=lambda p, t: (p - t).pow(4).mean())
def residual_computed_again():
    """The same from saved inputs."""

    class Quartic(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return (prediction - target).pow(4).mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            r = prediction - target
            grad = grad_output * 4 * r**3 / r.numel()
            return grad, -grad

    return Quartic.apply, regression(4, 3)


@mistake("double-backward", reference=F.binary_cross_entropy_with_logits)
def saved_inputs_detached():
    """backward detaches what it saved."""

    class SigmoidBCE(Function):
        @staticmethod
        def forward(logits, target):
            return F.binary_cross_entropy_with_logits(logits, target)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = (x.detach() for x in ctx.saved_tensors)
            grad = (logits.sigmoid() - target) / logits.numel()
            return grad_output * grad, None

    return SigmoidBCE.apply, (normal(6, seed=1, grad=True), binary(6, seed=2))


@mistake("double-backward", reference=F.cross_entropy)
def gradient_computed_in_forward():
    """forward computes the gradient and saves it: a constant to double backward."""

    class FusedCrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            p = logits.softmax(1)
            grad = p.clone()
            grad[torch.arange(len(p)), target] -= 1
            ctx.save_for_backward(grad / len(p))
            return F.cross_entropy(logits, target)

        @staticmethod
        def backward(ctx, grad_output):
            (grad,) = ctx.saved_tensors
            return grad * grad_output, None

    class CrossEntropy(nn.Module):
        def forward(self, logits, target):
            return FusedCrossEntropy.apply(logits, target)

    return CrossEntropy(), classification(5, 3)


@mistake("double-backward", reference=lambda x, y: F.softplus(-y * x).mean())
def data_of_the_saved_tensor():
    """Logistic loss of a sequence: backward reads .data, an old habit."""

    class Logistic(Function):
        @staticmethod
        def forward(ctx, score, sign):
            ctx.save_for_backward(score, sign)
            return F.softplus(-sign * score).mean()

        @staticmethod
        def backward(ctx, grad_output):
            score, sign = ctx.saved_tensors
            slope = -sign * torch.sigmoid(-sign * score.data)
            return grad_output * slope / score.numel(), None

    inputs = normal(2, 3, 4, seed=1, grad=True), 2 * binary(2, 3, 4, seed=2) - 1
    return Logistic.apply, inputs


@mistake("double-backward", reference=lambda x: F.softplus(x).sum())
def output_of_forward_recomputed_without_graph():
    """backward recomputes under no_grad, as checkpoint-like code does."""

    class SumSoftplus(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return F.softplus(x).sum()

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            with torch.no_grad():
                slope = torch.sigmoid(x)
            return grad_output * slope

    return SumSoftplus.apply, (normal(6, seed=1, grad=True),)


@right(reference=F.cross_entropy)
def gradient_computed_in_forward_once():
    """The same under once_differentiable, which says so."""

    class FusedCrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            p = logits.softmax(1)
            grad = p.clone()
            grad[torch.arange(len(p)), target] -= 1
            ctx.save_for_backward(grad / len(p))
            return F.cross_entropy(logits, target)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad_output):
            (grad,) = ctx.saved_tensors
            return grad * grad_output, None

    return FusedCrossEntropy.apply, classification(5, 3)


@mistake("double-backward", reference=lambda x, t: F.mse_loss(torch.sigmoid(x), t))
def sigmoid_saved_as_an_intermediate():
    """Brier score of a sigmoid, which is saved instead of the logits."""

    class Brier(Function):
        @staticmethod
        def forward(ctx, logits, target):
            p = torch.sigmoid(logits)
            ctx.save_for_backward(p, target)
            return (p - target).pow(2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            p, target = ctx.saved_tensors
            grad = 2 * (p - target) * p * (1 - p) / p.numel()
            return grad_output * grad, None

    return Brier.apply, (normal(5, 2, seed=1, grad=True), binary(5, 2, seed=2))


@mistake("double-backward", shows=formula)
def activation_within_an_eikonal_term():
    """The loss differentiates a network whose activation can be derived only once."""

    class Softplus(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.slope = torch.sigmoid(x).detach()
            return F.softplus(x)

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * ctx.slope

    def eikonal(weight, points, distances):
        points = points.detach().requires_grad_()
        field = Softplus.apply(points @ weight).sum(1)
        (normal_,) = torch.autograd.grad(field.sum(), points, create_graph=True)
        misfit = (field - distances).square().mean()
        return misfit + 0.1 * (normal_.norm(dim=1) - 1).square().mean()

    inputs = (normal(3, 4, seed=1, grad=True), normal(5, 3, seed=2), normal(5, seed=3))
    return eikonal, inputs
