"""Losses as people write them, with the inputs that each of them wants."""

import torch
import torch.nn.functional as F
from torch import nn


class Focal(nn.Module):  # 6,5 | 6:labels:5
    def __init__(self, gamma, num_classes):
        super().__init__()
        self.gamma, self.num_classes = gamma, num_classes

    def forward(self, logits, labels):
        logp = logits.log_softmax(-1)
        chosen = F.one_hot(labels, self.num_classes) * logp
        return -((1 - logp.exp()) ** self.gamma * chosen).sum(-1).mean()


class SoftDice(nn.Module):  # 2,1,16,16:uniform | 2,1,16,16:binary
    def forward(self, prediction, mask):
        if prediction.dim() != 4 or prediction.shape[1] != 1:
            raise ValueError(f"expected (N, 1, H, W), got {tuple(prediction.shape)}")
        if prediction.min() < 0 or prediction.max() > 1:
            raise ValueError("probabilities must be in [0, 1]")
        both = (prediction * mask).sum()
        return 1 - 2 * both / (prediction.sum() + mask.sum() + 1e-6)


class SupCon(nn.Module):  # 6,16 | 6:labels:3
    def __init__(self, temperature=0.1):
        super().__init__()
        self.temperature = temperature

    def forward(self, embeddings, labels):
        embeddings = F.normalize(embeddings, dim=1)
        scores = embeddings @ embeddings.T / self.temperature
        alone = torch.eye(len(scores), dtype=torch.bool)
        logp = scores.masked_fill(alone, torch.finfo(scores.dtype).min).log_softmax(1)
        same = (labels[:, None] == labels) & ~alone
        return -(logp * same).sum() / same.sum().clamp(min=1)


class Triplet(nn.Module):  # 6,16:grad | 6,16:grad | 6,16:grad
    def forward(self, anchor, positive, negative):
        near = (anchor - positive).square().sum(1)
        far = (anchor - negative).square().sum(1)
        return (near - far + 1).relu().mean()


def dpo_loss(
    policy_chosen_logps,
    policy_rejected_logps,
    reference_chosen_logps,
    reference_rejected_logps,
    beta=0.1,
):  # 6:negative:grad | 6:negative:grad | 6:negative | 6:negative
    policy = policy_chosen_logps - policy_rejected_logps
    reference = reference_chosen_logps - reference_rejected_logps
    return -F.logsigmoid(beta * (policy - reference)).mean()


def giou_loss(boxes1, boxes2):  # 6,4:boxes | 6,4:boxes
    if not (boxes1[:, 2:] >= boxes1[:, :2]).all():
        raise ValueError("boxes must be x1, y1, x2, y2")
    low = torch.minimum(boxes1, boxes2)
    high = torch.maximum(boxes1, boxes2)
    both = (low[:, 2:] - high[:, :2]).clamp(min=0).prod(1)
    area1 = (boxes1[:, 2:] - boxes1[:, :2]).prod(1)
    area2 = (boxes2[:, 2:] - boxes2[:, :2]).prod(1)
    hull = (high[:, 2:] - low[:, :2]).prod(1)
    union = area1 + area2 - both
    return (1 - both / union + (hull - union) / hull).mean()


def gaussian_nll(mean, log_var, target):  # 6,5:grad | 6,5:grad | 6,5
    return 0.5 * (log_var + (target - mean) ** 2 / log_var.exp()).mean()


def keras_loss(y_true, y_pred):  # 6,5 | 6,5:grad
    return (y_true - y_pred).square().mean()


def masked_mse(prediction, target, mask):  # 6,5 | 6,5 | 6,5:bool
    mask = mask.to(prediction.dtype)
    return ((prediction - target) ** 2 * mask).sum() / mask.sum().clamp(min=1)


def kl_loss(student_logits, teacher_logits, temperature=2.0):  # 6,5 | 6,5
    p = (teacher_logits / temperature).softmax(-1)
    logq = (student_logits / temperature).log_softmax(-1)
    return F.kl_div(logq, p, reduction="batchmean") * temperature**2


def gaze_loss(prediction, target):  # 6,2 | 6,2
    """Angle between directions.

    Args:
        prediction (Tensor): yaw and pitch, of shape (N, 2).
        target (Tensor): the same, of shape (N, 2).
    """
    if prediction.shape[1:] != (2,):
        raise ValueError("wrong shape")
    return ((prediction - target) ** 2).sum(1).mean()


class Cosine(nn.Module):  # 3,4 | 3,4
    """Cosine distance.

    Example:
        >>> criterion = Cosine(margin=0.25)
        >>> first, second = torch.randn(3, 4), torch.randn(3, 4)
        >>> loss = criterion(first, second)
        >>> loss.backward()
    """

    def __init__(self, margin):
        super().__init__()
        self.margin = margin

    def forward(self, x, y):
        return (1 - F.cosine_similarity(x, y) - self.margin).relu().sum()


def clip_penalty(values):  # 6,5
    return (values.abs() - 1).relu().square().sum()


class RelativeLoss:  # 6,5 | 6,5
    def __init__(self, d, p=2):
        self.p = p

    def __call__(self, y_pred, y):
        off = (y_pred - y).flatten(1).norm(self.p, dim=1)
        return (off / y.flatten(1).norm(self.p, dim=1)).mean()


class DoubleMarginLoss(nn.Module):  # 6,5 | 6,5:binary
    def forward(self, x, target):
        """One margin for the positive scores, one for the negative."""
        return (target * (1 - x).relu() + (1.0 - target) * x.relu()).mean()


def clip_loss(
    image_features, text_features, logit_scale
):  # 6,16:grad | 6,16:grad | =0.5
    logits = logit_scale * image_features @ text_features.T
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def center_and_cross_entropy(
    features, logits, labels
):  # 6,16:grad | 6,5:grad | 6:labels:5
    centers = torch.stack([features[labels == c].mean(0) for c in labels.unique()])
    far = torch.cdist(features, centers).min(1).values.mean()
    return F.cross_entropy(logits, labels) + 0.1 * far
