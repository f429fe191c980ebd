"""Parts of different size are weighted alike."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.check.explaining import Finding, Kind, Symptom
from ownloss.check.inputs import Domain
from ownloss.check.observing import Observation

KIND = Kind(
    slug="mean-of-means",
    title="Mean of means",
    meaning="Micro-batches or rows with different numbers of tokens are averaged each "
    "for itself and then weighted alike: a token in a short one counts more.",
    shows="The samples are split unevenly, or joined; the value must not change.",
    cure="Sum over all parts, count over all parts, divide once.",
    wrong='''\
import torch

def loss(prediction, target):
    parts = zip(prediction.split(4), target.split(4))
    means = [(p - t).square().mean() for p, t in parts]
    return sum(means) / len(means)

inputs = (torch.arange(5.0, requires_grad=True), torch.zeros(5))
''',
    right='''\
import torch

def loss(prediction, target):
    parts = zip(prediction.split(4), target.split(4))
    return sum((p - t).square().sum() for p, t in parts) / prediction.numel()

inputs = (torch.arange(5.0, requires_grad=True), torch.zeros(5))
''',
)

_DETAILS = {
    "explains": (Symptom.VALUE, Symptom.ORDER, Symptom.GROWTH),
    "weight": 77,
}


def explain(seen: Observation) -> Iterator[Finding]:
    """Join lists of parts; weigh the samples; compare rows of different lengths."""
    if not seen.base.finite or not seen.steady:
        return
    for judge in (_joined, _weighed, _ragged):
        found = judge(seen)
        if found is not None:
            yield found
            return


def _joined(seen: Observation) -> Finding | None:
    """Lists of tensors of different lengths, against the same joined to one."""
    args, tensors = [], iter(seen.leaves)
    sizes: list[int] = []
    for arg in seen.args:
        listed = isinstance(arg, (list, tuple)) and len(arg) > 1
        if listed and all(isinstance(a, Tensor) and a.dim() for a in arg):
            sizes = [len(a) for a in arg]
            try:
                args.append(type(arg)([torch.cat([a.detach().double() if a.is_floating_point() else a for a in arg])]))
            except (RuntimeError, TypeError):
                return None
        elif listed and all(
            isinstance(a, (list, tuple)) and all(isinstance(t, Tensor) for t in a)
            for a in arg
        ):
            sizes = [len(a[0]) if a and a[0].dim() else 0 for a in arg]
            try:
                joined = [torch.cat([t.detach().double() if t.is_floating_point() else t for t in part]) for part in zip(*arg, strict=True)]
            except (RuntimeError, TypeError, ValueError):
                return None
            args.append([tuple(joined)])
        else:
            args.append(arg)
    del tensors
    if len(set(sizes)) < 2:
        return None
    try:
        whole = seen.run().call(*args, **seen.kwargs)
        total = float(whole)
    except Exception:  # it takes the list for something else
        return None
    if not math.isfinite(total) or seen.close(total, seen.value, 1e3):
        return None
    if seen.close(total * len(sizes), seen.value, 1e3):
        return None
    split = " + ".join(map(str, sizes))
    return KIND.error(
        f"Split into {split} the loss is {seen.value:.4g}, in one piece {total:.4g}: "
        "divide by the count over all parts.",
        evidence={"sizes": sizes, "split": seen.value, "whole": total},
        **_DETAILS,
    )


def _weighed(seen: Observation) -> Finding | None:
    """Samples that are alike but count differently because of where they stand."""
    weights = [w for w in seen.row_weights if math.isfinite(w)]
    if len(weights) < 3 or min(weights) <= 0:
        return None
    if max(weights) < 1.01 * min(weights) or any(_counts(seen)):
        return None
    size = seen.batch
    turned = seen.run(seen.rows([*range(size)][::-1]))
    found = seen.gradients(turned)
    if found.error is not None or found.values[0] is None:
        return None
    first = found.values[0][-1]
    alone = seen.gradients(seen.run(seen.rows([0]))).values[0][0]
    square = (alone**2).sum().item()
    if not square:
        return None
    moved = (first * alone).sum().item() / square
    if abs(moved - weights[0]) < 1e-3 * weights[0]:
        return None
    return KIND.error(
        f"Samples count differently by their place in the batch: from "
        f"{min(weights):.3g} to {max(weights):.3g}. The batch is split into parts of "
        "different size that are weighted alike.",
        evidence={"weights": weights},
        **_DETAILS,
    )


def _counts(seen: Observation) -> list[int]:
    """How many entries of each row count, where a mask or labels tell."""
    for leaf in seen.batched:
        if leaf.differentiable or leaf.value.dim() < 2:
            continue
        kept = None
        if leaf.domain is Domain.LABELS and int(leaf.value.min()) < 0:
            kept = leaf.value != leaf.value.min()
        elif leaf.domain in (Domain.MASK, Domain.BINARY) and leaf.named_like(
            "mask", "valid"
        ):
            kept = leaf.value.bool()
        if kept is not None:
            return kept.reshape(seen.batch, -1).sum(1).tolist()
    return []


def _ragged(seen: Observation) -> Finding | None:
    """Rows with different numbers of tokens that count alike."""
    counts = _counts(seen)[:12]
    weights = seen.row_weights
    if len(set(counts)) < 2 or len(weights) != len(counts):
        return None
    known = [(w, c) for w, c in zip(weights, counts, strict=True) if w == w and c]
    if len({c for _, c in known}) < 2:
        return None
    first = known[0][0]
    alike = all(abs(w - first) <= 1e-4 * abs(first) for w, _ in known)
    if not alike or abs(first - 1) < 1e-6:
        return None
    if seen.versus and not seen.value_differs:
        return None
    say = KIND.error if seen.value_differs else KIND.warning
    split = " + ".join(str(c) for _, c in known[:6])
    return say(
        f"Rows with {split} tokens count alike, so a token in a short row counts more "
        "than one in a long row: divide by the number of all tokens.",
        evidence={"counts": counts, "weights": weights},
        **_DETAILS,
    )
