"""0 / 0 or an error when nothing is selected."""

import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .inputs import binary, classification, labels, normal, regression, uniform


def _focal_sum(logits, target):
    ce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    pt = torch.exp(-ce)
    return ((1 - pt) ** 2 * ce).sum()


def _no_positives():
    return normal(3, 5, seed=1, grad=True), torch.zeros(3, 5, dtype=torch.float64)


@mistake(
    "empty-batch",
    reference=lambda x, t: _focal_sum(x, t) / t.sum().clamp(min=1),
    at=_no_positives,
)
def focal_divided_by_the_positives():
    """Detection focal loss: an image without objects divides by 0."""

    class FocalLoss(nn.Module):
        def __init__(self, gamma=2):
            super().__init__()
            self.gamma = gamma

        def forward(self, logits, target):
            ce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
            pt = torch.exp(-ce)
            loss = (1 - pt) ** self.gamma * ce
            return loss.sum() / target.sum()

    return FocalLoss(), (normal(3, 5, seed=1, grad=True), binary(3, 5, seed=2))


@right(reference=lambda x, t: _focal_sum(x, t) / t.sum().clamp(min=1))
def focal_divided_by_at_least_one():
    """The same with clamp(min=1)."""

    def focal(logits, target):
        ce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        loss = (1 - torch.exp(-ce)) ** 2 * ce
        return loss.sum() / target.sum().clamp(min=1)

    return focal, (normal(3, 5, seed=1, grad=True), binary(3, 5, seed=2))


def _with_mask(value=None):
    prediction, target = regression(4, 6)
    mask = binary(4, 6, seed=7).bool()
    return prediction, target, mask if value is None else torch.full_like(mask, value)


def _masked_l1(prediction, target, mask):
    return ((prediction - target).abs() * mask).sum() / mask.sum().clamp(min=1)


@mistake("empty-batch", reference=_masked_l1, at=lambda: _with_mask(False))
def mean_of_a_selection():
    """Depth: the mean over no valid pixel is NaN."""

    def masked_l1(prediction, target, mask):
        return (prediction[mask] - target[mask]).abs().mean()

    return masked_l1, _with_mask()


def _tokens(ignored=False):
    logits = normal(2, 5, 7, seed=1, grad=True)
    target = labels(7, 2, 5, seed=2)
    target[0, 3:] = -100
    if ignored:
        target[:] = -100
    return logits, target


def _token_mean(logits, target):
    loss = F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="sum")
    return loss / (target != -100).sum().clamp(min=1)


@mistake("empty-batch", reference=_token_mean, at=lambda: _tokens(ignored=True))
def all_labels_ignored():
    """Masked language modelling: no masked token in the batch, 0 / 0."""

    class MLMLoss(nn.Module):
        def forward(self, logits, target):
            logits, target = logits.flatten(0, 1), target.flatten()
            loss = F.cross_entropy(logits, target, ignore_index=-100, reduction="sum")
            return loss / (target != -100).sum()

    return MLMLoss(), _tokens()


@right(reference=_token_mean)
def all_labels_ignored_gives_zero():
    """The same with a clamped count."""

    def mlm_loss(logits, target):
        loss = F.cross_entropy(
            logits.reshape(-1, logits.size(-1)), target.reshape(-1), reduction="sum"
        )
        return loss / (target != -100).sum().clamp(min=1)

    return mlm_loss, _tokens()


def _without_class_two():
    logits, _ = classification(6, 3)
    return logits, torch.tensor([0, 1, 0, 1, 1, 0])


def _per_class_mean(logits, target):
    loss = F.cross_entropy(logits, target, reduction="none")
    present = target.unique()
    return torch.stack([loss[target == c].mean() for c in present]).mean()


@mistake("empty-batch", reference=_per_class_mean, at=_without_class_two)
def a_class_without_samples():
    """Balanced cross-entropy: the mean over a class that is not in the batch."""

    class ClassBalanced(nn.Module):
        def __init__(self, num_classes=3):
            super().__init__()
            self.num_classes = num_classes

        def forward(self, logits, target):
            loss = F.cross_entropy(logits, target, reduction="none")
            total = 0
            for c in range(self.num_classes):
                total = total + loss[target == c].mean()
            return total / self.num_classes

    logits, _ = classification(6, 3)
    return ClassBalanced(), (logits, torch.tensor([0, 2, 1, 1, 2, 0]))


def _hard_triplets(embedding, target):
    d = torch.cdist(embedding, embedding)
    same = target[:, None] == target[None]
    far = d.masked_fill(~same, -torch.inf).amax(1)
    near = d.masked_fill(same, torch.inf).amin(1)
    loss = F.relu(far - near + 0.3)
    return torch.where(near.isinf(), 0.0, loss).mean()


@mistake(
    "empty-batch",
    reference=_hard_triplets,
    at=lambda: (normal(6, 4, seed=1, grad=True), torch.zeros(6, dtype=torch.long)),
)
def no_negative_to_mine():
    """Batch-hard triplets: a batch of one identity has no negative; min() raises."""

    def batch_hard(embedding, target, margin=0.3):
        distance = torch.cdist(embedding, embedding)
        losses = []
        for i in range(len(target)):
            positive = distance[i][target == target[i]].max()
            negative = distance[i][target != target[i]].min()
            losses.append(F.relu(positive - negative + margin))
        return torch.stack(losses).mean()

    return batch_hard, (normal(6, 4, seed=1, grad=True), labels(2, 6, seed=2))


def _sum_over_events(theta, event):
    log_risk = torch.logcumsumexp(theta, 0)
    return -((theta - log_risk) * event).sum() / event.sum().clamp(min=1)


@mistake(
    "empty-batch",
    reference=_sum_over_events,
    at=lambda: (normal(7, seed=1, grad=True), torch.zeros(7, dtype=torch.float64)),
)
def no_event_in_the_batch():
    """Survival: all censored, so the likelihood is divided by 0 events."""

    class CoxLoss(nn.Module):
        def forward(self, theta, event):
            log_risk = torch.logcumsumexp(theta, dim=0)
            uncensored = (theta - log_risk) * event
            return -uncensored.sum() / event.sum()

    return CoxLoss(), (normal(7, seed=1, grad=True), binary(7, seed=2))


def _weights(zero=False):
    prediction, target = regression(5)
    weight = uniform(5, seed=3) * binary(5, seed=8)
    return prediction, target, weight * 0 if zero else weight


@mistake(
    "empty-batch",
    reference=lambda p, t, w: (w * (p - t) ** 2).sum() / w.sum().clamp(min=1e-12),
    at=lambda: _weights(zero=True),
)
def weights_sum_to_zero():
    """Importance weights, some 0 as they are clipped: a batch where all are."""

    def weighted_mse(prediction, target, weight):
        weight = weight / weight.sum()
        return (weight * (prediction - target) ** 2).sum()

    return weighted_mse, _weights()


def _box_batch(empty=False):
    boxes = normal(2, 4, 4, seed=1, grad=True)
    positive = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 0]]).bool()
    if empty:
        positive[1] = False
    return boxes, normal(2, 4, 4, seed=2), positive


def _boxes(boxes, target, positive):
    losses = [
        (b[m] - t[m]).abs().sum() / m.sum().clamp(min=1)
        for b, t, m in zip(boxes, target, positive, strict=True)
    ]
    return torch.stack(losses).mean()


@mistake("empty-batch", reference=_boxes, at=lambda: _box_batch(empty=True))
def an_image_without_positive_anchors():
    """Per-image box loss: one image without positives makes the batch NaN."""

    class BoxLoss(nn.Module):
        def forward(self, boxes, target, positive):
            losses = []
            for b, t, mask in zip(boxes, target, positive, strict=True):
                num_pos = mask.sum()
                losses.append(F.l1_loss(b[mask], t[mask], reduction="sum") / num_pos)
            return sum(losses) / len(losses)

    return BoxLoss(), _box_batch()


@mistake(
    "empty-batch",
    reference=lambda x, t: (
        F.cross_entropy(x, t, ignore_index=-1, reduction="sum")
        / (t >= 0).sum().clamp(min=1)
    ),
    at=lambda: (
        normal(2, 3, 4, 4, seed=1, grad=True),
        torch.full((2, 4, 4), -1, dtype=torch.long),
    ),
)
def segmentation_of_void_only():
    """A crop with nothing but void pixels: the mean over none of them."""

    class SegLoss(nn.Module):
        def forward(self, logits, target):
            valid = target >= 0
            picked = logits.permute(0, 2, 3, 1)[valid]
            return F.cross_entropy(picked, target[valid])

    target = labels(3, 2, 4, 4, seed=2)
    target[0, 0] = -1
    return SegLoss(), (normal(2, 3, 4, 4, seed=1, grad=True), target)


@mistake(
    "empty-batch",
    reference=lambda x, t: _balanced_bce(x, t),
    at=lambda: (normal(8, seed=1, grad=True), torch.ones(8, dtype=torch.float64)),
)
def positives_and_negatives_averaged_apart():
    """The mean over negatives of a batch without negatives."""

    def balanced(logits, target):
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return 0.5 * (loss[target == 1].mean() + loss[target == 0].mean())

    return balanced, (normal(8, seed=1, grad=True), binary(8, seed=2))


def _balanced_bce(logits, target):
    loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    parts = [
        (loss * side).sum() / side.sum().clamp(min=1) for side in (target, 1 - target)
    ]
    return 0.5 * (parts[0] + parts[1])


def _hard_overlap(logits, target, eps):
    p = logits.sigmoid() * (logits > 0)
    both = 2 * (p * target).sum() + eps
    return 1 - both / (p.sum() + target.sum() + eps)


@mistake(
    "empty-batch",
    reference=lambda logits, target: _hard_overlap(logits, target, 1e-6),
    at=lambda: (
        torch.full((4, 4), -20.0, dtype=torch.float64, requires_grad=True),
        torch.zeros(4, 4, dtype=torch.float64),
    ),
)
def overlap_of_nothing_with_nothing():
    """Below the threshold nothing is predicted, and nothing is there."""

    def overlap(logits, target):
        return _hard_overlap(logits, target, 0.0)

    return overlap, (normal(4, 4, seed=1, grad=True), binary(4, 4, seed=2))


def _means_of_graphs(scores, graph_index, target, least):
    empty = torch.zeros_like(target)
    total = empty.index_add(0, graph_index, scores)
    count = empty.index_add(0, graph_index, torch.ones_like(scores))
    return (total / count.clamp(min=least) - target).square().mean()


@mistake(
    "empty-batch",
    reference=lambda *inputs: _means_of_graphs(*inputs, 1),
    at=lambda: (
        normal(4, seed=1, grad=True),
        torch.tensor([0, 0, 2, 2]),
        normal(3, seed=2),
    ),
)
def graph_without_nodes():
    """The mean over the nodes of a graph that has none is 0 / 0."""

    def readout(scores, graph_index, target):
        return _means_of_graphs(scores, graph_index, target, 0)

    index = torch.tensor([0, 0, 1, 1, 2])
    return readout, (normal(5, seed=1, grad=True), index, normal(3, seed=2))


def _mean_of_steps(prediction, target, lengths, least):
    within = torch.arange(prediction.shape[1]) < lengths[:, None]
    error = torch.where(within, (prediction - target).square(), 0.0)
    return (error.sum(1) / lengths.clamp(min=least)).mean()


@mistake(
    "empty-batch",
    reference=lambda *inputs: _mean_of_steps(*inputs, 1),
    at=lambda: (*regression(3, 5), torch.tensor([4, 0, 5])),
)
def sequence_without_steps():
    """The mean over the steps of a sequence that has none is 0 / 0."""

    def loss(prediction, target, lengths):
        return _mean_of_steps(prediction, target, lengths, 0)

    return loss, (*regression(3, 5), torch.tensor([4, 2, 5]))


@right(reference=lambda *inputs: _mean_of_steps(*inputs, 1))
def sequence_with_few_steps():
    """The same with a count of at least one."""

    def loss(prediction, target, lengths):
        return _mean_of_steps(prediction, target, lengths, 1)

    return loss, (*regression(3, 5), torch.tensor([4, 2, 5]))


def _hard_triplets(anchor, positive, negative):
    near, far = ((anchor - other).pow(2).sum(1) for other in (positive, negative))
    return F.relu(near - far + 0.2)


def _mean_of_hard(*triplets):
    loss = _hard_triplets(*triplets)
    return loss.sum() / (loss > 0).sum().clamp(min=1)


def _all_met():
    return normal(5, 3, seed=1, grad=True), normal(5, 3, seed=1), 9 * normal(5, 3)


def _triplets():
    return [normal(5, 3, seed=seed, grad=seed == 1) for seed in (1, 2, 3)]


@mistake("empty-batch", reference=_mean_of_hard, at=_all_met)
def mean_of_hard_triplets():
    """Once every triplet is far enough apart, it is a mean over nothing."""

    def loss(anchor, positive, negative):
        hard = _hard_triplets(anchor, positive, negative)
        return hard[hard > 0].mean()

    return loss, tuple(_triplets())


@right(reference=_mean_of_hard)
def mean_of_hard_triplets_if_any():
    """The same, divided by at least one."""
    return _mean_of_hard, tuple(_triplets())
