"""What backward or a later call needs lies on a class, a module or a global."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .inputs import classification, labels, normal, regression


@mistake("shared-state", reference=lambda p, t: ((p - t) ** 2).sum())
def residual_stored_on_the_class():
    """A second call before backward overwrites the first one's residual."""

    class SSE(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            SSE.diff = prediction - target
            return (SSE.diff**2).sum()

        @staticmethod
        def backward(ctx, grad_output):
            return 2 * SSE.diff * grad_output, None

    return SSE.apply, regression(6, 2)


@right(reference=lambda p, t: ((p - t) ** 2).sum())
def residual_saved_for_backward():
    """The same through ctx."""

    class SSE(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return ((prediction - target) ** 2).sum()

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            return 2 * (prediction - target) * grad_output, None

    return SSE.apply, regression(6, 2)


@mistake("shared-state", reference=F.cross_entropy)
def module_remembers_its_last_target():
    """A Function reads the labels from the module that calls it."""

    class FusedLoss(nn.Module):
        def forward(self, logits, target):
            self.target = target
            outer = self

            class SoftmaxLoss(Function):
                @staticmethod
                def forward(ctx, x):
                    ctx.save_for_backward(x)
                    return F.cross_entropy(x, outer.target)

                @staticmethod
                def backward(ctx, grad_output):
                    (x,) = ctx.saved_tensors
                    grad = x.softmax(1) - F.one_hot(outer.target, x.size(1))
                    return grad_output * grad / x.size(0)

            return SoftmaxLoss.apply(logits)

    return FusedLoss(), classification(5, 3)


@mistake("shared-state", reference=F.smooth_l1_loss)
def globals_between_forward_and_backward():
    """A module-level dictionary carries the residual to backward."""
    cache = {}

    class SmoothL1(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            cache["r"] = prediction - target
            r = cache["r"].abs()
            return torch.where(r < 1, 0.5 * r**2, r - 0.5).mean()

        @staticmethod
        def backward(ctx, grad_output):
            r = cache["r"]
            return grad_output * r.clamp(-1, 1) / r.numel(), None

    return SmoothL1.apply, regression(3, 5, dtype=torch.float32)


def _balanced(logits, target):
    counts = torch.bincount(target, minlength=logits.shape[1]).clamp(min=1)
    return F.cross_entropy(logits, target, weight=(1 / counts).to(logits.dtype))


@mistake("shared-state", reference=_balanced)
def class_weights_of_the_first_batch():
    """Class weights are computed once, from whatever came first."""

    class BalancedCrossEntropy(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = None

        def forward(self, logits, target):
            if self.weight is None:
                counts = torch.bincount(target, minlength=logits.shape[1])
                self.weight = (1.0 / counts.clamp(min=1)).to(logits.dtype)
            return F.cross_entropy(logits, target, weight=self.weight)

    return BalancedCrossEntropy(), classification(9, 3)


@right(reference=_balanced)
def class_weights_of_every_batch():
    """The same, from the batch at hand."""

    class BalancedCrossEntropy(nn.Module):
        def forward(self, logits, target):
            counts = torch.bincount(target, minlength=logits.shape[1])
            weight = (1.0 / counts.clamp(min=1)).to(logits.dtype)
            return F.cross_entropy(logits, target, weight=weight)

    return BalancedCrossEntropy(), classification(9, 3)


def _supcon(features, target):
    z = F.normalize(features, dim=1)
    sim = z @ z.T / 0.5
    eye = torch.eye(len(z), dtype=torch.bool)
    log_p = sim - sim.masked_fill(eye, -torch.inf).logsumexp(1, keepdim=True)
    positive = (target[:, None] == target[None]) & ~eye
    return -(log_p * positive).sum(1).div(positive.sum(1).clamp(min=1)).mean()


@mistake("shared-state", reference=_supcon)
def positives_cached_by_batch_size():
    """The mask of positive pairs is cached by batch size, but depends on the labels."""

    class SupConLoss(nn.Module):
        def __init__(self, temperature=0.5):
            super().__init__()
            self.temperature = temperature
            self.masks = {}

        def forward(self, features, target):
            n = features.shape[0]
            if n not in self.masks:
                eye = torch.eye(n, dtype=torch.bool)
                same = target.unsqueeze(0) == target.unsqueeze(1)
                self.masks[n] = (same & ~eye, eye)
            positive, eye = self.masks[n]
            z = F.normalize(features, dim=1)
            sim = z @ z.T / self.temperature
            log_p = sim - sim.masked_fill(eye, -torch.inf).logsumexp(1, keepdim=True)
            loss = -(log_p * positive).sum(1) / positive.sum(1).clamp(min=1)
            return loss.mean()

    return SupConLoss(), (normal(6, 4, seed=1, grad=True), labels(2, 6, seed=2))


def _smoothed(logits, target, eps=0.1):
    return F.cross_entropy(logits, target, label_smoothing=eps)


@mistake("shared-state", reference=_smoothed)
def one_hot_buffer_never_cleared():
    """The one-hot buffer of the module keeps the ones of the calls before."""

    class LabelSmoothing(nn.Module):
        def __init__(self, rows, classes, smoothing=0.1):
            super().__init__()
            self.smoothing = smoothing
            self.register_buffer("one_hot", torch.zeros(rows, classes).double())

        def forward(self, logits, target):
            one_hot = self.one_hot[: len(target)]
            one_hot.scatter_(1, target.unsqueeze(1), 1.0)
            smooth = self.smoothing / logits.size(1)
            q = one_hot * (1 - self.smoothing) + smooth
            return -(q * logits.log_softmax(1)).sum(1).mean()

    return LabelSmoothing(8, 4), classification(6, 4)


@mistake("shared-state", reference=lambda p, t: F.softplus(-t * p).mean())
def margin_kept_on_the_module():
    """The Function is handed self and reads self.margin in backward."""

    class Logistic(Function):
        @staticmethod
        def forward(ctx, score, sign, owner):
            owner.margin = sign * score
            ctx.owner = owner
            ctx.save_for_backward(sign)
            return F.softplus(-owner.margin).mean()

        @staticmethod
        def backward(ctx, grad_output):
            (sign,) = ctx.saved_tensors
            slope = -sign * torch.sigmoid(-ctx.owner.margin)
            return grad_output * slope / sign.numel(), None, None

    class LogisticLoss(nn.Module):
        def forward(self, score, sign):
            return Logistic.apply(score, sign, self)

    sign = torch.tensor([1, -1, 1, 1, -1, -1], dtype=torch.float64)
    return LogisticLoss(), (normal(6, seed=1, grad=True), sign)


@mistake("shared-state", reference=lambda p, t: ((p - t) / t.std()).pow(2).mean())
def scale_of_the_first_targets():
    """A lazily initialised normaliser: the first batch decides for all."""
    memory = {}

    def normalised_mse(prediction, target):
        scale = memory.setdefault("scale", target.std().item())
        return (((prediction - target) / scale) ** 2).mean()

    return normalised_mse, regression(6, 2)


def _second_step_raises(case):
    loss, inputs = case.fresh()
    loss(*inputs).backward()
    try:
        loss(*inputs).backward()
    except RuntimeError as error:
        assert "a second time" in str(error)
    else:
        raise AssertionError("a second step does not raise")


@mistake("shared-state", shows=_second_step_raises)
def running_average_with_its_graph():
    """Errors are weighted by a running average that nobody detached."""

    class Reweighted(nn.Module):
        def __init__(self):
            super().__init__()
            self.average = torch.zeros(2, dtype=torch.float64)

        def forward(self, prediction, target):
            error = (prediction - target).square()
            self.average = 0.9 * self.average + 0.1 * error.mean(0)
            return (error * self.average).mean()

    return Reweighted(), regression(5, 2)


@mistake("shared-state")
def scale_of_the_first_batch():
    """The scale of whatever batch comes first stays on the class, for all."""

    class Scaled(nn.Module):
        scale = None

        def forward(self, prediction, target):
            if Scaled.scale is None:
                Scaled.scale = target.abs().mean()
            return ((prediction - target).abs() / Scaled.scale).mean()

    return Scaled(), regression(4, 3)


@right()
def table_on_the_class():
    """What does not depend on the batch may stay on the class."""

    class Pinball(nn.Module):
        levels = None

        def forward(self, quantiles, target):
            if Pinball.levels is None:
                Pinball.levels = torch.linspace(0.1, 0.9, 3, dtype=torch.float64)
            error = target[:, None] - quantiles
            levels = Pinball.levels
            return torch.maximum(levels * error, (levels - 1) * error).mean()

    return Pinball(), (normal(4, 3, seed=1, grad=True), normal(4, seed=2))


def _fails_on_fewer(case):
    loss, (first, second) = case.fresh()
    loss(first, second)
    try:
        loss(first[:-1], second[:-1])
    except RuntimeError:
        return
    raise AssertionError("fewer samples fit")


@mistake("shared-state", shows=_fails_on_fewer)
def mask_of_the_first_size():
    """The mask of pairs is made in the first call, in the size of that batch."""

    class Spread(nn.Module):
        def __init__(self):
            super().__init__()
            self.off = None

        def forward(self, prediction, target):
            if self.off is None:
                self.off = ~torch.eye(len(prediction), dtype=torch.bool)
            error = (prediction - target).square().mean()
            near = (-torch.cdist(prediction, prediction).square()).exp()
            return error + (near * self.off).mean()

    return Spread(), regression(4, 3)


_SCALES: dict[str, torch.Tensor] = {}


def _standardised(prediction, target):
    return ((prediction - target) / target.std().clamp(min=0.1)).pow(2).mean()


@mistake("shared-state", reference=_standardised)
def scale_kept_in_a_global():
    """The spread of the first batch is kept in a dictionary, for all others."""
    _SCALES.clear()

    def loss(prediction, target):
        if "target" not in _SCALES:
            _SCALES["target"] = target.std().clamp(min=0.1)
        return ((prediction - target) / _SCALES["target"]).pow(2).mean()

    return loss, regression(6)


class _Loudness(nn.Module):
    def __init__(self, remembers):
        super().__init__()
        self.remembers = remembers
        self.peak = 1e-3

    def forward(self, prediction, target):
        peak = max(1e-3, target.abs().max().item())
        if self.remembers:
            self.peak = peak = max(peak, self.peak)
        return ((prediction - target) / peak).square().mean()


def _remembers(case):
    loss, (prediction, target) = case.fresh()
    first = loss(prediction, target)
    loss(10 * prediction, 10 * target)
    assert not torch.isclose(first, loss(prediction, target))


@mistake("shared-state", reference=_Loudness(False), shows=_remembers)
def largest_ever_met():
    """Waveforms are divided by the loudest peak of all calls so far."""
    return _Loudness(True), regression(4, 6)


@right()
def largest_of_this_call():
    """Waveforms are divided by their own loudest peak."""
    return _Loudness(False), regression(4, 6)
