"""Micro-batches or rows of different sizes weighted alike."""

import torch
import torch.nn.functional as F
from torch import nn

from . import mistake, right
from .inputs import labels, normal


def _micro_batches():
    sizes = (2, 10, 3)
    logits = [normal(n, 4, seed=n, grad=True) for n in sizes]
    return logits, [labels(4, n, seed=n) for n in sizes]


def _whole(logits, targets):
    return F.cross_entropy(torch.cat(list(logits)), torch.cat(list(targets)))


@mistake("mean-of-means", reference=_whole)
def micro_batches_weighted_alike():
    """Gradient accumulation: the mean of the means of uneven micro-batches."""

    def accumulated(logits, targets):
        total = 0.0
        for x, t in zip(logits, targets, strict=True):
            total = total + F.cross_entropy(x, t) / len(logits)
        return total

    return accumulated, _micro_batches()


@right(reference=_whole)
def micro_batches_by_their_samples():
    """The same, summed and divided once."""

    def accumulated(logits, targets):
        count = sum(len(t) for t in targets)
        return sum(
            F.cross_entropy(x, t, reduction="sum") / count
            for x, t in zip(logits, targets, strict=True)
        )

    return accumulated, _micro_batches()


@mistake("mean-of-means", reference=_whole)
def fixed_accumulation_steps():
    """The sum of means over gradient_accumulation_steps = 4, though 3 came."""

    class Accumulated(nn.Module):
        def __init__(self, accumulation_steps=4):
            super().__init__()
            self.accumulation_steps = accumulation_steps
            self.criterion = nn.CrossEntropyLoss()

        def forward(self, logits, targets):
            losses = [
                self.criterion(x, t) for x, t in zip(logits, targets, strict=True)
            ]
            return torch.stack(losses).sum() / self.accumulation_steps

    return Accumulated(), _micro_batches()


def _tokens(rows=3, steps=6, classes=5):
    logits = normal(rows, steps, classes, seed=1, grad=True)
    target = labels(classes, rows, steps, seed=2)
    target[1, 1:] = -100
    target[2, 3:] = -100
    return logits, target


def _token_mean(logits, target):
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())


@mistake("mean-of-means", reference=_token_mean)
def sentences_weighted_alike():
    """Language model: the mean over rows of the mean over their tokens."""

    class SequenceLoss(nn.Module):
        def forward(self, logits, target):
            nll = F.cross_entropy(logits.transpose(1, 2), target, reduction="none")
            keep = (target != -100).to(nll.dtype)
            per_row = (nll * keep).sum(1) / keep.sum(1).clamp(min=1)
            return per_row.mean()

    return SequenceLoss(), _tokens()


@right(reference=_token_mean)
def tokens_weighted_alike():
    """The same over all tokens."""

    class SequenceLoss(nn.Module):
        def forward(self, logits, target):
            nll = F.cross_entropy(logits.transpose(1, 2), target, reduction="none")
            count = (target != -100).sum().clamp(min=1)
            return nll.sum() / count

    return SequenceLoss(), _tokens()


@mistake("mean-of-means", reference=_token_mean)
def chunks_of_the_batch_averaged():
    """The batch is cut into chunks to save memory, and their means averaged."""

    def chunked(logits, target, chunks=2):
        losses = [
            F.cross_entropy(x.reshape(-1, x.size(-1)), t.reshape(-1))
            for x, t in zip(logits.chunk(chunks), target.chunk(chunks), strict=True)
        ]
        return sum(losses) / chunks

    return chunked, _tokens()


def _by_dataset(prediction, target, source):
    return F.mse_loss(prediction, target)


def _sourced():
    source = torch.tensor([0, 0, 0, 0, 1, 0, 1, 0])
    return normal(8, 2, seed=1, grad=True), normal(8, 2, seed=2), source


@mistake("mean-of-means", reference=_by_dataset)
def workers_averaged():
    """What DDP does to uneven shards: every worker's mean counts the same."""

    class ShardedMSE(nn.Module):
        def __init__(self, world_size=2):
            super().__init__()
            self.world_size = world_size

        def forward(self, prediction, target, rank):
            total = 0.0
            for worker in range(self.world_size):
                mine = rank == worker
                if mine.any():
                    total = total + F.mse_loss(prediction[mine], target[mine])
            return total / self.world_size

    return ShardedMSE(), _sourced()


def _episodes():
    rewards = [normal(n, seed=n) for n in (3, 7, 2)]
    log_probs = [(-normal(n, seed=n + 20).abs()).requires_grad_() for n in (3, 7, 2)]
    return {"log_probs": log_probs, "returns": rewards}


@mistake(
    "mean-of-means",
    reference=lambda batch: (
        -(torch.cat(batch["log_probs"]) * torch.cat(batch["returns"])).mean()
    ),
)
def episodes_weighted_alike():
    """REINFORCE: the mean of the episode means, whatever their lengths."""

    def policy_loss(batch):
        per_episode = [
            -(log_p * ret).mean()
            for log_p, ret in zip(batch["log_probs"], batch["returns"], strict=True)
        ]
        return torch.stack(per_episode).mean()

    return policy_loss, (_episodes(),)


@mistake(
    "mean-of-means",
    reference=lambda p, t, m: ((p - t).pow(2) * m).sum() / m.sum().clamp(min=1),
)
def images_with_few_pixels_count_as_much():
    """Masked MSE: the mean over images of the mean over their valid pixels."""

    class MaskedMSE(nn.Module):
        def forward(self, prediction, target, mask):
            r = torch.where(mask, prediction - target, 0.0).flatten(1)
            per_image = r.pow(2).sum(1) / mask.flatten(1).sum(1).clamp(min=1)
            return per_image.mean()

    prediction, target = normal(3, 4, 4, seed=1, grad=True), normal(3, 4, 4, seed=2)
    mask = normal(3, 4, 4, seed=3) > torch.tensor([-2.0, 0.0, 1.0])[:, None, None]
    return MaskedMSE(), (prediction, target, mask)


@mistake("mean-of-means", reference=_whole)
def running_mean_of_chunks():
    """The loss so far and the next chunk are averaged in turn."""

    class Streaming(nn.Module):
        def forward(self, logits, targets):
            loss = F.cross_entropy(logits[0], targets[0])
            for x, t in zip(logits[1:], targets[1:], strict=True):
                loss = (loss + F.cross_entropy(x, t)) / 2
            return loss

    return Streaming(), _micro_batches()


def _steps(logits, labels, count):
    parts = zip(logits, labels, strict=True)
    sums = [F.cross_entropy(x.mT, y, reduction="sum") for x, y in parts]
    counts = [(y != -100).sum() for y in labels]
    if count:
        return sum(sums) / sum(counts)
    return sum(s / n for s, n in zip(sums, counts, strict=True)) / len(sums)


def _padded():
    first, second = labels(4, 2, 5, seed=1), labels(4, 2, 3, seed=2)
    second[0, 1:] = -100
    logits = [normal(2, n, 4, seed=n, grad=True) for n in (5, 3)]
    return logits, [first, second]


@mistake("mean-of-means", reference=lambda *x: _steps(*x, count=True))
def micro_batches_of_other_lengths():
    """As many sequences in each, but longer ones, and each is a mean of its own."""

    def accumulated(micro_logits, micro_labels):
        return _steps(micro_logits, micro_labels, count=False)

    return accumulated, _padded()


@right(reference=lambda *x: _steps(*x, count=True))
def micro_batches_by_tokens():
    """All tokens of all parts count alike."""

    def accumulated(micro_logits, micro_labels):
        return _steps(micro_logits, micro_labels, count=True)

    return accumulated, _padded()


def _some_ignored():
    tokens = labels(5, 5, 4, seed=2)
    tokens[0, 2:] = tokens[1, 1:] = tokens[3, 3:] = -100
    return normal(5, 4, 5, seed=1, grad=True), tokens


def _tokens_at_once(logits, target):
    total = F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="sum")
    return total / (target != -100).sum().clamp(min=1)


@mistake("mean-of-means", reference=_tokens_at_once)
def chunks_to_spare_memory():
    """Two sequences at a time, and the mean of their means."""

    def loss(logits, target):
        means = [
            F.cross_entropy(x.flatten(0, 1), t.flatten())
            for x, t in zip(logits.split(2), target.split(2), strict=True)
        ]
        return torch.stack(means).mean()

    return loss, _some_ignored()


@right(reference=_tokens_at_once)
def chunks_by_their_tokens():
    """Two sequences at a time, summed, and divided once."""

    def loss(logits, target):
        total = sum(
            F.cross_entropy(x.flatten(0, 1), t.flatten(), reduction="sum")
            for x, t in zip(logits.split(2), target.split(2), strict=True)
        )
        return total / (target != -100).sum().clamp(min=1)

    return loss, _some_ignored()


@right()
def answers_compared_in_groups():
    """Three answers to each of two questions, in a row: their order is meant."""

    def loss(log_p, reward, mask):
        groups = reward.reshape(-1, 3)
        advantage = (groups - groups.mean(1, keepdim=True)).reshape(-1, 1)
        return -(advantage * log_p * mask).sum() / mask.sum().clamp(min=1)

    mask = (torch.arange(4) < torch.tensor([4, 2, 3, 1, 4, 3])[:, None]).double()
    return loss, (-normal(6, 4, seed=1).abs().requires_grad_(), normal(6, seed=2), mask)


def _all_tokens(logits, target):
    return F.cross_entropy(logits, target, ignore_index=-100)


def _eight_tokens():
    target = labels(3, 8, seed=2)
    target[2] = target[6] = target[7] = -100
    return normal(8, 3, seed=1, grad=True), target


@mistake("mean-of-means", reference=_all_tokens)
def shards_of_any_batch():
    """tensor_split cuts every batch into three shards, whose means are averaged."""

    def loss(logits, target):
        shards = zip(logits.tensor_split(3), target.tensor_split(3), strict=True)
        means = [
            F.cross_entropy(x, t, ignore_index=-100, reduction="sum")
            / (t != -100).sum().clamp(min=1)
            for x, t in shards
        ]
        return torch.stack(means).mean()

    return loss, _eight_tokens()


@right(reference=_all_tokens)
def shards_divided_by_all():
    """Sums of three shards, divided by what counts in all of them."""

    def loss(logits, target):
        shards = zip(logits.tensor_split(3), target.tensor_split(3), strict=True)
        sums = [
            F.cross_entropy(x, t, ignore_index=-100, reduction="sum") for x, t in shards
        ]
        return torch.stack(sums).sum() / (target != -100).sum().clamp(min=1)

    return loss, _eight_tokens()
