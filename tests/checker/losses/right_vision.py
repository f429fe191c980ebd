"""Right losses of segmentation, detection and images."""

import torch
import torch.nn.functional as F
from torch import nn

from . import right
from .inputs import binary, labels, normal, regression, segmentation, uniform


def _dice(p, t, smooth=1.0):
    inter = (p * t).flatten(1).sum(1)
    total = p.flatten(1).sum(1) + t.flatten(1).sum(1)
    return (1 - (2 * inter + smooth) / (total + smooth)).mean()


@right(reference=lambda x, t: _dice(x.sigmoid(), t))
def dice_per_image():
    """Soft Dice on logits, one ratio an image."""

    class DiceLoss(nn.Module):
        def __init__(self, smooth=1.0):
            super().__init__()
            self.smooth = smooth

        def forward(self, logits, target):
            p = torch.sigmoid(logits)
            dims = tuple(range(1, p.dim()))
            inter = (p * target).sum(dims)
            total = p.sum(dims) + target.sum(dims)
            return (1 - (2 * inter + self.smooth) / (total + self.smooth)).mean()

    return DiceLoss(), segmentation(2, 4, 4)


@right()
def tversky():
    """Tversky: false positives and false negatives weighted differently."""

    def tversky_loss(probability, target, alpha=0.3, beta=0.7, eps=1.0):
        p, t = probability.flatten(1), target.flatten(1)
        tp = (p * t).sum(1)
        fp, fn = (p * (1 - t)).sum(1), ((1 - p) * t).sum(1)
        return (1 - (tp + eps) / (tp + alpha * fp + beta * fn + eps)).mean()

    inputs = uniform(2, 1, 4, 4, seed=1, grad=True), binary(2, 1, 4, 4, seed=2)
    return tversky_loss, inputs


def _lovasz_grad(sorted_target):
    positives = sorted_target.sum()
    inter = positives - sorted_target.cumsum(0)
    union = positives + (1 - sorted_target).cumsum(0)
    jaccard = 1 - inter / union
    return torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])


@right()
def lovasz_hinge():
    """Lovasz hinge: sorted errors times a constant weight; piecewise linear."""

    def lovasz(logits, target):
        sign = 2 * target - 1
        errors, order = (1 - logits * sign).flatten().sort(descending=True)
        return (F.relu(errors) * _lovasz_grad(target.flatten()[order])).sum()

    return lovasz, (normal(1, 4, 4, seed=1, grad=True), binary(1, 4, 4, seed=2))


@right()
def bce_plus_dice():
    """A weighted sum of two losses."""

    class ComboLoss(nn.Module):
        def __init__(self, weight=0.5):
            super().__init__()
            self.weight = weight

        def forward(self, logits, target):
            bce = F.binary_cross_entropy_with_logits(logits, target)
            return self.weight * bce + (1 - self.weight) * _dice(
                logits.sigmoid(), target
            )

    return ComboLoss(), segmentation(2, 3, 5)


def _boxes(seed):
    low = 2 * normal(5, 2, seed=seed)
    return torch.cat([low, low + uniform(5, 2, low=0.5, high=3.0, seed=seed + 1)], 1)


@right()
def generalised_iou():
    """GIoU of (x1, y1, x2, y2) boxes: a gradient for disjoint boxes too."""

    def giou(a, b):
        inter = (torch.min(a[:, 2:], b[:, 2:]) - torch.max(a[:, :2], b[:, :2])).clamp(0)
        hull = torch.max(a[:, 2:], b[:, 2:]) - torch.min(a[:, :2], b[:, :2])
        area = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1)
        inter, hull = inter.prod(1), hull.prod(1)
        union = area - inter
        return (1 - inter / union + (hull - union) / hull).mean()

    return giou, (_boxes(1).requires_grad_(), _boxes(4))


@right()
def distance_iou():
    """DIoU in a Module, with the eps of the paper's code."""

    class DIoU(nn.Module):
        def __init__(self, eps=1e-7):
            super().__init__()
            self.eps = eps

        def forward(self, prediction, target):
            px1, py1, px2, py2 = prediction.unbind(-1)
            tx1, ty1, tx2, ty2 = target.unbind(-1)
            w = (torch.min(px2, tx2) - torch.max(px1, tx1)).clamp(min=0)
            h = (torch.min(py2, ty2) - torch.max(py1, ty1)).clamp(min=0)
            inter = w * h
            union = (px2 - px1) * (py2 - py1) + (tx2 - tx1) * (ty2 - ty1) - inter
            cw = torch.max(px2, tx2) - torch.min(px1, tx1)
            ch = torch.max(py2, ty2) - torch.min(py1, ty1)
            distance = (px1 + px2 - tx1 - tx2) ** 2 + (py1 + py2 - ty1 - ty2) ** 2
            diagonal = cw**2 + ch**2 + self.eps
            return (1 - inter / (union + self.eps) + distance / 4 / diagonal).mean()

    return DIoU(), (_boxes(1).requires_grad_(), _boxes(4))


def _detections():
    return (
        {
            "boxes": normal(6, 4, seed=1, grad=True),
            "logits": normal(6, 3, seed=2, grad=True),
        },
        {"boxes": normal(6, 4, seed=3), "labels": torch.tensor([0, 2, 1, 0, 0, 2])},
    )


@right()
def detection_with_dictionaries():
    """Outputs and targets as dictionaries; class 0 is background."""

    class DetectionLoss(nn.Module):
        def forward(self, outputs, targets):
            cls = F.cross_entropy(outputs["logits"], targets["labels"])
            positive = targets["labels"] > 0
            box = F.smooth_l1_loss(
                outputs["boxes"][positive], targets["boxes"][positive], reduction="sum"
            )
            return cls + box / positive.sum().clamp(min=1)

    return DetectionLoss(), _detections()


@right()
def several_losses_in_a_dictionary():
    """The same, returned as a dictionary of losses."""

    def losses(outputs, targets):
        return {
            "cls": F.cross_entropy(outputs["logits"], targets["labels"]),
            "box": F.l1_loss(outputs["boxes"], targets["boxes"]),
        }

    return losses, _detections()


@right()
def keypoints_with_visibility():
    """Keypoints that are invisible are selected away before the mean."""

    def keypoint_loss(prediction, target, visible):
        error = torch.where(visible[..., None], prediction - target, 0.0)
        return error.pow(2).sum() / visible.sum().clamp(min=1)

    prediction, target = regression(3, 5, 2)
    return keypoint_loss, (prediction, target, binary(3, 5, seed=7).bool())


@right()
def structural_similarity():
    """SSIM with a window in a buffer."""

    class SSIM(nn.Module):
        def __init__(self, size=3, c1=0.01**2, c2=0.03**2):
            super().__init__()
            window = torch.full((1, 1, size, size), 1 / size**2, dtype=torch.float64)
            self.register_buffer("window", window)
            self.c1, self.c2 = c1, c2

        def forward(self, x, y):
            mx, my = F.conv2d(x, self.window), F.conv2d(y, self.window)
            vx = F.conv2d(x * x, self.window) - mx**2
            vy = F.conv2d(y * y, self.window) - my**2
            cov = F.conv2d(x * y, self.window) - mx * my
            top = (2 * mx * my + self.c1) * (2 * cov + self.c2)
            bottom = (mx**2 + my**2 + self.c1) * (vx + vy + self.c2)
            return 1 - (top / bottom).mean()

    return SSIM(), (uniform(2, 1, 5, 5, seed=1, grad=True), uniform(2, 1, 5, 5, seed=2))


@right()
def total_variation():
    """One input only: total variation of an image."""

    def tv(image):
        dx = (image[..., :, 1:] - image[..., :, :-1]).abs().mean()
        dy = (image[..., 1:, :] - image[..., :-1, :]).abs().mean()
        return dx + dy

    return tv, (normal(2, 1, 4, 5, seed=1, grad=True),)


@right()
def image_gradients():
    """Sobel gradients of both images, compared."""

    class GradientLoss(nn.Module):
        def __init__(self):
            super().__init__()
            sobel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
            self.register_buffer("kernel", torch.stack([sobel, sobel.T])[:, None])

        def forward(self, prediction, target):
            a = F.conv2d(prediction, self.kernel, padding=1)
            b = F.conv2d(target, self.kernel, padding=1)
            return (a - b).abs().mean()

    return GradientLoss(), regression(1, 1, 5, 5, dtype=torch.float32)


@right()
def perceptual():
    """Features of a frozen random network, compared."""

    class Perceptual(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh()).double()
            self.features.requires_grad_(False)

        def forward(self, prediction, target):
            return F.mse_loss(self.features(prediction), self.features(target))

    return Perceptual(), regression(1, 3, 5, 5)


@right()
def pyramid():
    """A list of predictions at several scales."""

    def pyramid_l1(predictions, target):
        loss = 0.0
        for level, prediction in enumerate(predictions):
            scaled = F.avg_pool2d(target, 2**level)
            loss = loss + 0.5**level * (prediction - scaled).abs().mean()
        return loss

    predictions = [normal(1, 1, n, n, seed=n, grad=True) for n in (8, 4, 2)]
    return pyramid_l1, (predictions, normal(1, 1, 8, 8))


@right(reference=F.cross_entropy)
def pixel_cross_entropy():
    """Per-pixel classification, (N, C, H, W) against (N, H, W)."""

    def loss(logits, target):
        log_p = logits.log_softmax(1)
        return -log_p.gather(1, target[:, None]).mean()

    return loss, (normal(2, 3, 4, 4, seed=1, grad=True), labels(3, 2, 4, 4, seed=2))


@right()
def gaussian_heatmaps():
    """CenterNet's focal loss of heatmaps, on clamped probabilities."""

    def heatmap_focal(logits, heat):
        p = torch.sigmoid(logits).clamp(1e-4, 1 - 1e-4)
        peak = heat.eq(1).to(p.dtype)
        pos = peak * (1 - p) ** 2 * torch.log(p)
        neg = (1 - peak) * (1 - heat) ** 4 * p**2 * torch.log(1 - p)
        return -(pos + neg).sum() / peak.sum().clamp(min=1)

    heat = uniform(1, 2, 4, 4, low=0.0, high=0.9, seed=2)
    heat[0, 0, 1, 2] = heat[0, 1, 3, 0] = 1.0
    return heatmap_focal, (normal(1, 2, 4, 4, seed=1, grad=True), heat)
