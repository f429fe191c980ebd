"""backward ignores grad_output, or uses it for some terms only."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .evidence import formula
from .inputs import binary, classification, labels, normal, regression, uniform


@mistake("grad-output", reference=F.mse_loss)
def mse_ignores_grad_output():
    """Right for a bare loss.backward(), wrong for 0.1 * loss."""

    class MSE(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return F.mse_loss(prediction, target)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            return 2 * (prediction - target) / prediction.numel(), None

    return MSE.apply, regression(6, 3)


@mistake("grad-output", reference=F.cross_entropy)
def gradient_kept_from_forward():
    """The gradient is computed in forward, as in fused losses, and returned bare."""

    class FusedCrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            with torch.enable_grad():
                x = logits.detach().requires_grad_()
                loss = F.cross_entropy(x, target)
                (grad,) = torch.autograd.grad(loss, x)
            ctx.save_for_backward(grad)
            return loss.detach()

        @staticmethod
        def backward(ctx, grad_output):
            (grad,) = ctx.saved_tensors
            return grad, None

    class LinearCrossEntropy(nn.Module):
        def forward(self, logits, target):
            return FusedCrossEntropy.apply(logits, target)

    return LinearCrossEntropy(), classification(5, 8, dtype=torch.float32)


@right(reference=F.cross_entropy)
def gradient_kept_and_scaled():
    """The same, multiplied by grad_output."""

    class FusedCrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            with torch.enable_grad():
                x = logits.detach().requires_grad_()
                loss = F.cross_entropy(x, target)
                (grad,) = torch.autograd.grad(loss, x)
            ctx.save_for_backward(grad)
            return loss.detach()

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad_output):
            (grad,) = ctx.saved_tensors
            return grad * grad_output, None

    return FusedCrossEntropy.apply, classification(5, 8, dtype=torch.float32)


def _contrastive(a, b, same):
    d = (a - b).pow(2).sum(1)
    return 0.5 * (same * d + (1 - same) * F.relu(4.0 - d)).mean()


@mistake("grad-output", reference=_contrastive)
def second_branch_unscaled():
    """Siamese: the first embedding's gradient is scaled, the second's is not."""

    class Contrastive(Function):
        @staticmethod
        def forward(ctx, a, b, same, margin):
            diff = a - b
            d = diff.pow(2).sum(1)
            ctx.save_for_backward(diff, d, same)
            ctx.margin = margin
            return 0.5 * (same * d + (1 - same) * (margin - d).clamp(min=0)).mean()

        @staticmethod
        def backward(ctx, grad_output):
            diff, d, same = ctx.saved_tensors
            inside = (d < ctx.margin).to(diff.dtype)
            g = (same - (1 - same) * inside)[:, None] * diff / len(diff)
            return grad_output * g, -g, None, None

    inputs = (
        normal(6, 3, seed=1, grad=True),
        normal(6, 3, seed=2, grad=True),
        binary(6, seed=3),
    )
    return lambda a, b, same: Contrastive.apply(a, b, same, 4.0), inputs


@mistake("grad-output", reference=lambda p, t: F.smooth_l1_loss(p, t, reduction="none"))
def per_sample_loss_averages_grad_output():
    """A loss per element, whose backward takes the mean of grad_output."""

    class SmoothL1(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            r = prediction - target
            ctx.save_for_backward(r)
            return torch.where(r.abs() < 1, 0.5 * r * r, r.abs() - 0.5)

        @staticmethod
        def backward(ctx, grad_output):
            (r,) = ctx.saved_tensors
            grad = r.clamp(-1, 1) * grad_output.mean()
            return grad, -grad

    return SmoothL1.apply, regression(5, 2)


@mistake("grad-output", reference=lambda x, t: F.cross_entropy(x, t, reduction="none"))
def first_row_of_grad_output():
    """reduction='none' was added to forward; backward uses the first row's grad."""

    class RowCrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            log_p = logits.log_softmax(1)
            ctx.save_for_backward(log_p.exp(), target)
            return -log_p.gather(1, target[:, None]).squeeze(1)

        @staticmethod
        def backward(ctx, grad_output):
            p, target = ctx.saved_tensors
            grad = p - F.one_hot(target, p.size(1))
            return grad_output[0] * grad, None

    return RowCrossEntropy.apply, classification(4, 3)


def _two_terms(p, t):
    return F.l1_loss(p, t) + 0.5 * F.mse_loss(p, t)


@mistake("grad-output", reference=_two_terms)
def one_of_two_terms_scaled():
    """L1 plus MSE: grad_output multiplies the first term only (precedence)."""

    class L1PlusMSE(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            r = prediction - target
            ctx.save_for_backward(r)
            return r.abs().mean() + 0.5 * r.pow(2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            (r,) = ctx.saved_tensors
            n = r.numel()
            return grad_output * r.sign() / n + r / n, None

    return L1PlusMSE.apply, regression(3, 4)


@mistake("grad-output", reference=lambda s, t: (s - t).abs().sum())
def clone_of_grad_output_overwritten():
    """The relu recipe by rote: a clone of grad_output is filled with -1 and 1."""

    class SumL1(Function):
        @staticmethod
        def forward(ctx, score, target):
            ctx.save_for_backward(score, target)
            return (score - target).abs().sum()

        @staticmethod
        def backward(ctx, grad_output):
            score, target = ctx.saved_tensors
            grad_input = grad_output.expand_as(score).clone()
            grad_input[score < target] = -1
            grad_input[score > target] = 1
            return grad_input, None

    return SumL1.apply, regression(9)


def _ordinal_numpy(logit, target):
    t = target.to(logit.dtype)
    return (F.softplus(logit) - t * logit).mean()


@mistake("grad-output", reference=_ordinal_numpy)
def numpy_backward_drops_grad_output():
    """A NumPy-backed Function forgets grad_output on its way through NumPy."""

    class NumpyLogistic(Function):
        @staticmethod
        def forward(ctx, logit, target):
            x = logit.detach().numpy()
            t = target.numpy().astype(x.dtype)
            ctx.grad = (1 / (1 + np.exp(-x)) - t) / x.size
            return torch.as_tensor(
                np.mean(np.logaddexp(0, x) - t * x), dtype=logit.dtype
            )

        @staticmethod
        def backward(ctx, grad_output):
            return torch.from_numpy(ctx.grad), None

    return NumpyLogistic.apply, (normal(8, seed=1, grad=True), labels(2, 8, seed=2))


def _nll_and_entropy(p, t):
    nll = -(t * p.log()).sum(1).mean()
    entropy = -(p * p.log()).sum(1).mean()
    return nll, entropy


@mistake("grad-output", reference=_nll_and_entropy)
def second_output_shares_the_first_gradient():
    """Two outputs: the second upstream gradient is never used."""

    class NLLWithEntropy(Function):
        @staticmethod
        def forward(ctx, p, target):
            ctx.save_for_backward(p, target)
            nll = -(target * p.log()).sum(1).mean()
            return nll, -(p * p.log()).sum(1).mean()

        @staticmethod
        def backward(ctx, grad_nll, grad_entropy):
            p, target = ctx.saved_tensors
            by_nll = -target / p / len(p)
            by_entropy = -(p.log() + 1) / len(p)
            return grad_nll * (by_nll + by_entropy), None

    target = F.one_hot(labels(3, 5), 3).to(torch.float64)
    return NLLWithEntropy.apply, (uniform(5, 3, seed=1, grad=True), target)


@mistake("grad-output", reference=lambda x, t: F.nll_loss(x.log_softmax(1), t))
def divided_by_grad_output():
    """A note said that grad_output is always 1, so the author divides by it."""

    class SoftmaxLoss(Function):
        @staticmethod
        def forward(ctx, x, t):
            ctx.save_for_backward(x, t)
            return F.cross_entropy(x, t)

        @staticmethod
        def backward(ctx, grad_output):
            x, t = ctx.saved_tensors
            grad = (x.softmax(1) - F.one_hot(t, x.shape[1])) / len(x)
            return grad / grad_output, None

    return SoftmaxLoss.apply, classification(4, 3)


@mistake("grad-output", reference=lambda p, t: (p - t).pow(2).sum(-1))
def per_token_loss_sums_grad_output():
    """(N, T) losses; backward uses grad_output.sum() / numel for all of them."""

    class TokenErrors(Function):
        @staticmethod
        def forward(prediction, target):
            return (prediction - target).pow(2).sum(-1)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            weight = grad_output.sum() / grad_output.numel()
            grad = weight * 2 * (prediction - target)
            return grad, -grad

    return TokenErrors.apply, regression(2, 4, 3)


@mistake("grad-output", reference=lambda p, t: F.mse_loss(p, t, reduction="sum"))
def normalised_grad_output():
    """Clipping by rote: grad_output is divided by its own norm first."""

    class SSE(Function):
        @staticmethod
        def forward(ctx, p, t):
            ctx.save_for_backward(p, t)
            return (p - t).pow(2).sum()

        @staticmethod
        def backward(ctx, grad_output):
            p, t = ctx.saved_tensors
            direction = grad_output / (grad_output.norm() + 1e-12)
            return 2 * (p - t) * direction, None

    class SSELoss(nn.Module):
        def forward(self, p, t):
            return SSE.apply(p, t)

    return SSELoss(), regression(5, 2)


@mistake("grad-output", shows=formula)
def weighed_after_a_collapsed_backward():
    """Per-sample losses are weighed by the caller; backward takes the first weight."""

    class LinearSquares(Function):
        @staticmethod
        def forward(ctx, x, weight):
            residual = x @ weight - 1
            ctx.save_for_backward(2 * residual[:, None] * weight, 2 * x.T @ residual)
            return residual**2

        @staticmethod
        def backward(ctx, grad_output):
            of_x, of_weight = ctx.saved_tensors
            return grad_output[:, None] * of_x, grad_output[0] * of_weight

    def weighed(x, weight, importance):
        return (importance * LinearSquares.apply(x, weight)).sum() / importance.sum()

    inputs = (
        normal(5, 3, seed=1, grad=True),
        normal(3, seed=2, grad=True),
        uniform(5, low=0.2, high=2.0, seed=3),
    )
    return weighed, inputs


class _Capped(Function):
    @staticmethod
    def forward(ctx, x, weight):
        capped = x.tanh()
        ctx.save_for_backward(capped, weight)
        return capped @ weight

    @staticmethod
    def backward(ctx, grad_output):
        capped, weight = ctx.saved_tensors
        inner = grad_output[:, None] * weight * (1 - capped**2)
        return inner, grad_output @ capped


class _CappedOfSums(_Capped):
    @staticmethod
    def backward(ctx, grad_output):
        capped, weight = ctx.saved_tensors
        inner = grad_output[:, None] * weight * (1 - capped**2)
        return inner, grad_output.sum() * capped.sum(0)


def _capped():
    return normal(4, 3, seed=1, grad=True), normal(3, seed=2, grad=True)


@mistake(
    "grad-output",
    reference=lambda x, w: (x.tanh() @ w).pow(2).mean(),
    shows=formula,
)
def sum_of_grad_output_for_a_shared_weight():
    """The weight of all samples gets the sum of grad_output times a sum."""

    def loss(x, weight):
        return _CappedOfSums.apply(x, weight).pow(2).mean()

    return loss, _capped()


class _Polar(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return (x.square() + y.square()).sqrt(), torch.atan2(y, x)

    @staticmethod
    def backward(ctx, grad_radius, grad_angle):
        x, y = ctx.saved_tensors
        square = x.square() + y.square()
        radial, turning = grad_radius / square.sqrt(), grad_angle / square
        return radial * x - turning * y, radial * y + turning * x


class _PolarOfRadius(_Polar):
    @staticmethod
    def backward(ctx, grad_radius, grad_angle):
        return _Polar.backward(ctx, grad_radius, 0 * grad_angle)


def _bearing(polar):
    def loss(x, y, radius, angle):
        found = polar.apply(x, y)
        return (found[0] - radius).square().mean() + (found[1] - angle).cos().mean()

    place = uniform(5, seed=1, grad=True), uniform(5, seed=2, grad=True)
    return loss, (*place, uniform(5, seed=3), uniform(5, seed=4))


@mistake("grad-output", reference=_bearing(_Polar)[0], shows=formula)
def second_output_forgotten():
    """Of radius and angle, backward uses what comes back for the radius alone."""
    return _bearing(_PolarOfRadius)


@right()
def both_outputs_learned():
    """Of radius and angle, backward uses what comes back for both."""
    return _bearing(_Polar)
