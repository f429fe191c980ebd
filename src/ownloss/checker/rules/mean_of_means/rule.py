"""Parts of different size are weighted alike."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.containers import tensors_in, with_tensors
from ownloss.checker.copies import cast, modules_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role, is_part, is_scale
from ownloss.checker.subject import Point
from ownloss.checker.wording import apart

KIND = Kind(
    slug="mean-of-means",
    title="Mean of means",
    meaning="Micro-batches or rows with different numbers of tokens are averaged each "
    "for itself and then weighted alike: a token in a short one counts more.",
    shows="The samples are split unevenly, or joined; the value must not change.",
    cure="Sum over all parts, count over all parts, divide once.",
)
_LOSSES = (
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div"),
    *("binary_cross_entropy", "binary_cross_entropy_with_logits"),
)
CALLS = 10

_DETAILS = {
    "explains": (Symptom.VALUE, Symptom.ORDER, Symptom.GROWTH),
}


def find(seen: Observation) -> Iterator[Finding]:
    """Join lists of parts; weigh the samples; compare rows of different lengths."""
    if not seen.base.finite or not seen.determinism.steady:
        return
    for judge in (_joined, _alike, _weighed, _chunked, _ragged):
        found = judge(seen)
        if found is not None:
            yield found
            return


def _joined(seen: Observation) -> Finding | None:
    """Lists of parts of different lengths, against the same joined to one part."""
    if any(argument.packed for argument in seen.arguments):
        return None
    try:
        sizes = _part_sizes(seen.args)
    except RecursionError:  # a list that holds itself, or is nested too deep for parts
        return None
    if len(set(sizes)) < 2:
        return None
    count = len(sizes)
    twin = seen.run().call
    try:
        values = [
            float(seen.call(twin, _parts(seen.args, count, lambda parts: parts))),
            float(seen.call(twin, _parts(seen.args, count, _as_one))),
        ]
        alone = [
            float(seen.call(twin, _parts(seen.args, count, partial(_only, k))))
            for k in range(count)
        ]
    except Exception:  # it takes the list for something else
        return None
    split, whole = values
    mean = sum(alone) / count
    weighted = sum(n * v for n, v in zip(sizes, alone, strict=True)) / sum(sizes)
    averaged = seen.precision.close(split, mean, 1e4)
    added = seen.precision.close(split, sum(alone), 1e4)
    if not seen.precision.close(whole, weighted, 1e4) or not (averaged or added):
        return None
    if seen.precision.close(split, whole, 1e4):
        return None
    names = [argument.name for argument in seen.arguments if not argument.top]
    for module in modules_of(seen.loss):
        names += [name for name in vars(module) if not name.startswith("_")]
    parts_of_one = any(map(is_part, names)) or _pairs(seen.args)
    if not parts_of_one and (added or _scales(sizes) or any(map(is_scale, names))):
        return None  # the levels of a pyramid, or layers, count alike on purpose
    say = KIND.error if parts_of_one or seen.reference.differs else KIND.warning
    parts = " + ".join(map(str, sizes))
    apart_, at_once = apart(split, whole)
    return say(
        f"Split into {parts} the loss is {apart_}, in one piece {at_once}: "
        "divide by the count over all parts.",
        evidence={"sizes": sizes, "split": split, "whole": whole},
        **_DETAILS,
    )


def _alike(seen: Observation) -> Finding | None:
    """Parts of one batch that count alike, though they have other numbers of labels."""
    parts = [x for x in seen.arguments if x.role is Role.LABELS]
    parts = [x for x in parts if not x.top and not x.in_record]
    counts = []
    for part in parts:
        ignored = seen.selection.ignored_label(part)
        kept = part.value.numel() if ignored is None else (part.value != ignored).sum()
        counts.append(int(kept))
    if len(set(counts)) < 2 or not all(is_part(x.name) for x in parts):
        return None
    twin = seen.run().call
    try:
        alone = [
            float(seen.call(twin, _parts(seen.args, len(parts), partial(_only, k))))
            for k in range(len(parts))
        ]
    except Exception:  # it takes the list for something else
        return None
    if not seen.precision.close(seen.value, sum(alone) / len(alone), 1e4):
        return None
    say = KIND.error if seen.reference.differs else KIND.warning
    numbers = " and ".join(map(str, counts))
    return say(
        f"The loss is the mean of what its {len(parts)} parts give alone, though they "
        f"have {numbers} labels that count.",
        cure="Sum over all parts, and divide by the number of labels in all of them.",
        evidence={"counts": counts, "alone": alone},
        **_DETAILS,
    )


def _chunked(seen: Observation) -> Finding | None:
    """Chunks of the batch that count alike, though they have other numbers of labels.

    Where all entries count, a chunk is the mean of its samples; of groups that are
    compared within, such as several answers to one question, that is not so.
    """
    size = seen.batch.size
    swapped = [size - 1, *range(1, size - 1), 0]
    if size < 3 or not seen.scalar or _order_is_free(seen, seen.point, swapped):
        return None
    for ends in _chunkings(size):
        if not _adds_up(seen, ends):
            continue
        if all(_is_mean_of(seen, order, ends) for order in ([*range(size)], swapped)):
            say = KIND.error if seen.reference.differs else KIND.warning
            sizes = " + ".join(str(b - a) for a, b in pairwise((0, *ends)))
            return say(
                f"The loss is the mean of what chunks of {sizes} samples give alone, "
                "though other numbers of their entries count: which samples share a "
                "chunk changes it.",
                evidence={"ends": ends},
                **_DETAILS,
            )
    return None


def _order_is_free(seen: Observation, point: Point, order: list[int]) -> bool:
    """Whether the samples give the same in another order."""
    here, there = seen.run(point), seen.run(seen.batch.rows(order, point))
    known = here.finite and there.finite
    return known and seen.precision.close(here.total, there.total, 100)


def _all_kept(seen: Observation) -> Point:
    """The point given, where every mask lets everything count, and every label does."""
    values = {}
    for argument in seen.arguments:
        kept = seen.selection.kept(argument)
        if kept is not None and bool(kept.any()) and not argument.parameter:
            counts = argument.value[kept][0]
            values[argument] = torch.where(kept, argument.value, counts)
    return seen.with_values(values)


def _adds_up(seen: Observation, ends: list[int]) -> bool:
    """Whether the first samples give the mean of what each gives, if all counts.

    All are repeated: where the loss cuts what it is given, into so many chunks, each
    chunk is the same.
    """
    point, times, count = _all_kept(seen), len(ends), ends[0]
    whole = seen.run(seen.batch.rows([*range(count)] * times, point))
    alone = [seen.run(seen.batch.rows([i] * times, point)) for i in range(count)]
    mean = sum(run.total for run in alone) / count
    known = whole.finite and all(run.finite for run in alone) and bool(whole.total)
    return known and seen.precision.close(whole.total, mean, 100)


def _chunkings(size: int) -> list[list[int]]:
    """The ends of chunks: all of one length but the last, or as equal as may be."""
    found = [[*range(k, size, k), size] for k in range(2, size)]
    for count in range(2, size):
        few, more = divmod(size, count)
        lengths = [few + 1] * more + [few] * (count - more)
        ends = [*accumulate(lengths)]
        if ends not in found:
            found.append(ends)
    return found


def _is_mean_of(seen: Observation, order: list[int], ends: list[int]) -> bool:
    """Whether the samples in some order give the mean of what their chunks give."""
    chunks = [order[a:b] for a, b in pairwise((0, *ends))]
    alone = [seen.run(seen.batch.rows(chunk * len(chunks))) for chunk in chunks]
    mean = sum(run.total for run in alone) / len(alone)
    whole = seen.run(seen.batch.rows(order)).total
    known = all(run.finite for run in alone)
    return known and seen.precision.close(mean, whole, 100)


def _scales(sizes: list[int]) -> bool:
    """Whether each part is 2, 4, ... times smaller, or larger, than the one before."""
    ratios = {max(a, b) / min(a, b) for a, b in pairwise(sizes) if min(a, b)}
    falls = sizes in (sorted(sizes), sorted(sizes, reverse=True))
    return falls and len(sizes) > 2 and len(ratios) == 1 and min(ratios) >= 2


def _pairs(tree: Any) -> bool:
    """Whether there is a list of pairs, or of dictionaries: one for each part."""
    if isinstance(tree, list) and tree and not isinstance(tree[0], Tensor):
        return all(_first(branch) is not None for branch in tree)
    return isinstance(tree, tuple) and any(map(_pairs, tree))


def _part_sizes(tree: Any) -> list[int]:
    """The lengths of the parts in the first list of parts; empty if there is none."""
    branches = tree.values() if isinstance(tree, dict) else tree
    several = isinstance(tree, (list, tuple)) and len(tree) > 1
    if several and all(isinstance(t, Tensor) and t.dim() for t in tree):
        return [len(t) for t in tree]
    if not isinstance(tree, (dict, list, tuple)):
        return []
    found = [sizes for sizes in map(_part_sizes, branches) if len(set(sizes)) > 1]
    if found:
        return found[0]
    firsts = [t for branch in branches if (t := _first(branch)) is not None]
    if isinstance(tree, list) and len(branches) > 1 and len(firsts) == len(branches):
        return [len(t) for t in firsts]
    return []


def _first(tree: Any) -> Tensor | None:
    tensors = [t for _, t in tensors_in(tree) if t.dim()]
    return tensors[0] if tensors and not isinstance(tree, Tensor) else None


def _parts(tree: Any, count: int, change: Callable[[list[Any]], list[Any]]) -> Any:
    """Change every list of parts in the arguments."""
    if isinstance(tree, dict):
        return {key: _parts(branch, count, change) for key, branch in tree.items()}
    if isinstance(tree, (list, tuple)):
        plain = all(isinstance(t, Tensor) and t.dim() for t in tree)
        nested = isinstance(tree, list) and all(_first(b) is not None for b in tree)
        if len(tree) == count and (plain or nested):
            return change([_copied(branch) for branch in tree])
        return type(tree)([_parts(branch, count, change) for branch in tree])
    return _copied(tree)


def _copied(tree: Any) -> Any:
    return with_tensors(
        tree, (cast(t.detach().clone(), torch.float64) for _, t in tensors_in(tree))
    )


def _only(place: int, parts: list[Any]) -> list[Any]:
    return [parts[place]]


def _as_one(parts: list[Any]) -> list[Any]:
    """Join parts that are tensors, tuples or dicts of tensors."""
    first = parts[0]
    if isinstance(first, Tensor):
        return [torch.cat(parts)]
    if isinstance(first, dict):
        return [{key: _as_one([p[key] for p in parts])[0] for key in first}]
    return [type(first)([_as_one(list(part))[0] for part in zip(*parts, strict=True)])]


def _weighed(seen: Observation) -> Finding | None:
    """Samples that count in inverse proportion to the size of the part they are in."""
    weights = _against_reference(seen)
    if not weights and (seen.reference.differs or not _weights_stay(seen)):
        return None
    weights = weights or seen.batch.row_weights
    if len(weights) < 3 or min(weights) <= 0 or max(weights) < 1.01 * min(weights):
        return None
    counts = _counts(seen) or [1] * seen.batch.size
    shares = [w / n for w, n in zip(weights, counts, strict=False) if n]
    if max(shares) < 1.01 * min(shares):
        return None  # every entry counts alike
    groups: dict[float, int] = {}
    for weight, count in zip(weights, counts, strict=False):
        known = next((w for w in groups if abs(w - weight) < 1e-3 * w), weight)
        groups[known] = groups.get(known, 0) + count
    if len(groups) == len(weights):
        return None  # each has a weight of its own, as steps with a discount
    totals = sorted(w * n for w, n in groups.items() if n)
    if any(abs(t / totals[0] - round(t / totals[0])) > 1e-2 for t in totals):
        return None
    least, most = apart(min(weights), max(weights), 3)
    return KIND.error(
        f"Samples count differently by the part of the batch that they are in: from "
        f"{least} to {most}"
        f"{' times the reference' if seen.reference.differs else ''}. Parts of "
        "different size are weighted alike.",
        evidence={"weights": weights},
        **_DETAILS,
    )


def _weights_stay(seen: Observation) -> bool:
    """Whether weights belong to the places in the batch, not to the samples."""
    weights = seen.batch.row_weights
    if not weights or len(weights) != seen.batch.size or any(w != w for w in weights):
        return False
    order = [*range(1, seen.batch.size), 0]
    run = seen.run(seen.batch.rows(order))
    turned = seen.backward(run)
    gradient = turned.values[0]
    if turned.error is not None or gradient is None:
        return False
    for place, row in enumerate(order):
        alone = seen.backward(seen.run(seen.batch.rows([row]))).values[0]
        if alone is None:
            return False
        expected = weights[place] * alone[0]
        if not torch.allclose(gradient[place], expected, rtol=1e-3, atol=1e-9):
            return False
    return True


def _against_reference(seen: Observation) -> list[float]:
    """How much each sample counts, as a multiple of what it does in the reference."""
    if not seen.reference.differs or seen.batch.size < 2 or not seen.scalar:
        return []
    weights = _ratios(seen, seen.point)
    if _counts(seen) or not weights:
        return weights
    # By the place in the batch, whatever stands there: else it is another formula.
    elsewhere = _ratios(seen, seen.points.jittered(1.0, 2))
    same = len(elsewhere) == len(weights) and all(
        math.isclose(a, b, rel_tol=1e-3)
        for a, b in zip(weights, elsewhere, strict=True)
    )
    return weights if same else []


def _ratios(seen: Observation, point: Point) -> list[float]:
    trusted = seen.backward(seen.reference.run(point))
    own = seen.backward(seen.run(point))
    if trusted.error is not None or own.error is not None:
        return []
    a, b = own.values[0], trusted.values[0]
    if a is None or b is None or not a.shape[:1] == b.shape[:1] == (seen.batch.size,):
        return []
    weights = []
    for mine, right in zip(a, b, strict=True):
        square = (right.abs() ** 2).sum().item()
        if not square:
            return []
        weight = (mine * right.conj()).real.sum().item() / square
        if (mine - weight * right).abs().max() > 1e-4 * mine.abs().max() + 1e-12:
            return []
        weights.append(weight)
    return weights


def _selecting(seen: Observation) -> tuple[Argument, Tensor] | None:
    """A mask or labels with padding, and which of their entries count."""
    for argument in seen.batch.arguments:
        if argument.differentiable or argument.value.dim() < 2:
            continue
        kept = seen.selection.kept(argument)
        if kept is not None:
            return argument, kept
    return None


def _counts(seen: Observation) -> list[int]:
    """How many entries of each row count, where a mask or labels tell."""
    found = _selecting(seen)
    return (
        [] if found is None else found[1].reshape(seen.batch.size, -1).sum(1).tolist()
    )


def _reference_weighs_alike(seen: Observation) -> bool:
    """Whether each row counts alike in the reference, too."""
    together = seen.backward(seen.reference.run()).values[0]
    weights = []
    for row in range(min(seen.batch.size, 12)):
        alone = seen.backward(seen.reference.run(seen.batch.rows([row]))).values[0]
        if together is None or alone is None:
            return False
        if bool(alone.any()):
            weights.append((together[row].norm() / alone.norm()).item())
    return bool(weights) and math.isclose(min(weights), max(weights), rel_tol=1e-4)


def _rows_are_means(seen: Observation) -> bool:
    """Whether a row is divided by the number of its tokens, not by its length.

    One token more is masked out; the gradient of the others must grow accordingly.
    """
    found = _selecting(seen)
    if found is None:
        return False
    argument, kept = found
    row = int(kept.reshape(seen.batch.size, -1).sum(1).argmax())
    places = kept[row].reshape(-1).nonzero().reshape(-1).tolist()
    point = seen.batch.rows([row])
    before = _by_token(seen, point, argument)
    point[seen.index(argument)] = point[seen.index(argument)].clone()
    point[seen.index(argument)].view(-1)[places[-1]] = argument.value[~kept].reshape(
        -1
    )[0]
    after = _by_token(seen, point, argument)
    if before is None or after is None or len(places) < 2:
        return False
    growth = (after[places[0]] / before[places[0]]).item()
    return abs(growth - len(places) / (len(places) - 1)) < 1e-3


def _by_token(seen: Observation, point: Point, argument: Argument) -> Tensor | None:
    """The size of the first input's gradient at every token of one row."""
    gradient = seen.backward(seen.run(point)).values[0]
    if gradient is None:
        return None
    gradient, shape = gradient[0].abs(), argument.value.shape[1:]
    if gradient.shape[: len(shape)] != shape:
        gradient = gradient.movedim(0, -1)  # classes first
    if gradient.shape[: len(shape)] != shape:
        return None
    return gradient.reshape(shape.numel(), -1).sum(1)


def _has_numbers_of_rows(seen: Observation) -> bool:
    """Whether rows are what is judged: each comes with an advantage or a reward."""
    return any(
        x.floating and x.value.dim() == 1 and not x.differentiable and x.kept is None
        for x in seen.batch.arguments
    )


def _averages_several(seen: Observation) -> bool:
    """Whether torch's own losses take a mean each, of one part after the other."""
    calls = seen.graph.trace.named("cross_entropy", "nll_loss", *_LOSSES)
    means = [c for c in calls if c.kwargs.get("reduction", "mean") == "mean"]
    return len(means) > 1


def _ragged(seen: Observation) -> Finding | None:
    """Rows with different numbers of tokens that count alike."""
    counts = _counts(seen)[:12]
    weights = seen.batch.row_weights
    if len(set(counts)) < 2 or len(weights) != len(counts):
        return None
    known = [(w, c) for w, c in zip(weights, counts, strict=True) if w == w and c]
    if len({c for _, c in known}) < 2:
        return None
    first = known[0][0]
    alike = all(abs(w - first) <= 1e-4 * abs(first) for w, _ in known)
    if not alike or abs(first - 1) < 1e-6:
        return None
    if seen.reference.values and not seen.reference.differs:
        return None
    if not _rows_are_means(seen):
        return None
    if seen.reference.differs and _reference_weighs_alike(seen):
        return None
    if not seen.reference.differs and _has_numbers_of_rows(seen):
        return None
    # Whoever divides by the length of each row knows that there are rows.
    say = KIND.warning if _averages_several(seen) else KIND.note
    say = KIND.error if seen.reference.differs else say
    split = " + ".join(str(c) for _, c in known[:6])
    return say(
        f"Rows with {split} tokens count alike, so a token in a short row counts more "
        "than one in a long row: divide by the number of all tokens.",
        evidence={"counts": counts, "weights": weights},
        **_DETAILS,
    )
