"""Entries that are masked out still count."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument, spread
from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role
from ownloss.checker.wording import apart

KIND = Kind(
    slug="mask-leak",
    title="Masked entries count",
    meaning="Entries that a mask or an ignored label leaves out still move the loss: "
    "the mask is inverted, is applied to a part only, or multiplies a NaN by 0.",
    shows="The masked entries of the prediction are changed, then set to NaN; neither "
    "may move the loss.",
    cure="Mask both operands or the result by torch.where, not by multiplying, and "
    "divide by `mask.sum()`.",
)
CALLS = 9
_BINARY_ENTROPIES = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
# So many classes are put in the place of a label to ignore.
TRIED = 4


def find(seen: Observation) -> Iterator[Finding]:
    """Change what every mask leaves out."""
    if not seen.inputs or seen.inputs[0].parameter or not seen.base.outputs:
        return
    masks = [
        (name, kept, sure)
        for name, kept, sure in _masks(seen, seen.inputs[0])
        if bool(kept.any()) and not bool(kept.all())
        # A node without a label still acts on its neighbours.
        if sure or kept.dim() > 1 or not _is_a_graph(seen)
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
            and not _is_predicted(seen, argument, name)
            and not _is_of_another_record(seen, argument, name)
            and not _says_so_itself(argument, selected)
        ]
        # Of several masks, each is for its own inputs.
        own = [mask for mask in fitting if _meet(seen, argument, mask[0], names)]
        others = any(_meet(seen, argument, x, names | labels) for x in labels - names)
        if others:
            # It has labels of its own, which leave nothing out.
            fitting = [mask for mask in fitting if mask[0] not in labels]
        found = []
        for name, selected, sure in own or fitting:
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


def _is_a_graph(seen: Observation) -> bool:
    """Whether samples are nodes, with neighbours by a matrix or by their places."""
    return seen.layout.propagates or any(map(seen.graph.picks_rows, seen.arguments))


def _unlike_reference(seen: Observation) -> Iterator[Finding]:
    """Entries that a mask leaves out in the reference, and that count here."""
    for argument in seen.arguments:
        if argument.parameter or not argument.floating:
            continue
        value = cast(argument.value, seen.dtype)
        moved = seen.points.jittered(0.5, 11)[seen.index(argument)].to(seen.dtype)
        for name, on in _possible_masks(seen, argument):
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


def _possible_masks(
    seen: Observation, argument: Argument
) -> Iterator[tuple[str, Tensor]]:
    """Masks, labels with a negative one, and lengths: the reference tells the rest."""
    if seen.mask is not None:
        yield "mask", seen.mask.bool()
    shape = argument.value.shape
    for other in seen.arguments:
        value = other.value
        if other is argument or other.parameter or other.differentiable:
            continue
        kept = seen.selection.kept(other)
        if kept is not None:
            yield other.name, kept
        elif other.domain is Domain.LABELS and value.numel():
            lowest = int(value.min())
            if lowest < 0:
                yield other.name, value != lowest
            row = value.dim() == 1 and len(shape) > 1 and len(value) == shape[0]
            if row and lowest >= 0 and int(value.max()) <= shape[1]:
                steps = torch.arange(shape[1], device=value.device)
                yield other.name, steps < value[:, None]
        elif value.is_floating_point() and value.dim():
            # Where nothing was measured, a target may be 0.
            levels, counts = value.unique(return_counts=True)
            if len(levels) > 2 and int(counts.max()) > 1:
                yield other.name, value != levels[counts.argmax()]


def _says_so_itself(argument: Argument, selected: Tensor) -> bool:
    """Whether a target holds one value of its own where it is masked out, such as 255.

    The loss may go by that value: another one there would count.
    """
    value = argument.value
    if argument.differentiable or bool(selected.all()):
        return False
    marks = value[~selected].unique()
    return marks.numel() == 1 and not bool((value[selected] == marks).any())


def _is_of_another_record(seen: Observation, argument: Argument, mask: str) -> bool:
    """Whether an input and a mask lie in two records, each with a mask of its own."""
    other = next((x for x in seen.arguments if x.name == mask), None)
    if other is None or not (other.in_record and argument.in_record):
        return False
    own = any(x.path == other.path and x.beside(argument) for x in seen.arguments)
    return own and not other.beside(argument)


def _is_predicted(seen: Observation, argument: Argument, mask: str) -> bool:
    """Whether an input is trained to say where a mask is on, as a confidence is."""
    origins = seen.graph.origins
    shapes = {x.name: x.value.shape for x in seen.arguments}
    for call in seen.graph.trace.named(*_BINARY_ENTROPIES):
        prediction, target = (origins.get(id(t), frozenset()) for t in call.tensors[:2])
        # `mask.to(prediction)` comes of both, and `mask[positive]` of labels, too.
        beside = target - {mask, argument.name}
        masked = any(shapes.get(name) == shapes.get(mask) for name in beside)
        if argument.name in prediction and mask in target - prediction and not masked:
            return True
    return False


def _meet(seen: Observation, argument: Argument, mask: str, masks: set[str]) -> bool:
    """Whether a call combines what comes from an input with what is made of a mask."""
    origins = seen.graph.origins
    for call in seen.graph.trace.calls:
        sources = [origins.get(id(t), frozenset()) for t in call.tensors]
        selects = any(mask in s and s <= masks for s in sources)
        if selects and any(argument.name in s and mask not in s for s in sources):
            return True
    return False


def _masks(
    seen: Observation, prediction: Argument
) -> Iterator[tuple[str, Tensor, bool]]:
    """Every mask: its name, True where an entry counts, and whether that is sure."""
    if seen.mask is not None:
        yield "mask", seen.mask.bool(), True
    for argument in seen.arguments:
        if argument is prediction or argument.parameter:
            continue
        kept = seen.selection.kept(argument)
        shape = prediction.value.shape
        if kept is not None:
            labels = argument.role is Role.LABELS
            if labels or not seen.selection.is_the_target(argument):
                yield argument.name, kept, False
        elif len(shape) > 1 and shape[0] == argument.value.numel() > 1:
            steps = seen.selection.steps(argument, shape[1])
            if steps is not None and _are_its_lengths(seen, argument, shape):
                yield argument.name, steps, False


def _are_its_lengths(
    seen: Observation, lengths: Argument, shape: tuple[int, ...]
) -> bool:
    """Whether lengths are those of an input of this shape, and not of another one."""
    longest = int(lengths.value.max())
    if longest > shape[1] or (longest < shape[1] and longest in shape[2:]):
        return False
    # As a rule the longest sequence fills its row.
    others = (x for x in seen.arguments if x is not lengths and x.role is Role.LENGTHS)
    filled = any(int(other.value.max()) == shape[1] for other in others)
    return longest == shape[1] or not filled


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
        certain = argument.differentiable and (name == "mask" or not selects)
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
    return mask is not None and mask.role is Role.IGNORED


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
