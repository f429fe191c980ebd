"""Right Functions: hand-written backwards of every style."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import fft, special
from torch import nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from . import right
from .inputs import binary, classification, labels, normal, regression, uniform


@right(reference=F.mse_loss)
def old_style():
    """forward(ctx, ...), gradients for both inputs."""

    class MSE(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return F.mse_loss(prediction, target)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            grad = grad_output * 2 * (prediction - target) / target.numel()
            return grad, -grad

    return MSE.apply, regression(5, 3)


@right(reference=F.mse_loss)
def new_style_with_needs_input_grad():
    """setup_context, and gradients only where they are asked for."""

    class MSE(Function):
        @staticmethod
        def forward(prediction, target):
            return F.mse_loss(prediction, target)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            grad_prediction = grad_target = None
            grad = grad_output * 2 * (prediction - target) / target.numel()
            if ctx.needs_input_grad[0]:
                grad_prediction = grad
            if ctx.needs_input_grad[1]:
                grad_target = -grad
            return grad_prediction, grad_target

    return MSE.apply, regression(5, 3)


@right(reference=F.smooth_l1_loss)
def hyperparameters_on_ctx():
    """Numbers on ctx are no leak."""

    class SmoothL1(Function):
        @staticmethod
        def forward(ctx, prediction, target, beta, reduction):
            ctx.beta, ctx.reduction = beta, reduction
            ctx.save_for_backward(prediction, target)
            return F.smooth_l1_loss(prediction, target, beta=beta, reduction=reduction)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            slope = ((prediction - target) / ctx.beta).clamp(-1, 1)
            if ctx.reduction == "mean":
                slope = slope / slope.numel()
            return grad_output * slope, -grad_output * slope, None, None

    class SmoothL1Loss(nn.Module):
        def __init__(self, beta=1.0, reduction="mean"):
            super().__init__()
            self.beta, self.reduction = beta, reduction

        def forward(self, prediction, target):
            return SmoothL1.apply(prediction, target, self.beta, self.reduction)

    return SmoothL1Loss(), regression(6, 2)


@right(reference=lambda p, t: F.l1_loss(p, t, reduction="none"))
def per_element():
    """A loss per element: grad_output has the prediction's shape."""

    class AbsoluteErrors(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return (prediction - target).abs()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            grad = grad_output * torch.sign(prediction - target)
            return grad, -grad

    return AbsoluteErrors.apply, regression(4, 3)


@right(
    reference=lambda x, t: F.cross_entropy(x, t, reduction="none"),
)
def per_row():
    """A loss per row: grad_output gets a column."""

    class RowCrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return F.cross_entropy(logits, target, reduction="none")

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            grad = logits.softmax(1) - F.one_hot(target, logits.shape[1])
            return grad_output.unsqueeze(1) * grad, None

    return RowCrossEntropy.apply, classification(5, 4)


@right(reference=lambda p, t: ((p - t).pow(2).mean(), (p - t).abs().mean()))
def two_outputs():
    """Two outputs, two upstream gradients."""

    class Errors(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            r = prediction - target
            return r.pow(2).mean(), r.abs().mean()

        @staticmethod
        def backward(ctx, grad_squared, grad_absolute):
            prediction, target = ctx.saved_tensors
            r = prediction - target
            grad = 2 * grad_squared * r + grad_absolute * torch.sign(r)
            return grad / r.numel(), -grad / r.numel()

    return Errors.apply, regression(3, 4)


@right(reference=lambda x, t: F.cross_entropy(x, t))
def probabilities_beside_the_loss():
    """A second output without a gradient; upstream gradients are not materialised."""

    class SoftmaxLoss(Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.set_materialize_grads(False)
            p = logits.softmax(1)
            ctx.mark_non_differentiable(p)
            ctx.save_for_backward(logits, target)
            return F.cross_entropy(logits, target), p

        @staticmethod
        def backward(ctx, grad_output, _):
            if grad_output is None:
                return None, None
            logits, target = ctx.saved_tensors
            grad = logits.softmax(1) - F.one_hot(target, logits.shape[1])
            return grad_output * grad / len(grad), None

    return lambda x, t: SoftmaxLoss.apply(x, t)[0], classification(6, 3)


@right(reference=lambda x, y: (F.softplus(x) - y * x).mean())
def numpy_backed():
    """forward and backward in NumPy, any dtype."""

    class Logistic(Function):
        @staticmethod
        def forward(ctx, logit, target):
            ctx.save_for_backward(logit, target)
            x, y = logit.detach().numpy(), target.detach().numpy()
            return logit.new_tensor(np.mean(np.logaddexp(0, x) - y * x))

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            logit, target = ctx.saved_tensors
            x, y = logit.numpy(), target.numpy()
            grad = (special.expit(x) - y) / x.size
            return grad_output * torch.from_numpy(np.asarray(grad, x.dtype)), None

    return Logistic.apply, (normal(9, seed=1, grad=True), binary(9, seed=2))


@right(
    reference=lambda p, t: (torch.fft.fft(p - t).abs() ** 2).mean(),
    proof="reference",
)
def numpy_backed_in_single_precision():
    """SciPy in float32 whatever comes: checked at float32's tolerance."""

    class SpectralError(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            r = (prediction - target).detach().numpy().astype(np.float32)
            spectrum = fft.fft(r, axis=-1)
            ctx.save_for_backward(prediction, target)
            value = np.mean(np.abs(spectrum) ** 2, dtype=np.float32)
            return torch.tensor(value.item(), dtype=prediction.dtype)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            # Parseval: the mean over frequencies is the sum over samples.
            r = prediction - target
            grad = 2 * r / r[..., 0].numel()
            return grad_output * grad, -grad_output * grad

    return SpectralError.apply, regression(2, 8, dtype=torch.float32)


@right(reference=lambda p, t: F.mse_loss(p, t), proof="reference")
def single_precision_only():
    """A Function that refuses everything but float32, like a compiled extension."""

    class CompiledMSE(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            if prediction.dtype != torch.float32:
                raise TypeError(f"expected float32, got {prediction.dtype}")
            ctx.save_for_backward(prediction, target)
            return (prediction - target).square().mean()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            grad = grad_output * 2 * (prediction - target) / target.numel()
            return grad, -grad

    return CompiledMSE.apply, regression(4, 5, dtype=torch.float32)


@right(reference=lambda x: torch.special.i0e(x).log().neg().mean())
def scipy_special():
    """A special function that SciPy has: the von Mises normaliser."""

    class LogBessel(Function):
        @staticmethod
        def forward(ctx, kappa):
            ctx.save_for_backward(kappa)
            value = -np.log(special.ive(0, kappa.detach().numpy())).mean()
            return torch.as_tensor(value, dtype=kappa.dtype)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (kappa,) = ctx.saved_tensors
            k = kappa.numpy()
            ratio = special.ive(1, k) / special.ive(0, k)
            grad = (1 - ratio) / k.size
            return grad_output * torch.from_numpy(np.asarray(grad, k.dtype))

    return LogBessel.apply, (uniform(6, low=0.5, high=5.0, seed=1, grad=True),)


@right(reference=lambda p: p.pow(3).sum())
def forward_mode_too():
    """A jvp beside the backward."""

    class CubeSum(Function):
        @staticmethod
        def forward(x):
            return (x**3).sum()

        @staticmethod
        def setup_context(ctx, inputs, output):
            (x,) = inputs
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return grad_output * 3 * x**2

        @staticmethod
        def jvp(ctx, tangent):
            (x,) = ctx.saved_tensors
            return (3 * x**2 * tangent).sum()

    return CubeSum.apply, (normal(5, seed=1, grad=True),)


@right(reference=F.cross_entropy)
def recomputed_under_checkpoint():
    """The loss recomputes its own forward to save memory."""

    def loss(logits, target):
        def body(x):
            return F.cross_entropy(x, target)

        return checkpoint(body, logits, use_reentrant=False)

    return loss, classification(6, 4)


@right(reference=F.cross_entropy)
def chunked_with_gradient_in_forward():
    """Rows in chunks; the gradient is accumulated in forward, scaled in backward."""

    class ChunkedCrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target, chunk):
            grad = torch.empty_like(logits)
            total = logits.new_zeros(())
            for start in range(0, len(logits), chunk):
                rows = slice(start, start + chunk)
                log_p = logits[rows].log_softmax(1)
                total += F.nll_loss(log_p, target[rows], reduction="sum")
                onehot = F.one_hot(target[rows], logits.shape[1])
                grad[rows] = log_p.exp() - onehot
            ctx.save_for_backward(grad / len(logits))
            return total / len(logits)

        @staticmethod
        @once_differentiable
        def backward(ctx, grad_output):
            (grad,) = ctx.saved_tensors
            return grad * grad_output, None, None

    return lambda x, t: ChunkedCrossEntropy.apply(x, t, 2), classification(5, 4)


@right(reference=lambda p, t: (p - t).abs().pow(1.5).mean())
def intermediate_as_an_output():
    """An intermediate is a hidden output, so that double backward sees it."""

    class Power(Function):
        @staticmethod
        def forward(prediction, target):
            r = prediction - target
            return r.abs().pow(1.5).mean(), r

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(output[1])

        @staticmethod
        def backward(ctx, grad_loss, grad_r):
            (r,) = ctx.saved_tensors
            grad = grad_loss * 1.5 * r.sign() * r.abs().sqrt() / r.numel() + grad_r
            return grad, -grad

    return lambda p, t: Power.apply(p, t)[0], regression(4, 3)


@right(reference=lambda a, b, c: a.pow(2).mean() + (b * c).mean())
def variadic():
    """forward(*tensors), one gradient each."""

    class Combined(Function):
        @staticmethod
        def forward(ctx, *terms):
            ctx.save_for_backward(*terms)
            a, b, c = terms
            return a.pow(2).mean() + (b * c).mean()

        @staticmethod
        def backward(ctx, grad_output):
            a, b, c = ctx.saved_tensors
            grads = 2 * a / a.numel(), c / b.numel(), b / c.numel()
            return tuple(grad_output * g for g in grads)

    return Combined.apply, tuple(normal(4, seed=s, grad=True) for s in (1, 2, 3))


@right(reference=lambda p, t: F.relu(1 - t * p).mean())
def function_with_a_kink():
    """Hinge by hand, in 2-D."""

    class Hinge(Function):
        @staticmethod
        def forward(ctx, score, target):
            ctx.save_for_backward(score, target)
            return F.relu(1 - target * score).mean()

        @staticmethod
        def backward(ctx, grad_output):
            score, target = ctx.saved_tensors
            active = (target * score < 1).to(score.dtype) / score.numel()
            return grad_output * -target * active, grad_output * -score * active

    inputs = normal(5, 2, seed=1, grad=True), 2 * binary(5, 2, seed=2) - 1
    return Hinge.apply, inputs


@right(reference=F.mse_loss)
def function_inside_a_module_with_weights():
    """A right Function behind a projection head that learns."""

    class Squares(Function):
        @staticmethod
        def forward(ctx, r):
            ctx.save_for_backward(r)
            return r.pow(2).mean()

        @staticmethod
        def backward(ctx, grad_output):
            (r,) = ctx.saved_tensors
            return grad_output * 2 * r / r.numel()

    class HeadLoss(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(3, dtype=torch.float64))

        def forward(self, prediction, target):
            return Squares.apply(self.gain * prediction - target)

    return HeadLoss(), regression(5, 3)


@right(reference=lambda x, t: F.multi_margin_loss(x, t))
def numpy_labels():
    """Integer labels go through NumPy, the scores do not."""

    def loss(scores, target):
        rows = np.arange(len(target))
        own = scores[rows, target.numpy()][:, None]
        margin = F.relu(1 + scores - own)
        wrong = torch.ones_like(scores).scatter(1, target[:, None], 0.0)
        return torch.where(wrong > 0, margin, 0.0).sum(1).mean() / scores.shape[1]

    return loss, (normal(6, 3, seed=1, grad=True), labels(3, 6, seed=2))


class Synchronise(Function):
    """Clocks by their measured differences; every pair is counted twice."""

    @staticmethod
    def forward(ctx, clocks, offsets, weight):
        apart = clocks[:, None] - clocks - offsets
        ctx.save_for_backward(clocks, offsets, weight)
        return (weight * apart.square()).sum()

    @staticmethod
    def backward(ctx, grad_output):
        clocks, offsets, weight = ctx.saved_tensors
        apart = clocks[:, None] - clocks - offsets
        return grad_output * 4 * (weight * apart).sum(1), None, None


@right()
def backward_of_symmetric_pairs():
    """Its backward relies on what all of its callers give it: symmetric weights."""
    offsets, weight = normal(4, 4, seed=2), uniform(4, 4, seed=3)
    pairs = offsets - offsets.T, weight + weight.T
    return Synchronise.apply, (normal(4, seed=1, grad=True), *pairs)
