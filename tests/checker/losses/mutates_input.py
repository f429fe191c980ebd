"""forward changes its arguments, or backward its grad_output."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from . import mistake, right
from .inputs import binary, classification, labels, normal, regression, uniform


def _labels_with_void():
    logits, target = classification(6, 4)
    target[2] = target[4] = 255
    return logits, target


def _ignoring_255(logits, target):
    return F.cross_entropy(logits, target, ignore_index=255)


@mistake("mutates-input", reference=_ignoring_255)
def void_label_renamed_in_place():
    """The labels that the caller holds lose their 255."""

    class SegmentationLoss(nn.Module):
        def forward(self, logits, target):
            target[target == 255] = -100
            return F.cross_entropy(logits, target)

    return SegmentationLoss(), _labels_with_void()


@right(reference=_ignoring_255)
def void_label_renamed_in_a_copy():
    """The same on a copy."""

    def loss(logits, target):
        target = torch.where(target == 255, -100, target)
        total = F.cross_entropy(logits, target, reduction="sum")
        return total / (target != -100).sum().clamp(min=1)

    return loss, _labels_with_void()


@mistake("mutates-input", reference=F.cross_entropy)
def logits_shifted_in_place():
    """A Function's forward subtracts the maximum from the logits in place."""

    class StableCrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            logits -= logits.max(dim=1, keepdim=True)[0]
            log_p = logits - logits.exp().sum(dim=1, keepdim=True).log()
            ctx.save_for_backward(log_p, target)
            return F.nll_loss(log_p, target)

        @staticmethod
        def backward(ctx, grad_output):
            log_p, target = ctx.saved_tensors
            grad = log_p.exp() - F.one_hot(target, log_p.shape[1])
            return grad_output * grad / len(grad), None

    return StableCrossEntropy.apply, classification(5, 6)


@mistake("mutates-input", reference=lambda p, t: F.relu(p - t).sum(1))
def grad_output_zeroed_in_place():
    """backward writes zeros into the grad_output that it was lent."""

    class OneSided(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            over = prediction - target
            ctx.save_for_backward(over)
            return over.clamp(min=0).sum(1)

        @staticmethod
        def backward(ctx, grad_output):
            (over,) = ctx.saved_tensors
            idle = (over <= 0).all(dim=1)
            grad_output[idle] = 0
            grad_output.mul_(1.0)
            return grad_output[:, None] * (over > 0), None

    prediction, target = regression(6, 2)
    target[1] = prediction.detach()[1] + 1
    return OneSided.apply, (prediction, target)


@mistake(
    "mutates-input", reference=lambda p, t: ((p - t).clamp(-1, 1) ** 2).sum((0, 1))
)
def grad_output_doubled_in_place():
    """backward computes 2 r g in grad_output's own memory."""

    class ColumnSquares(Function):
        @staticmethod
        def forward(ctx, prediction, target):
            r = prediction - target
            ctx.save_for_backward(r)
            return (r.clamp(-1, 1) ** 2).sum((0, 1))

        @staticmethod
        def backward(ctx, grad_output):
            (r,) = ctx.saved_tensors
            grad_output *= 2
            return grad_output * r * (r.abs() < 1), None

    return ColumnSquares.apply, regression(2, 3, 4)


@mistake("mutates-input", reference=lambda q, p: F.kl_div(q.log(), p, reduction="sum"))
def target_clamped_in_place():
    """clamp_ on both distributions: the target is the caller's."""

    def kl(prediction, target, eps=1e-6):
        target.clamp_(min=0.1)
        target /= target.sum(1, keepdim=True)
        return (target * (target.log() - (prediction + eps).log())).sum()

    q = F.softmax(normal(4, 5, seed=1), 1).requires_grad_()
    p = F.softmax(3 * normal(4, 5, seed=2), 1)
    return kl, (q, p)


def _masked_in_single():
    prediction, target = regression(8)
    return prediction.detach().float().requires_grad_(), target.float()


@mistake("mutates-input", at=_masked_in_single)
def float_is_no_copy_in_float32():
    """target.float() copies float64 targets, and is the caller's tensor in float32."""

    class PositivePart(nn.Module):
        def forward(self, prediction, target):
            target = target.float()
            target[target < 0] = 0
            return ((prediction.float() - target) ** 2).mean()

    return PositivePart(), regression(8)


def _supervised_contrastive(features, mask, temperature=0.5):
    sim = F.normalize(features, dim=1) @ F.normalize(features, dim=1).T / temperature
    eye = torch.eye(len(sim), dtype=torch.bool)
    log_p = sim - torch.logsumexp(sim.masked_fill(eye, -torch.inf), 1, keepdim=True)
    keep = mask & ~eye
    return -(log_p * keep).sum(1).div(keep.sum(1).clamp(min=1)).mean()


@mistake("mutates-input", reference=_supervised_contrastive)
def diagonal_of_the_mask_cleared_in_place():
    """fill_diagonal_ on the positives mask that the caller passed."""

    def supcon(features, mask, temperature=0.5):
        features = F.normalize(features, dim=1)
        logits = features @ features.T / temperature
        mask.fill_diagonal_(False)
        self_mask = torch.eye(len(logits), dtype=torch.bool)
        denominator = logits.masked_fill(self_mask, float("-inf")).logsumexp(1)
        log_prob = logits - denominator[:, None]
        per_anchor = (mask * log_prob).sum(1) / mask.sum(1).clamp(min=1)
        return -per_anchor.mean()

    target = labels(2, 6, seed=2)
    inputs = normal(6, 4, seed=1, grad=True), target[:, None] == target[None]
    return supcon, inputs


def _detection_batch():
    return (
        {
            "boxes": normal(5, 4, seed=1, grad=True),
            "scores": uniform(5, seed=2, grad=True),
        },
        {"boxes": normal(5, 4, seed=3), "positive": binary(5, seed=6)},
    )


def _detection(outputs, targets):
    box = F.l1_loss(outputs["boxes"], targets["boxes"] / 10.0)
    return box + F.binary_cross_entropy(outputs["scores"], targets["positive"])


@mistake("mutates-input", reference=_detection)
def boxes_of_the_target_dict_rescaled():
    """The target dictionary's boxes are divided by the image size in place."""

    class DetectionLoss(nn.Module):
        def __init__(self, image_size=10.0):
            super().__init__()
            self.image_size = image_size

        def forward(self, outputs, targets):
            boxes = targets["boxes"]
            boxes /= self.image_size
            box = F.l1_loss(outputs["boxes"], boxes)
            score = F.binary_cross_entropy(outputs["scores"], targets["positive"])
            return box + score

    return DetectionLoss(), _detection_batch()


@mistake("mutates-input", reference=lambda p, t: F.mse_loss(p, t - t.mean(0)))
def target_centred_in_place():
    """target -= target.mean(0): the second epoch sees other targets."""

    class CentredMSE(nn.Module):
        def forward(self, prediction, target):
            target -= target.mean(dim=0)
            return ((prediction - target) ** 2).mean()

    return CentredMSE(), regression(6, 2, dtype=torch.float32)


@mistake("mutates-input", reference=lambda p, t: F.l1_loss(p.clamp(0, 1), t))
def prediction_clamped_through_data():
    """prediction.data.clamp_: the model's output is changed behind autograd's back."""

    def l1(prediction, target):
        prediction.data.clamp_(0.0, 1.0)
        return (prediction - target).abs().mean()

    return l1, (normal(3, 4, seed=1, grad=True), uniform(3, 4, seed=2))


def _supervised_deeply(outputs, targets):
    return sum(F.mse_loss(o, t / 2) for o, t in zip(outputs, targets, strict=True))


@mistake("mutates-input", reference=_supervised_deeply)
def targets_of_a_list_halved():
    """Deep supervision: every target of the caller's list is halved in place."""

    class DeepSupervision(nn.Module):
        def forward(self, outputs, targets):
            loss = 0.0
            for output, target in zip(outputs, targets, strict=True):
                loss = loss + F.mse_loss(output, target.div_(2))
            return loss

    outputs = [normal(3, 2, seed=s, grad=True) for s in (1, 2)]
    return DeepSupervision(), (outputs, [normal(3, 2, seed=s) for s in (3, 4)])


def _where_valid(prediction, target):
    error = (prediction - target["flow"]).abs()
    valid = target.get("valid", torch.ones_like(error))
    return (error * valid).sum() / valid.sum().clamp(min=1)


def _loses_its_mask(case):
    loss, (prediction, target) = case.fresh()
    loss(prediction, target)
    assert "valid" not in target


@mistake("mutates-input", reference=_where_valid, shows=_loses_its_mask)
def pops_the_mask():
    """The mask is popped from the caller's dictionary: the next call finds none."""

    def loss(prediction, target):
        error = (prediction - target["flow"]).abs()
        valid = target.pop("valid", torch.ones_like(error))
        return (error * valid).sum() / valid.sum().clamp(min=1)

    prediction, flow = regression(4, 3)
    return loss, (prediction, {"flow": flow, "valid": binary(4, 3, seed=3)})


@right()
def reads_the_mask():
    """The mask is read from the caller's dictionary."""
    prediction, flow = regression(4, 3)
    return _where_valid, (prediction, {"flow": flow, "valid": binary(4, 3, seed=3)})
