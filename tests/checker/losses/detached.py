"""The graph is cut: no gradient reaches the prediction at all."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .inputs import binary, classification, labels, normal, regression, uniform


@mistake("detached", reference=lambda p, t: ((p - t) ** 2).sum(1).mean())
def list_of_losses_into_torch_tensor():
    """torch.tensor([...]) copies the numbers of the losses, not their graph."""

    def loss(prediction, target):
        losses = []
        for p, t in zip(prediction, target, strict=True):
            losses.append(((p - t) ** 2).sum().item())
        return torch.tensor(losses, dtype=prediction.dtype).mean()

    return loss, regression(5, 3)


@right(reference=lambda p, t: ((p - t) ** 2).sum(1).mean())
def list_of_losses_stacked():
    """The same with torch.stack."""

    def loss(prediction, target):
        losses = []
        for p, t in zip(prediction, target, strict=True):
            losses.append(((p - t) ** 2).sum())
        return torch.stack(losses).mean()

    return loss, regression(5, 3)


@mistake("detached", reference=F.cross_entropy)
def requires_grad_pasted_on():
    """The error about grad_fn was silenced by loss.requires_grad = True."""

    class CELoss(nn.Module):
        def forward(self, logits, target):
            log_p = F.log_softmax(logits, dim=1).detach()
            loss = F.nll_loss(log_p, target)
            loss.requires_grad = True
            return loss

    return CELoss(), classification(6, 4, dtype=torch.float32)


def _hungarian(prediction, target):
    cost = torch.cdist(prediction, target, p=1)
    rows, columns = linear_sum_assignment(cost.detach().numpy())
    return (prediction[rows] - target[columns]).abs().sum(1).mean()


@mistake("detached", reference=_hungarian)
def matched_cost_from_numpy():
    """Set prediction: the cost matrix went to NumPy and the loss is read from there."""

    def set_loss(prediction, target):
        cost = torch.cdist(prediction, target, p=1).detach().cpu().numpy()
        rows, columns = linear_sum_assignment(cost)
        return torch.from_numpy(np.asarray(cost[rows, columns].mean()))

    return set_loss, (normal(5, 4, seed=1, grad=True), normal(4, 4, seed=2))


@right(reference=_hungarian)
def matched_cost_from_torch():
    """The same: only the assignment comes from NumPy."""

    def set_loss(prediction, target):
        cost = torch.cdist(prediction, target, p=1)
        rows, columns = linear_sum_assignment(cost.detach().cpu().numpy())
        return cost[torch.as_tensor(rows), torch.as_tensor(columns)].mean()

    return set_loss, (normal(5, 4, seed=1, grad=True), normal(4, 4, seed=2))


@mistake("detached", reference=F.binary_cross_entropy)
def no_grad_left_from_the_metric():
    """The loss was a metric once, decorated with no_grad."""

    @torch.no_grad()
    def bce(probability, target):
        pos = target * torch.log(probability)
        neg = (1 - target) * torch.log(1 - probability)
        return -(pos + neg).mean()

    return bce, (uniform(6, 2, seed=1, grad=True), binary(6, 2, seed=2))


def _soft_dice(p, t):
    return 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)


@mistake("detached", reference=_soft_dice)
def variable_of_data():
    """Legacy: Variable(loss.data, requires_grad=True) is a new leaf."""

    class DiceLoss(nn.Module):
        def __init__(self, smooth=1):
            super().__init__()
            self.smooth = smooth

        def forward(self, probability, target):
            inter = (probability * target).sum()
            total = probability.sum() + target.sum()
            loss = 1 - (2 * inter + self.smooth) / (total + self.smooth)
            return torch.autograd.Variable(loss.data, requires_grad=True)

    return DiceLoss(), (uniform(2, 1, 4, 4, seed=1, grad=True), binary(2, 1, 4, 4))


@mistake(
    "detached", reference=lambda p, t: (p - t).abs().mean() + (p - t).pow(2).mean()
)
def sum_of_items():
    """Two terms are added as Python floats and wrapped for backward."""

    def combined(prediction, target):
        l1 = F.l1_loss(prediction, target).item()
        l2 = F.mse_loss(prediction, target).item()
        return torch.tensor(l1 + l2, dtype=torch.float64, requires_grad=True)

    return combined, regression(4, 4)


@mistake("detached", reference=F.multi_margin_loss)
def output_marked_non_differentiable():
    """A Function marks its only output as non-differentiable."""

    class MultiMargin(Function):
        @staticmethod
        def forward(ctx, scores, target):
            loss = F.multi_margin_loss(scores, target)
            ctx.save_for_backward(scores, target)
            ctx.mark_non_differentiable(loss)
            return loss

        @staticmethod
        def backward(ctx, grad_output):
            scores, target = ctx.saved_tensors
            own = scores.gather(1, target[:, None])
            active = (1 - own + scores > 0).to(scores.dtype)
            active.scatter_(1, target[:, None], 0.0)
            active.scatter_(1, target[:, None], -active.sum(1, keepdim=True))
            return grad_output * active / scores.numel(), None

    return MultiMargin.apply, (normal(5, 3, seed=1, grad=True), labels(3, 5))


@mistake("detached", reference=lambda x, y: F.mse_loss(x.softmax(1), y))
def everything_in_numpy():
    """Softmax by hand in NumPy, because the rest of the project has it there."""

    class BrierScore(nn.Module):
        def forward(self, logits, target):
            x = logits.detach().numpy()
            p = np.exp(x - x.max(1, keepdims=True))
            p = p / p.sum(1, keepdims=True)
            score = np.mean((p - target.numpy()) ** 2)
            return torch.as_tensor(score).requires_grad_(True)

    logits, target = classification(5, 3)
    return BrierScore(), (logits, F.one_hot(target, 3).double())


@mistake("detached", reference=lambda p, t: (p - t).abs().amax(1).mean())
def tolist_and_max():
    """Residuals go through tolist() for Python's max."""

    class ChebyshevLoss(nn.Module):
        def forward(self, prediction, target):
            rows = (prediction - target).abs().tolist()
            worst = [max(row) for row in rows]
            return torch.tensor(sum(worst) / len(worst), requires_grad=True)

    return ChebyshevLoss(), regression(4, 3)


@mistake("detached", reference=lambda a, b: (1 - F.cosine_similarity(a, b)).mean())
def inference_mode_embedding():
    """The similarity helper runs in inference mode."""

    @torch.inference_mode()
    def similarity(a, b):
        return F.cosine_similarity(a, b)

    def loss(a, b):
        return 1 - similarity(a, b).mean()

    return loss, regression(4, 5)


@mistake("detached", reference=lambda x, t: F.cross_entropy(x, t))
def filled_into_a_new_tensor():
    """Losses are written as floats into torch.zeros, one row at a time."""

    def loss(logits, target):
        out = torch.zeros(len(target), dtype=logits.dtype)
        for i, (row, label) in enumerate(zip(logits, target, strict=True)):
            out[i] = float(row.detach().logsumexp(0) - row.detach()[label])
        return out.mean()

    return loss, classification(5, 3)
