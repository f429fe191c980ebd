"""The loss assumes a memory layout."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .evidence import transposed_grad_output_fails
from .inputs import binary, labels, normal, regression, uniform


@mistake(
    "noncontiguous",
    reference=lambda p, t: (p - t).pow(2),
    shows=transposed_grad_output_fails,
)
def grad_output_viewed():
    """A loss per element whose backward calls grad_output.view(-1)."""

    class SquaredErrors(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return (prediction - target) ** 2

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            r = (prediction - target).reshape(-1)
            return (2 * r * grad_output.view(-1)).view(prediction.shape), None

    return SquaredErrors.apply, regression(4, 3)


@right(reference=lambda p, t: (p - t).pow(2))
def grad_output_reshaped():
    """The same with reshape."""

    class SquaredErrors(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return (prediction - target) ** 2

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            r = (prediction - target).reshape(-1)
            grad = (2 * r * grad_output.reshape(-1)).reshape(prediction.shape)
            return grad, -grad

    return SquaredErrors.apply, regression(4, 3)


def _transposed(*shape):
    def inputs():
        prediction, target = regression(*shape[::-1])
        return prediction.detach().T.requires_grad_(), target.T

    return inputs


@mistake("noncontiguous", reference=F.l1_loss, at=_transposed(4, 6))
def prediction_viewed():
    """view(-1) of a prediction that may be a transpose."""

    class L1(nn.Module):
        def forward(self, prediction, target):
            return (prediction.view(-1) - target.view(-1)).abs().mean()

    return L1(), regression(4, 6)


def _dice(logits, target):
    p, t = logits.sigmoid().flatten(1), target.flatten(1)
    return (1 - (2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)).mean()


def _permuted_images():
    logits = normal(2, 4, 4, 1, seed=1).permute(0, 3, 1, 2).requires_grad_()
    return logits, binary(2, 4, 4, 2)[..., :1].permute(0, 3, 2, 1)


@mistake("noncontiguous", reference=_dice, at=_permuted_images)
def dice_by_view():
    """Dice flattens images by view: channels-last tensors and slices fail."""

    def dice(logits, target):
        p = torch.sigmoid(logits).view(logits.size(0), -1)
        t = target.view(target.size(0), -1)
        inter = (p * t).sum(1)
        return (1 - (2 * inter + 1) / (p.sum(1) + t.sum(1) + 1)).mean()

    inputs = normal(2, 1, 4, 4, seed=1, grad=True), binary(2, 1, 4, 4, seed=2)
    return dice, inputs


def _windows(x, target):
    return (x[:, :-1] * x[:, 1:]).sum(1).sub(target).pow(2).mean()


def _transposed_signal():
    x = normal(6, 3, seed=1).T.requires_grad_()
    return x, normal(3, seed=2)


@mistake("noncontiguous", reference=_windows, at=_transposed_signal)
def windows_by_as_strided():
    """as_strided with the strides of a contiguous tensor: silently other numbers."""

    def autocorrelation(x, target):
        n, t = x.shape
        pairs = torch.as_strided(x, (n, t - 1, 2), (t, 1, 1))
        return ((pairs[..., 0] * pairs[..., 1]).sum(1) - target).pow(2).mean()

    return autocorrelation, (normal(3, 6, seed=1, grad=True), normal(3, seed=2))


@mistake(
    "noncontiguous", reference=lambda p, t: (p - t).abs().sum(), at=_transposed(3, 5)
)
def numpy_gradient_in_memory_order():
    """The gradient's buffer is filled in memory order, then given another shape."""

    class SumL1(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            p, t = prediction.detach().numpy(), target.numpy()
            ctx.sign = np.sign(p - t).ravel(order="K")
            ctx.shape = p.shape
            return prediction.new_tensor(np.abs(p - t).sum())

        @staticmethod
        def backward(ctx, grad_output):
            grad = torch.from_numpy(ctx.sign.reshape(ctx.shape))
            return grad_output * grad, None

    return SumL1.apply, regression(3, 5)


@right(reference=lambda p, t: (p - t).abs().sum())
def numpy_gradient_in_logical_order():
    """The same in the order of the indices."""

    class SumL1(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            p, t = prediction.detach().numpy(), target.numpy()
            ctx.sign = np.sign(p - t)
            return prediction.new_tensor(np.abs(p - t).sum())

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * torch.from_numpy(ctx.sign), None

    return SumL1.apply, regression(3, 5)


@mistake(
    "noncontiguous",
    reference=lambda x, t: F.cross_entropy(x, t, reduction="none"),
    shows=transposed_grad_output_fails,
)
def pixel_loss_views_grad_output():
    """Segmentation with reduction='none': grad_output.view(N, 1, H * W)."""

    class PixelCrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            ctx.save_for_backward(logits, target)
            return F.cross_entropy(logits, target, reduction="none")

        @staticmethod
        def backward(ctx, grad_output):
            logits, target = ctx.saved_tensors
            n, c, h, w = logits.shape
            p = logits.softmax(1)
            onehot = F.one_hot(target, c).permute(0, 3, 1, 2)
            grad = (p - onehot).reshape(n, c, h * w)
            grad = grad * grad_output.view(n, 1, h * w)
            return grad.reshape(logits.shape), None

    inputs = normal(2, 3, 4, 3, seed=1, grad=True), labels(3, 2, 4, 3, seed=2)
    return PixelCrossEntropy.apply, inputs


@mistake("noncontiguous", reference=lambda p, t: F.binary_cross_entropy(p, t))
def view_after_permute():
    """The loss permutes to channels last itself and then calls view."""

    class ChannelsLastBCE(nn.Module):
        def forward(self, probability, target):
            p = probability.permute(0, 2, 3, 1)
            t = target.permute(0, 2, 3, 1)
            p, t = p.view(-1, p.size(-1)), t.view(-1, t.size(-1))
            return F.binary_cross_entropy(p, t)

    def loss(probability, target):
        return ChannelsLastBCE()(probability, target)

    inputs = uniform(2, 3, 4, 4, seed=1), binary(2, 3, 4, 4, seed=2)
    channels_last = [x.contiguous(memory_format=torch.channels_last) for x in inputs]
    return loss, (channels_last[0].requires_grad_(), channels_last[1])


@mistake(
    "noncontiguous", reference=lambda p, t: (p - t).pow(2).mean(), at=_transposed(3, 5)
)
def storage_read_as_a_buffer():
    """The prediction's storage is read in a row, whatever its strides."""

    def mse(prediction, target):
        flat = torch.as_strided(prediction, (prediction.numel(),), (1,))
        return (flat - target.reshape(-1)).pow(2).mean()

    return mse, regression(3, 5)


@mistake(
    "noncontiguous",
    reference=lambda p, t: (p - t).abs().sum(1),
    shows=transposed_grad_output_fails,
)
def grad_output_viewed_per_group():
    """A loss for each of 2 x 3 groups, whose backward views grad_output flat."""

    class GroupL1(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            ctx.save_for_backward(prediction, target)
            return (prediction - target).abs().sum(1)

        @staticmethod
        def backward(ctx, grad_output):
            prediction, target = ctx.saved_tensors
            sign = torch.sign(prediction - target).transpose(1, 2).reshape(-1, 4)
            grad = sign * grad_output.view(-1, 1)
            grad = grad.reshape(2, 3, 4).transpose(1, 2)
            return grad, -grad

    return GroupL1.apply, regression(2, 4, 3)


class TopError(Function):
    """The largest error of each row."""

    @staticmethod
    def forward(ctx, prediction, target):
        apart = prediction - target
        top = apart.square().argmax(1)
        ctx.save_for_backward(apart, top)
        return apart.square().amax(1).mean()

    @staticmethod
    def backward(ctx, grad_output):
        apart, top = ctx.saved_tensors
        gradient = torch.zeros_like(apart)
        rows = torch.arange(len(top)) * apart.shape[1]
        picked = apart.reshape(-1)[rows + top]
        gradient.view(-1)[rows + top] = 2 * picked / len(top) * grad_output
        return gradient, None


def _top_error(prediction, target):
    return (prediction - target).square().amax(1).mean()


def raises_for_the_layout_given(case):
    loss, (prediction, target) = case.fresh()
    with pytest.raises(RuntimeError, match="view size"):
        loss(prediction, target).backward()
    prediction = prediction.detach().contiguous().requires_grad_()
    loss(prediction, target.contiguous()).backward()


@mistake("noncontiguous", reference=_top_error, shows=raises_for_the_layout_given)
def zeros_like_what_is_transposed():
    """zeros_like keeps the strides of a transposed prediction: view(-1) raises."""
    prediction = normal(3, 4, seed=1).T.requires_grad_()
    return TopError.apply, (prediction, normal(3, 4, seed=2).T)
