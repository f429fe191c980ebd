"""Predictions and labels of different places are compared."""

import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .inputs import binary, classification, labels, normal, regression


def _tokens():
    return normal(3, 4, 5, seed=1, grad=True), labels(5, 3, 4, seed=2)


def _next_token(logits, target):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), target[:, 1:].flatten())


@mistake("misaligned", reference=_next_token)
def shifted_over_the_flat_batch():
    """The last token of a row is asked for the first of the next row."""

    def loss(logits, target):
        return F.cross_entropy(logits.flatten(0, 1)[:-1], target.flatten()[1:])

    return loss, _tokens()


@right(reference=_next_token)
def shifted_within_rows():
    """Each row by itself."""
    return _next_token, _tokens()


def _per_token(logits, target):
    return F.cross_entropy(logits.transpose(1, 2), target)


@mistake("misaligned", reference=_per_token)
def viewed_instead_of_transposed():
    """(N, T, C) is viewed as (N, C, T)."""

    class TokenLoss(nn.Module):
        def forward(self, logits, target):
            rows, steps, classes = logits.shape
            return F.cross_entropy(logits.reshape(rows, classes, steps), target)

    return TokenLoss(), _tokens()


@right(reference=_per_token)
def transposed():
    """The dimension is moved."""
    return _per_token, _tokens()


@mistake("misaligned", reference=F.cross_entropy)
def gathered_in_another_order():
    """The logits are sorted by confidence, and the labels are not."""

    def loss(logits, target):
        order = logits.detach().max(1).values.argsort()
        return F.cross_entropy(logits[order], target)

    return loss, classification(6, 4)


@mistake("misaligned", reference=F.mse_loss)
def target_flattened_the_other_way():
    """The target of a map is flattened column by column."""

    def loss(prediction, target):
        return (prediction.flatten() - target.T.flatten()).square().mean()

    return loss, regression(4, 4)


@mistake("misaligned", reference=_per_token)
def rows_and_steps_swapped():
    """The logits come time first, and are flattened as they are."""

    def loss(logits, target):
        return F.cross_entropy(logits.transpose(0, 1).flatten(0, 1), target.flatten())

    return loss, _tokens()


@right()
def per_sequence_log_ratio():
    """A loss of whole rows reacts at all of their places."""

    def loss(logits, target):
        log_p = logits.log_softmax(-1).gather(-1, target[..., None])[..., 0]
        return -F.logsigmoid(log_p.sum(1)).mean()

    return loss, _tokens()


@right()
def causal_shift_of_one_row():
    """A single sequence, shifted by one: the same distance for every label."""

    def loss(logits, target):
        return F.cross_entropy(logits[:-1], target[1:])

    return loss, classification(6, 4)


@right()
def reversed_on_both_sides():
    """Both are flipped."""

    def loss(prediction, target):
        return (prediction.flip(0) - target.flip(0)).square().mean()

    return loss, regression(5)


@right()
def neighbours_count_too():
    """A smoothness term couples each step with its neighbours, the target does not."""

    def loss(prediction, target):
        smooth = prediction.diff().square().mean()
        return torch.nn.functional.mse_loss(prediction, target) + 0.1 * smooth

    return loss, regression(6)


def _overlap(logits, target):
    share = logits.softmax(1)
    hot = F.one_hot(target, logits.shape[1]).permute(0, 3, 1, 2).to(share)
    both = (share * hot).sum((2, 3))
    return 1 - (2 * both / (share + hot).sum((2, 3)).clamp(min=1e-6)).mean()


@mistake("misaligned", reference=_overlap)
def one_hot_viewed_as_channels_first():
    """Classes are last in a one-hot target; a view to channels first scrambles it."""

    def dice(logits, target):
        share = logits.softmax(1)
        hot = F.one_hot(target, logits.shape[1]).to(share).view_as(share)
        both = (share * hot).sum((2, 3))
        return 1 - (2 * both / (share + hot).sum((2, 3)).clamp(min=1e-6)).mean()

    return dice, (normal(2, 3, 4, 5, seed=1, grad=True), labels(3, 2, 4, 5, seed=2))


@mistake("misaligned", reference=_next_token)
def shifted_the_other_way():
    """The logits lose their first step, the labels their last: it learns the past."""

    def loss(logits, target):
        return F.cross_entropy(logits[:, 1:].flatten(0, 1), target[:, :-1].flatten())

    return loss, _tokens()


def _of_events(log_hazard, event):
    return F.softplus(-log_hazard[event.bool()]).sum()


@mistake("misaligned", reference=_of_events)
def events_as_places():
    """An indicator of 0 and 1 that indexes: samples 0 and 1, again and again."""

    def of_events(log_hazard, event):
        return F.softplus(-log_hazard[event]).sum()

    event = torch.tensor([1, 0, 1, 1, 0])
    return of_events, (normal(5, seed=1, grad=True), event)


@right(reference=_of_events)
def events_as_a_mask():
    """The same with booleans."""
    event = torch.tensor([1, 0, 1, 1, 0])
    return _of_events, (normal(5, seed=1, grad=True), event)


def _second_token(logits, tokens, *, hide):
    target = tokens.roll(-2, 1)
    if hide:
        target[:, -2:] = -100
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())


@mistake("misaligned", reference=lambda *x: _second_token(*x, hide=True))
def labels_that_come_round():
    """roll: the last two places are trained to predict the first tokens."""

    def loss(logits, tokens):
        return _second_token(logits, tokens, hide=False)

    return loss, _tokens()


@right(reference=lambda *x: _second_token(*x, hide=True))
def labels_that_come_round_are_ignored():
    """The same with what has come round set to the label to ignore."""

    def loss(logits, tokens):
        return _second_token(logits, tokens, hide=True)

    return loss, _tokens()


def _at_centres(offsets, centres, target, *, last):
    if last:
        offsets = offsets.permute(0, 2, 3, 1)
    flat = offsets.reshape(len(offsets), -1, 2)
    index = centres[..., None].expand(-1, -1, 2)
    return (flat.gather(1, index) - target).abs().mean()


@mistake("misaligned", reference=lambda *x: _at_centres(*x, last=True))
def channels_taken_for_places():
    """(N, 2, H, W) is reshaped to (N, H * W, 2): the channels stay in front."""

    def loss(offsets, centres, target):
        return _at_centres(offsets, centres, target, last=False)

    centres = torch.tensor([[4, 1], [8, 3]])
    return loss, (normal(2, 2, 3, 3, seed=1, grad=True), centres, normal(2, 2, 2))


def _of_crops(prediction, target):
    return F.smooth_l1_loss(prediction, target.repeat_interleave(3, dim=0))


@mistake("misaligned", reference=_of_crops)
def targets_repeated_as_a_whole():
    """The crops of a picture lie side by side; repeat lays whole batches in a row."""

    def loss(prediction, target):
        return F.smooth_l1_loss(prediction, target.repeat(3, 1))

    return loss, (normal(12, 2, seed=1, grad=True), normal(4, 2, seed=2))


@right(reference=_of_crops)
def targets_repeated_one_by_one():
    """The same with repeat_interleave."""
    return _of_crops, (normal(12, 2, seed=1, grad=True), normal(4, 2, seed=2))


def _views():
    return normal(3, 2, 5, seed=1, grad=True), labels(5, 3, seed=2)


def _each_view(logits, target):
    return F.cross_entropy(logits.flatten(0, 1), target.repeat_interleave(2))


@mistake("misaligned", reference=_each_view)
def labels_repeated_as_a_whole():
    """The views of a sample lie side by side, its label does not."""

    def loss(logits, target):
        rows, views, classes = logits.shape
        flat = logits.view(rows * views, classes)
        return F.cross_entropy(flat, target.repeat(views))

    return loss, _views()


@right(reference=_each_view)
def labels_repeated_in_their_place():
    """Views and labels side by side."""
    return _each_view, _views()


def _both_crops(first, second, target):
    return F.cross_entropy(torch.cat([first, second]), target.repeat(2))


@mistake("misaligned", reference=_both_crops)
def labels_side_by_side():
    """All first crops come before all second ones, the labels in pairs."""

    def loss(first, second, target):
        smoothed = torch.cat([first, second]) / 2
        error = F.cross_entropy(smoothed, target.repeat_interleave(2, dim=0))
        return error + 0.1 * (first - second).square().mean()

    crops = (normal(4, 3, seed=s, grad=True) for s in (1, 2))
    return loss, (*crops, labels(3, 4, seed=3))


@right(reference=_both_crops)
def labels_one_crop_after_the_other():
    """All first crops, then all second ones, labels as well."""
    crops = (normal(4, 3, seed=s, grad=True) for s in (1, 2))
    return _both_crops, (*crops, labels(3, 4, seed=3))


@right()
def all_pairs_by_repeating():
    """Each query beside each document: one repeated in its place, one as a whole."""

    def loss(queries, documents, relevance):
        left = queries.repeat_interleave(len(documents), 0)
        right_ = documents.repeat(len(queries), 1)
        scores = (left * right_).sum(1)
        return F.binary_cross_entropy_with_logits(scores, relevance.flatten())

    made = normal(3, 4, seed=1, grad=True), normal(5, 4, seed=2, grad=True)
    return loss, (*made, binary(3, 5, seed=3))


def _frames_first(logits, target):
    return F.cross_entropy(logits.flatten(0, 1), target.T.flatten())


def _frames():
    return normal(5, 3, 4, seed=1, grad=True), labels(4, 3, 5, seed=2)


@mistake("misaligned", reference=_frames_first)
def labels_flattened_the_other_way():
    """Logits are (T, N, C), labels (N, T); both are flattened as they are."""

    def loss(logits, target):
        weight = torch.ones(4, dtype=logits.dtype)
        return F.cross_entropy(logits.reshape(-1, 4), target.reshape(-1), weight)

    return loss, _frames()


@right(reference=_frames_first)
def labels_turned_before():
    """Labels are transposed first."""
    return _frames_first, _frames()
