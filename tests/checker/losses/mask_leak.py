"""Entries that should be ignored still count."""

import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .evidence import (
    an_ignored_nan_spoils_the_loss,
    ignored_rows_get_a_gradient,
    value_differs,
)
from .inputs import binary, labels, normal, regression, uniform


def _masked():
    prediction, target = regression(4, 5)
    mask = binary(4, 5, seed=7)
    return prediction, target, mask


def _masked_mse(prediction, target, mask):
    keep = mask.bool()
    r = torch.where(keep, prediction - target, torch.zeros_like(prediction))
    return (r**2).sum() / keep.sum().clamp(min=1)


@mistake("mask-leak", reference=_masked_mse, shows=an_ignored_nan_spoils_the_loss)
def zero_times_nan():
    """Masked by multiplication: a NaN in a masked target makes the loss NaN."""

    def masked_mse(prediction, target, mask):
        loss = (prediction - target) ** 2 * mask
        return loss.sum() / mask.sum().clamp(min=1)

    return masked_mse, _masked()


@right(reference=_masked_mse)
def selected_by_where():
    """The same, selected by torch.where before it is squared."""

    def masked_mse(prediction, target, mask):
        residual = torch.where(mask.bool(), prediction - target, 0.0)
        return residual.pow(2).sum() / mask.sum().clamp(min=1)

    return masked_mse, _masked()


@mistake("mask-leak", reference=_masked_mse, shows=ignored_rows_get_a_gradient)
def inverted_mask():
    """True means valid to the caller, and padding to the loss."""

    class MaskedMSE(nn.Module):
        def forward(self, prediction, target, mask):
            loss = F.mse_loss(prediction, target, reduction="none")
            loss = loss.masked_fill(mask.bool(), 0.0)
            return loss.sum() / (1 - mask).sum().clamp(min=1)

    return MaskedMSE(), _masked()


def _padded_tokens():
    logits = normal(6, 5, seed=1, grad=True)
    target = labels(5, 6, seed=2)
    target[2] = target[5] = -100
    return logits, target


def _smoothed(logits, target):
    return F.cross_entropy(logits, target, label_smoothing=0.1)


@mistake("mask-leak", reference=_smoothed, shows=ignored_rows_get_a_gradient)
def smoothing_of_padding():
    """Label smoothing: the uniform part is averaged over padding as well."""

    class LabelSmoothing(nn.Module):
        def __init__(self, eps=0.1, ignore_index=-100):
            super().__init__()
            self.eps, self.ignore_index = eps, ignore_index

        def forward(self, logits, target):
            log_p = F.log_softmax(logits, dim=-1)
            nll = F.nll_loss(log_p, target, ignore_index=self.ignore_index)
            smooth = -log_p.mean(dim=-1).mean()
            return (1 - self.eps) * nll + self.eps * smooth

    return LabelSmoothing(), _padded_tokens()


@right(reference=_smoothed)
def smoothing_of_tokens_only():
    """The same with padding dropped from both parts."""

    def smoothed(logits, target):
        keep = target != -100
        log_p = F.log_softmax(logits, dim=-1)[keep]
        nll = F.nll_loss(log_p, target[keep], reduction="sum")
        smooth = -log_p.mean(dim=-1).sum()
        return (0.9 * nll + 0.1 * smooth) / keep.sum().clamp(min=1)

    return smoothed, _padded_tokens()


@mistake("mask-leak", reference=F.cross_entropy, shows=ignored_rows_get_a_gradient)
def ignored_labels_clamped_to_class_zero():
    """one_hot refuses -100, so the labels are clamped: padding becomes class 0."""

    def soft_target_ce(logits, target):
        one_hot = F.one_hot(target.clamp(min=0), logits.size(-1)).to(logits.dtype)
        per_token = -(one_hot * logits.log_softmax(-1)).sum(-1)
        return per_token.sum() / (target != -100).sum()

    return soft_target_ce, _padded_tokens()


def _sequence():
    lengths = torch.tensor([5, 3, 2])
    return normal(3, 5, seed=1, grad=True), normal(3, 5, seed=2), lengths


def _centred(prediction, target, lengths):
    losses = [
        (p[:n] - p[:n].mean() - t[:n] + t[:n].mean()).pow(2).mean()
        for p, t, n in zip(prediction, target, lengths.tolist(), strict=True)
    ]
    return torch.stack(losses).mean()


def _padding_matters(case):
    loss, (prediction, target, lengths) = case.fresh()
    changed = prediction.detach().clone()
    changed[2, 4] += 1.0
    assert loss(changed, target, lengths) != loss(prediction, target, lengths)


@mistake("mask-leak", reference=_centred, shows=_padding_matters)
def padding_in_the_mean():
    """The sequence mean that is subtracted is taken over the padding too."""

    class CentredMSE(nn.Module):
        def forward(self, prediction, target, lengths):
            steps = torch.arange(prediction.size(1))
            mask = (steps[None] < lengths[:, None]).to(prediction.dtype)
            p = prediction - prediction.mean(1, keepdim=True)
            t = target - target.mean(1, keepdim=True)
            per_row = ((p - t) ** 2 * mask).sum(1) / mask.sum(1)
            return per_row.mean()

    return CentredMSE(), _sequence()


def _choices():
    scores = normal(4, 5, seed=1, grad=True)
    legal = torch.ones(4, 5, dtype=torch.bool)
    legal[0, 3:] = legal[2, 1] = False
    return scores, torch.tensor([0, 4, 2, 1]), legal


def _illegal_scores_matter(case):
    loss, (scores, action, legal) = case.fresh()
    changed = torch.where(legal, scores, scores + 1.0)
    assert not torch.allclose(loss(changed, action, legal), loss(scores, action, legal))
    assert torch.allclose(
        case.reference(changed, action, legal), case.reference(scores, action, legal)
    )


@mistake(
    "mask-leak",
    reference=lambda x, a, m: F.cross_entropy(x.masked_fill(~m, -torch.inf), a),
    shows=_illegal_scores_matter,
)
def illegal_actions_in_the_softmax():
    """Illegal actions are masked after the softmax: they still share its mass."""

    class PolicyNLL(nn.Module):
        def forward(self, scores, action, legal):
            log_p = F.log_softmax(scores, dim=1)
            log_p = log_p.masked_fill(~legal, 0.0)
            return -log_p.gather(1, action[:, None]).mean()

    return PolicyNLL(), _choices()


def _padding_moves_it(case):
    loss, (prediction, target, mask) = case.fresh()
    changed = torch.where(mask, prediction, prediction + 3.0)
    assert loss(changed, target, mask) != loss(prediction, target, mask)
    reference = case.reference
    assert reference(changed, target, mask) == reference(prediction, target, mask)


def _track(prediction, target, mask):
    error = torch.where(mask, prediction - target, 0.0).pow(2).sum()
    steps = torch.where(mask[:, 1:], prediction[:, 1:] - prediction[:, :-1], 0.0)
    return (error + 0.1 * steps.pow(2).sum()) / mask.sum().clamp(min=1)


@mistake("mask-leak", reference=_track, shows=_padding_moves_it)
def mask_of_one_term_only():
    """Two terms, and only the first one is masked."""

    def track_loss(prediction, target, mask):
        error = torch.where(mask, prediction - target, 0.0).pow(2).sum()
        smooth = (prediction[:, 1:] - prediction[:, :-1]).pow(2).sum()
        return (error + 0.1 * smooth) / mask.sum().clamp(min=1)

    prediction, target = regression(3, 6)
    mask = torch.arange(6) < torch.tensor([6, 3, 4])[:, None]
    return track_loss, (prediction, target, mask)


def _contrast(similarity, padding):
    scores = similarity.masked_fill(padding[None], -torch.inf)
    keep = ~padding
    loss = scores.logsumexp(1) - similarity.diagonal()
    return (loss * keep).sum() / keep.sum().clamp(min=1)


def _padded_negatives_count(case):
    loss, (similarity, padding) = case.fresh()
    changed = torch.where(padding[None], similarity + 2.0, similarity)
    assert not torch.allclose(loss(changed, padding), loss(similarity, padding))
    reference = case.reference
    torch.testing.assert_close(
        reference(changed, padding), reference(similarity, padding)
    )


@mistake("mask-leak", reference=_contrast, shows=_padded_negatives_count)
def padded_items_as_negatives():
    """Padded items are no anchors, but still serve as negatives."""

    def contrastive(similarity, padding):
        loss = similarity.logsumexp(1) - similarity.diagonal()
        return loss[~padding].sum() / (~padding).sum().clamp(min=1)

    padding = torch.tensor([False, False, True, False, True])
    return contrastive, (normal(5, 5, seed=1, grad=True), padding)


def _answers():
    """Log-probabilities of two answers of different lengths, and of a reference."""
    chosen = -uniform(4, 6, low=0.1, high=2.0, seed=1)
    rejected = -uniform(4, 6, low=0.1, high=2.0, seed=2)
    lengths = torch.tensor([[6], [4], [3], [5]]), torch.tensor([[5], [6], [2], [4]])
    return (
        chosen.requires_grad_(),
        rejected.requires_grad_(),
        chosen.detach() + 0.1 * normal(4, 6, seed=3),
        rejected.detach() + 0.1 * normal(4, 6, seed=4),
        *((torch.arange(6) < length).double() for length in lengths),
    )


def _preference(chosen, rejected, ref_chosen, ref_rejected, chosen_mask, rejected_mask):
    better = ((chosen - ref_chosen) * chosen_mask).sum(1)
    worse = ((rejected - ref_rejected) * rejected_mask).sum(1)
    return -F.logsigmoid(0.1 * (better - worse)).mean()


@mistake("mask-leak", reference=_preference, shows=value_differs)
def reference_model_not_masked():
    """DPO: the padding of the policy is masked, that of the reference model is not."""

    def dpo(chosen, rejected, ref_chosen, ref_rejected, chosen_mask, rejected_mask):
        better = (chosen * chosen_mask).sum(1) - ref_chosen.sum(1)
        worse = (rejected * rejected_mask).sum(1) - ref_rejected.sum(1)
        return -F.logsigmoid(0.1 * (better - worse)).mean()

    return dpo, _answers()


@right(reference=_preference)
def each_answer_has_its_mask():
    """DPO with two masks: neither is that of the other answer."""
    return _preference, _answers()


def _balance(router_logits, attention_mask):
    experts = router_logits.shape[-1]
    kept = attention_mask.bool()
    probabilities = router_logits.softmax(-1)[kept]
    best = F.one_hot(probabilities.argmax(-1), experts).double()
    return experts * (best.mean(0) * probabilities.mean(0)).sum()


def _routed(dtype=torch.int64):
    steps = torch.arange(6) < torch.tensor([[6], [3]])
    return normal(2, 6, 4, seed=1, grad=True), steps.to(dtype)


@mistake("mask-leak", reference=_balance, shows=value_differs)
def router_counts_padding():
    """The load of the experts counts padding, their probability does not."""

    def load_balancing(router_logits, attention_mask):
        probabilities = router_logits.softmax(-1)
        experts = probabilities.shape[-1]
        load = F.one_hot(router_logits.argmax(-1), experts).double().mean((0, 1))
        mask = attention_mask.unsqueeze(-1).to(probabilities)
        share = (probabilities * mask).sum((0, 1)) / mask.sum().clamp(min=1)
        return experts * (load * share).sum()

    return load_balancing, _routed()


@right(reference=_balance)
def router_leaves_padding_out():
    """Both are counted over the tokens that the mask keeps."""

    def load_balancing(router_logits, attention_mask):
        probabilities = router_logits.softmax(-1)
        experts = probabilities.shape[-1]
        mask = attention_mask[..., None].to(probabilities)
        count = mask.sum().clamp(min=1)
        best = torch.zeros_like(probabilities).scatter(
            -1, router_logits.argmax(-1, keepdim=True), 1.0
        )
        load = (best * mask).sum((0, 1)) / count
        return experts * (load * (probabilities * mask).sum((0, 1)) / count).sum()

    return load_balancing, _routed(torch.float64)


def _without_void(logits, target):
    return F.cross_entropy(logits, target, ignore_index=255)


def _pixels():
    target = labels(3, 2, 4, 5, seed=2)
    target[0, 0] = target[1, 3, 2:] = 255
    return normal(2, 3, 4, 5, seed=1, grad=True), target


@mistake("mask-leak", reference=_without_void, shows=value_differs)
def void_is_background():
    """Pixels of label 255 become background in place of being left out."""

    def loss(logits, target):
        target = target.clone()
        target[target == 255] = 0
        return F.cross_entropy(logits, target)

    return loss, _pixels()


@right(reference=_without_void)
def void_is_left_out():
    """A class is put in for 255 so that gather can run, and then masked."""

    def loss(logits, target):
        valid = target != 255
        known = target.masked_fill(~valid, 0).unsqueeze(1)
        losses = -logits.log_softmax(1).gather(1, known).squeeze(1)
        return torch.where(valid, losses, 0.0).sum() / valid.sum().clamp(min=1)

    return loss, _pixels()


def _smoothness(path, lengths):
    inside = torch.arange(1, path.shape[1]) < lengths[:, None]
    steps = path.diff(dim=1).pow(2).mean(-1)
    return (steps * inside).sum() / inside.sum().clamp(min=1)


def _what_follows_the_end_matters(case):
    loss, (path, lengths) = case.fresh()
    inside = (torch.arange(path.shape[1]) < lengths[:, None])[..., None]
    changed = torch.where(inside, path, path + 2.0)
    assert not torch.allclose(loss(changed, lengths), loss(path, lengths))
    reference = case.reference
    torch.testing.assert_close(reference(changed, lengths), reference(path, lengths))


def _paths():
    return normal(3, 6, 2, seed=1, grad=True), torch.tensor([3, 5, 4])


@mistake("mask-leak", reference=_smoothness, shows=_what_follows_the_end_matters)
def step_beyond_the_end():
    """The difference of the last step and the first one of the padding counts."""

    def smoothness(path, lengths):
        inside = torch.arange(path.shape[1] - 1) < lengths[:, None]
        steps = (path[:, 1:] - path[:, :-1]).pow(2).mean(-1)
        return (steps * inside).sum() / inside.sum().clamp(min=1)

    return smoothness, _paths()


@right(reference=_smoothness)
def steps_within_the_length():
    """The same with the mask of the later one of two steps."""
    return _smoothness, _paths()


def _spread(x, valid):
    count = valid.sum(1, keepdim=True).clamp(min=1)
    centre = (x * valid).sum(1, keepdim=True) / count
    return ((x - centre) ** 2 * valid / count).sum(1).mean()


def _invalid_entries_matter(case):
    loss, (x, valid) = case.fresh()
    changed = torch.where(valid > 0, x, x + 2.0)
    assert not torch.allclose(loss(changed, valid), loss(x, valid))
    torch.testing.assert_close(case.reference(changed, valid), case.reference(x, valid))


def _valid():
    return (torch.arange(5) < torch.tensor([3, 5, 2])[:, None]).double()


@mistake("mask-leak", reference=_spread, shows=_invalid_entries_matter)
def centre_of_all_entries():
    """No target: only the spread of what is valid, around the mean of everything."""

    def spread(x, valid):
        centre = x.mean(1, keepdim=True)
        count = valid.sum(1, keepdim=True).clamp(min=1)
        return ((x - centre) ** 2 * valid / count).sum(1).mean()

    return spread, (normal(3, 5, seed=1, grad=True), _valid())


@right(reference=_spread)
def centre_of_valid_entries():
    """The same around the mean of what is valid."""
    return _spread, (normal(3, 5, seed=1, grad=True), _valid())


def _overlap_of_known(logits, target):
    known = (target != 255)[:, None]
    hot = F.one_hot(target.where(target != 255, 0), 3).movedim(-1, 1) * known
    p = logits.softmax(1) * known
    both, either = (p * hot).sum((0, 2, 3)), (p + hot).sum((0, 2, 3))
    return 1 - ((2 * both + 1) / (either + 1)).mean()


def _ignored_pixels_matter(case):
    loss, (logits, target) = case.fresh()
    ignored = (target == 255)[:, None]
    changed = torch.where(ignored, logits + torch.arange(3.0)[:, None, None], logits)
    assert not torch.allclose(loss(changed, target), loss(logits, target))
    torch.testing.assert_close(
        case.reference(changed, target), case.reference(logits, target)
    )


def _pictures_with_borders():
    target = labels(3, 2, 4, 4, seed=2)
    target[:, 0] = 255
    return normal(2, 3, 4, 4, seed=1, grad=True), target


@mistake("mask-leak", reference=_overlap_of_known, shows=_ignored_pixels_matter)
def ignored_pixels_in_the_sum_of_probabilities():
    """Pixels without a label are left out of the overlap, and counted below it."""

    def dice(logits, target):
        known = (target != 255)[:, None]
        hot = F.one_hot(target.where(target != 255, 0), 3).movedim(-1, 1) * known
        p = logits.softmax(1)
        both, either = (p * hot).sum((0, 2, 3)), (p + hot).sum((0, 2, 3))
        return 1 - ((2 * both + 1) / (either + 1)).mean()

    return dice, _pictures_with_borders()


@right(reference=_overlap_of_known)
def ignored_pixels_out_of_both_sums():
    """Pixels without a label are left out of both sums."""
    return _overlap_of_known, _pictures_with_borders()
