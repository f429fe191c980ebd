"""Entries that are masked out still count."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument, spread
from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role
from ownloss.checker.rules.mask_leak.kind import KIND
from ownloss.checker.rules.mask_leak.masks import (
    belongs_to,
    is_a_graph,
    masks_of,
    meet,
    meets_another,
    possible_masks,
)
from ownloss.checker.wording import apart

CALLS = 9

__all__ = ["CALLS", "KIND", "find"]

# So many classes are put in the place of a label to ignore.
TRIED = 4


def find(seen: Observation) -> Iterator[Finding]:
    """Change what every mask leaves out."""
    if not seen.inputs or seen.inputs[0].parameter or not seen.base.outputs:
        return
    masks = [
        (name, kept, sure)
        for name, kept, sure in masks_of(seen, seen.inputs[0])
        if bool(kept.any()) and not bool(kept.all())
        # A node without a label still acts on its neighbours.
        if sure or kept.dim() > 1 or not is_a_graph(seen)
    ]
    if seen.reference.differs:
        leak = next(_unlike_reference(seen), None)
        if leak is not None:
            yield leak
            return
    names = {name for name, *_ in masks}
    labels = {x.name for x in seen.arguments if x.domain is Domain.LABELS}
    notes = []
    for argument in seen.arguments:
        if (
            argument.parameter
            or not argument.floating
            or argument.domain is Domain.BINARY
        ):
            continue
        fitting = [
            (name, selected, sure)
            for name, kept, sure in masks
            if (selected := spread(kept, argument.value)) is not None
            and belongs_to(seen, argument, name, selected)
        ]
        # Of several masks, each is for its own inputs.
        own = [mask for mask in fitting if meet(seen, argument, mask[0], names)]
        others = any(meet(seen, argument, x, names | labels) for x in labels - names)
        if others:
            # It has labels of its own, which leave nothing out.
            fitting = [mask for mask in fitting if mask[0] not in labels]
        found: list[Finding | None] = []
        for name, selected, sure in own or fitting:
            if not (sure or own) and meets_another(seen, argument, name, names):
                found.append(None)  # it is for that one
                continue
            leak = _leaks(seen, argument, selected, name, sure, name not in labels)
            if leak is not None and leak.severity != "error" and others:
                # Where its other labels are asked, all of it counts.
                leak = leak if name not in labels else None
            found.append(leak)
        said = [f for f in found if f is not None and f.severity != "note"]
        if said and (own or len(said) == len(found)):
            yield said[0]
            return
        notes += [f for f in found if f is not None and f not in said]
    yield from notes[:1]


def _unlike_reference(seen: Observation) -> Iterator[Finding]:
    """Entries that a mask leaves out in the reference, and that count here."""
    for argument in seen.arguments:
        if argument.parameter or not argument.floating:
            continue
        value = cast(argument.value, seen.dtype)
        moved = seen.points.jittered(0.5, 11)[seen.index(argument)].to(seen.dtype)
        for name, on in possible_masks(seen, argument):
            selected = spread(on, value)
            if selected is None or bool(on.all()) or not bool(on.any()):
                continue
            for kept in (selected, ~selected):
                outside = {argument: torch.where(kept, value, moved)}
                inside = {argument: torch.where(kept, moved, value)}
                if seen.reference.moves(outside) is not False:
                    continue
                if not seen.reference.moves(inside):
                    continue
                after = seen.run(seen.with_values(outside))
                if after.error is not None or _same(
                    seen, seen.base.outputs, after.outputs
                ):
                    continue
                if not _all_others_count(seen):
                    return  # places are mixed up
                before, now = apart(seen.value, after.total)
                yield KIND.error(
                    f"The reference leaves out {int((~kept).sum())} entries of "
                    f"`{argument.name}` by `{name}`; here, changing them changes the "
                    f"loss from {before} to {now}.",
                    where=argument.name,
                    rests_on=(Symptom.MASKED,),
                    explains=(Symptom.VALUE, Symptom.GROWTH, Symptom.PLACE),
                    aspect="reference",
                )


def _all_others_count(seen: Observation) -> bool:
    """Whether the prediction gets a gradient wherever that of the reference does."""
    own = seen.base_backward.values[0]
    trusted = seen.backward(seen.reference.run()).values[0]
    if own is None or trusted is None or own.shape != trusted.shape:
        return True
    return bool((own != 0)[trusted != 0].all())


def _leaks(
    seen: Observation,
    argument: Argument,
    kept: Tensor,
    name: str,
    sure: bool,
    selects: bool,
) -> Finding | None:
    """Move what is masked out, then set it to NaN where a mask selects entries."""
    value = cast(argument.value, seen.dtype)
    base = seen.run()
    if not base.finite:
        return None
    # What is counted by a threshold or a rank may only move with a larger step.
    for amount in (0.5, 3.0):
        moved = seen.points.jittered(amount, 11)[seen.index(argument)].to(seen.dtype)
        there = torch.where(kept, value, moved)
        outside = seen.run(seen.with_values({argument: there}))
        if outside.error is not None:
            return None
        out = not _same(seen, base.outputs, outside.outputs)
        if out:
            break
    inside = seen.run(seen.with_values({argument: torch.where(kept, moved, value)}))
    if inside.error is not None:
        return None
    into = not _same(seen, base.outputs, inside.outputs)
    details = {
        "where": argument.name,
        "rests_on": (Symptom.MASKED,),
        "explains": (Symptom.VALUE, Symptom.GROWTH),
    }
    count = int((~kept).sum())
    before, after = apart(base.total, outside.total)
    if out and into and _shifted(seen, argument, kept):
        return None
    alike = _classes_alike(seen, argument, kept, name) if out and into else []
    if alike and all(alike):
        return None  # no label acts on these entries, whatever it is
    if alike and not any(alike):
        say = KIND.error if seen.reference.differs else KIND.warning
        if say == KIND.warning and _is_unlabelled(seen, name):
            say = KIND.note
        return say(
            f"A part of the loss leaves out the {count} entries of `{argument.name}` "
            f"that `{name}` leaves out, and another part counts them: changing them "
            f"changes the loss from {before} to {after}.",
            cure="Leave them out of that part, too, unless they are samples without a "
            "label, which it is there for.",
            **details,
        )
    if out and into:
        # What is beside the prediction may be normalised as a whole; and what other
        # masks or lengths are for is a guess.
        plain = name == "mask" or any(
            x.name == name and x.role is Role.LABELS for x in seen.arguments
        )
        certain = argument.differentiable and plain
        certain |= sure or seen.reference.differs
        say = KIND.error if certain else KIND.warning
        return say(
            f"{count} entries of `{argument.name}` are masked out by `{name}`, and "
            f"changing them still changes the loss, from {before} to {after}.",
            **details,
        )
    if out and not into:
        say = KIND.error if sure or seen.reference.differs else KIND.warning
        if say == KIND.warning and _may_mean_the_reverse(seen, name):
            say = KIND.note
        return say(
            f"Only the entries of `{argument.name}` that `{name}` leaves out count: "
            "the mask is inverted, unless True means to ignore.",
            cure="Negate the mask: `~mask`.",
            **details,
        )
    if not into or not selects:
        return None
    bad = torch.where(kept, value, torch.full_like(value, torch.nan))
    poisoned = seen.run(seen.with_values({argument: bad}))
    if poisoned.error is None and not poisoned.finite:
        # The usual way to apply a mask: worth a warning only to whoever asks.
        say = KIND.warning if sure else KIND.note
        return say(
            f"`{name}` leaves out {count} entries of `{argument.name}`, but a NaN "
            "there makes the loss NaN: 0 times NaN is NaN.",
            cure="Select with torch.where or `x[mask]` before computing, instead of "
            "multiplying by 0.",
            **details,
        )
    return None


def _is_unlabelled(seen: Observation, name: str) -> bool:
    """Whether what is ignored is labelled -1, as samples are that nobody labelled."""
    labels = next((x for x in seen.arguments if x.name == name), None)
    return labels is not None and seen.selection.ignored_label(labels) == -1


def _may_mean_the_reverse(seen: Observation, name: str) -> bool:
    """Whether True in what is called padding may stand for what is none."""
    mask = next((x for x in seen.arguments if x.name == name), None)
    # That of torch's attention is True at padding, and nowhere else.
    known = "key_padding" in name
    return mask is not None and mask.role is Role.IGNORED and not known


def _classes_alike(
    seen: Observation, argument: Argument, kept: Tensor, name: str
) -> list[bool]:
    """Whether what is left out acts as if it were of a class, for some classes.

    One of them is, where a loss takes a label to ignore for a class; none is, where a
    part of the loss leaves it out; all are, where labels have no say.
    """
    labels = next((x for x in seen.arguments if x.name == name), None)
    ignored = None if labels is None else seen.selection.ignored_label(labels)
    if labels is None or ignored is None:
        return []
    value = cast(argument.value, seen.dtype)
    place = seen.index(argument)
    moves = [
        torch.where(kept, value, seen.points.jittered(0.5, seed)[place].to(seen.dtype))
        for seed in (11, 12, 13)
    ]

    def effects(label: float) -> Tensor:
        as_label = torch.where(labels.value == ignored, label, labels.value)
        point = {labels: as_label.to(labels.value.dtype)}
        before = seen.run(seen.with_values(point)).total
        after = [seen.run(seen.with_values({**point, argument: m})) for m in moves]
        return torch.tensor([run.total - before for run in after])

    present = labels.value[labels.value != ignored].unique().tolist()
    own = effects(ignored)
    others = [effects(known) for known in sorted({0, *present[:TRIED]})]
    # Up to a factor: a class more may count in what the sum is divided by.
    return [
        bool((own @ e).abs() > (1 - 1e-6) * own.norm() * e.norm())
        for e in others
        if bool(e.isfinite().all())
    ]


def _shifted(seen: Observation, argument: Argument, kept: Tensor) -> bool:
    """Whether labels are those of other steps: of the next one in a language model.

    Then the gradient vanishes just where the mask, shifted by some steps, leaves out.
    """
    # What a frozen model says is as the prediction is.
    like = argument if argument in seen.inputs else seen.inputs[0]
    if like.value.shape != argument.value.shape or kept.dim() < 2:
        return False
    gradient = seen.base_backward.values[seen.inputs.index(like)]
    if gradient is None:
        return False
    steps = kept.shape[1]
    for by in (1, -1, 2, -2, 3):
        moved = kept.roll(-by, 1)
        moved[:, max(steps - by, 0) :] = False
        moved[:, : max(-by, 0)] = False
        if bool(moved.any()) and not bool((gradient[~moved] != 0).any()):
            return True
    return False


def _same(seen: Observation, a: list[Tensor], b: list[Tensor]) -> bool:
    return all(
        x.shape == y.shape and torch.allclose(x, y, rtol=1e-7, atol=1e-10)
        for x, y in zip(a, b, strict=True)
    )
