"""Tensors as ctx attributes, or attached losses collected on a module."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .inputs import binary, classification, normal, regression, segmentation


def _welsch(prediction, target):
    return 1 - torch.exp(-0.5 * (prediction - target) ** 2)


@mistake("ctx-leak", reference=_welsch)
def output_on_ctx():
    """ctx.loss is the output itself: a cycle that only the garbage collector frees."""

    class Welsch(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            loss = 1 - torch.exp(-0.5 * (prediction - target) ** 2)
            ctx.save_for_backward(prediction, target)
            ctx.loss = loss
            return loss

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            grad = (prediction - target) * (1 - ctx.loss)
            return grad_output * grad, -grad_output * grad

    return Welsch.apply, regression(5, 3)


@right(reference=_welsch)
def output_saved_for_backward():
    """The same through save_for_backward."""

    class Welsch(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            loss = 1 - torch.exp(-0.5 * (prediction - target) ** 2)
            ctx.save_for_backward(prediction, target, loss)
            return loss

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target, loss = ctx.saved_tensors
            grad = (prediction - target) * (1 - loss)
            return grad_output * grad, -grad_output * grad

    return Welsch.apply, regression(5, 3)


@mistake("ctx-leak", reference=F.binary_cross_entropy_with_logits)
def inputs_on_ctx():
    """Old habit: the inputs are kept as attributes."""

    class SigmoidBCE(Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.logits = logits
            ctx.target = target
            return F.binary_cross_entropy_with_logits(logits, target)

        @staticmethod
        def backward(ctx, grad_output):
            grad = (torch.sigmoid(ctx.logits) - ctx.target) / ctx.logits.numel()
            return grad_output * grad, None

    return SigmoidBCE.apply, segmentation(2, 3, 3)


@mistake(
    "ctx-leak",
    reference=lambda q, p: F.kl_div(q, p, reduction="sum") / p.numel(),
)
def tuple_of_intermediates_on_ctx():
    """A list of intermediates hides on ctx."""

    class KLDiv(Function):
        @staticmethod
        def forward(ctx, log_q, p):
            terms = torch.xlogy(p, p) - p * log_q
            ctx.cache = [p, terms]
            return terms.mean()

        @staticmethod
        def backward(ctx, grad_output):
            p, _ = ctx.cache
            return -grad_output * p / p.numel(), None

    class KLLoss(nn.Module):
        def forward(self, log_q, p):
            return KLDiv.apply(log_q, p)

    log_q = F.log_softmax(normal(4, 6, seed=1), 1).requires_grad_()
    return KLLoss(), (log_q, F.softmax(normal(4, 6, seed=2), 1))


@mistake("ctx-leak", reference=F.cross_entropy)
def setup_context_keeps_the_output():
    """New style: setup_context stores the output per row as an attribute."""

    class CrossEntropy(Function):
        @staticmethod
        def forward(logits, target):
            log_p = logits.log_softmax(1)
            return F.nll_loss(log_p, target), log_p

        @staticmethod
        def setup_context(ctx, inputs, output):
            _, target = inputs
            ctx.log_p = output[1]
            ctx.mark_non_differentiable(output[1])
            ctx.save_for_backward(target)

        @staticmethod
        def backward(ctx, grad_loss, _):
            (target,) = ctx.saved_tensors
            grad = ctx.log_p.exp() - F.one_hot(target, ctx.log_p.shape[1])
            return grad_loss * grad / len(target), None

    return lambda x, t: CrossEntropy.apply(x, t)[0], classification(6, 3)


@mistake("ctx-leak", reference=F.l1_loss)
def attached_losses_in_a_history():
    """The module appends every loss, graph and all, to its history."""

    class LoggedL1(nn.Module):
        def __init__(self):
            super().__init__()
            self.history = []

        def forward(self, prediction, target):
            loss = (prediction - target).abs().mean()
            self.history.append(loss)
            return loss

    return LoggedL1(), regression(4, 2)


@right(reference=F.l1_loss)
def detached_losses_in_a_history():
    """The same with numbers in the history."""

    class LoggedL1(nn.Module):
        def __init__(self):
            super().__init__()
            self.history = []

        def forward(self, prediction, target):
            loss = (prediction - target).abs().mean()
            self.history.append(loss.item())
            return loss

    return LoggedL1(), regression(4, 2)


@mistake("ctx-leak", reference=F.binary_cross_entropy_with_logits)
def running_total_with_its_graph():
    """total_loss += loss keeps the graph of every call alive."""

    class Criterion(nn.Module):
        def __init__(self):
            super().__init__()
            self.total_loss = 0.0
            self.calls = 0

        def forward(self, logits, target):
            loss = F.binary_cross_entropy_with_logits(logits, target)
            self.total_loss += loss
            self.calls += 1
            return loss

        def average(self):
            return self.total_loss / self.calls

    return Criterion(), (normal(5, 2, seed=1, grad=True), binary(5, 2, seed=2))


@mistake("ctx-leak", reference=lambda a, b: (a - b).pow(2).sum(1))
def dictionary_on_ctx():
    """A dictionary of inputs on ctx, per-row loss."""

    class RowSquares(Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.saved = {"a": a, "b": b}
            return (a - b).pow(2).sum(1)

        @staticmethod
        def backward(ctx, grad_output):
            a, b = ctx.saved["a"], ctx.saved["b"]
            grad = 2 * (a - b) * grad_output[:, None]
            return grad, -grad

    return RowSquares.apply, regression(4, 3)


@mistake("ctx-leak", reference=F.cross_entropy)
def outputs_cached_for_the_logger():
    """The module keeps the last log-probabilities, attached, for a plot."""

    class LoggingCE(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = {}

        def forward(self, logits, target):
            log_p = logits.log_softmax(1)
            self.last["log_p"] = log_p
            return F.nll_loss(log_p, target)

    return LoggingCE(), classification(5, 3)
