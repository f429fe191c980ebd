"""Right losses whose forward or backward is inherited, shared or handed on."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import right
from .inputs import classification, normal, regression, uniform


class Power(Function):
    """x ** n for the classes below, which fix n."""

    @classmethod
    def forward(cls, ctx, x, n):
        ctx.n = n
        ctx.save_for_backward(x)
        return x**n

    @classmethod
    def backward(cls, ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * ctx.n * x ** (ctx.n - 1), None


@right(reference=lambda p, t: ((p - t) ** 3).abs().mean())
def subclass_fixes_an_argument():
    """A class method forward, called by the forward of a subclass through super()."""

    class Cube(Power):
        @classmethod
        def forward(cls, ctx, x):
            return super().forward(ctx, x, 3)

        @classmethod
        def backward(cls, ctx, grad_output):
            return super().backward(ctx, grad_output)[0]

    return lambda p, t: Cube.apply(p - t).abs().mean(), regression(4, 3)


@right(reference=lambda p, t: (p - t).pow(2).mean())
def subclass_names_its_parent():
    """Static methods; the subclass calls the parent's forward by its name."""

    class Scaled(Function):
        @staticmethod
        def forward(ctx, residual, factor):
            ctx.factor = factor
            ctx.save_for_backward(residual)
            return factor * residual.square()

        @staticmethod
        def backward(ctx, grad_output):
            (residual,) = ctx.saved_tensors
            return 2 * ctx.factor * grad_output * residual, None

    class Halved(Scaled):
        @staticmethod
        def forward(ctx, residual):
            return Scaled.forward(ctx, residual, 0.5)

        @staticmethod
        def backward(ctx, grad_output):
            gradient, _ = Scaled.backward(ctx, grad_output)
            return gradient

    return lambda p, t: 2 * Halved.apply(p - t).mean(), regression(5, 2)


class ChunkedPreference(Function):
    """Gradients are computed in forward, chunk by chunk, as fused losses do."""

    @staticmethod
    def forward(cls, ctx, chosen, rejected, beta):
        with torch.enable_grad():
            a = chosen.detach().requires_grad_()
            b = rejected.detach().requires_grad_()
            loss = cls.preference(a, b, beta)
            ctx.save_for_backward(*torch.autograd.grad(loss, (a, b)))
        return loss.detach()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        a, b = ctx.saved_tensors
        return grad_output * a, grad_output * b, None


@right(reference=lambda a, b: -F.logsigmoid(0.1 * (a - b)).mean())
def subclass_brings_the_formula():
    """The parent's forward takes the class and calls a formula of the subclass."""

    class DPO(ChunkedPreference):
        @staticmethod
        def preference(chosen, rejected, beta):
            return -F.logsigmoid(beta * (chosen - rejected)).mean()

        @classmethod
        def forward(cls, ctx, chosen, rejected, beta=0.1):
            return super().forward(cls, ctx, chosen, rejected, beta)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad_output):
            return ChunkedPreference.backward(ctx, grad_output)[:2]

    inputs = normal(6, seed=1, grad=True), normal(6, seed=2, grad=True)
    return DPO.apply, inputs


@right(reference=lambda x, t: F.cross_entropy(x, t))
def forward_of_another_function_as_a_helper():
    """One Function borrows the numbers of another's forward, with its own backward."""

    class LogSoftmax(Function):
        @staticmethod
        def forward(ctx, logits):
            log_p = logits - logits.logsumexp(1, keepdim=True)
            ctx.save_for_backward(log_p)
            return log_p

        @staticmethod
        def backward(ctx, grad_output):
            (log_p,) = ctx.saved_tensors
            return grad_output - log_p.exp() * grad_output.sum(1, keepdim=True)

    class CrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, labels):
            log_p = LogSoftmax.forward(ctx, logits)
            ctx.labels = labels
            return F.nll_loss(log_p, labels)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad_output):
            (log_p,) = ctx.saved_tensors
            gradient = log_p.exp() - F.one_hot(ctx.labels, log_p.shape[1])
            return grad_output * gradient / len(log_p), None

    return CrossEntropy.apply, classification(5, 4)


@right()
def module_with_a_training_step():
    """A Module whose `backward` is the step of a trainer: it calls loss.backward()."""

    class Task(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(3, 1).double()

        def forward(self, features, target):
            return F.mse_loss(self.net(features)[:, 0], target)

        def backward(self, loss, retain_graph=False):
            loss.backward(retain_graph=retain_graph)

    return Task(), (normal(5, 3, seed=1), normal(5, seed=2))


@right(reference=lambda p, t: (p.log() - t.log()).square().mean())
def subclass_in_the_new_style():
    """setup_context of the parent, forward of the child."""

    class Elementwise(Function):
        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

    class LogRatio(Elementwise):
        @staticmethod
        def forward(p, t):
            return p.log() - t.log()

        @staticmethod
        def backward(ctx, grad_output):
            p, t = ctx.saved_tensors
            return grad_output / p, -grad_output / t

    inputs = uniform(4, 3, seed=1, grad=True), uniform(4, 3, seed=2)
    return lambda p, t: LogRatio.apply(p, t).square().mean(), inputs
