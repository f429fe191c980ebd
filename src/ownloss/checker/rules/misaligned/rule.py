"""Predictions and labels of different places are compared."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.domains import Domain
from ownloss.checker.findings import Finding, Symptom
from ownloss.checker.measures.departure import Cause
from ownloss.checker.measures.influence import Place
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role, is_reversed
from ownloss.checker.rules.misaligned.blocks import in_other_blocks
from ownloss.checker.rules.misaligned.kind import KIND

CALLS = 8

__all__ = ["CALLS", "KIND", "find"]


def find(seen: Observation) -> Iterator[Finding]:
    """Change one label at a time, and see which predictions react."""
    if not seen.base.finite or not seen.inputs or not seen.determinism.steady:
        return
    prediction = seen.inputs[0]
    if prediction.parameter or prediction.value.dim() == 0:
        return
    mixed_up = (
        _flags_for_places(seen)
        or in_other_blocks(seen)
        or _scrambled(seen)
        or _elsewhere(seen)
        or _wraps_round(seen)
    )
    if mixed_up is not None:
        yield mixed_up
        return
    for argument in seen.arguments:
        if argument.parameter or argument.differentiable:
            continue
        if argument.top is not prediction.top:
            continue  # an entry of a list, for one sample
        dims = _class_dims(prediction, argument)
        if not dims:
            continue
        if argument.floating and seen.graph.trace.named(*_MATCHES):
            continue  # the cheapest of several orders: no place belongs to another
        if _placed_by_another(seen, argument):
            continue  # starts of words, or nodes: these say where a label acts
        reacting = seen.influence.of(argument)
        # Where two dimensions may be the classes, one that fits is enough.
        said = [_run_together(argument, prediction, reacting, dim) for dim in dims]
        if all(message for message, _ in said):
            message, sure = said[-1]
            sure |= seen.reference.differs
            say = KIND.error if sure else KIND.warning
            yield say(
                message,
                where=argument.name,
                rests_on=(Symptom.PLACE,),
                explains=(Symptom.VALUE, Symptom.ORDER),
            )
            return
        if _goes_backwards(seen):
            continue
        late = [_looks_back(argument, prediction, reacting, dim) for dim in dims]
        trusted = seen.reference.loss is not None
        if all(late) and (seen.reference.differs or not trusted):
            say = KIND.error if trusted else KIND.warning
            yield say(
                late[-1],
                where=argument.name,
                rests_on=(Symptom.PLACE,),
                explains=(Symptom.VALUE,) if trusted else (),
            )
            return
    if seen.reference.differs:
        yield from _unlike_reference(seen)


def _unlike_reference(seen: Observation) -> Iterator[Finding]:
    """Entries that act on other predictions than in the reference, not on more."""
    prediction = seen.inputs[0]
    for argument in seen.arguments:
        if argument.parameter or argument is prediction or argument.value.numel() < 3:
            continue
        picks = argument.floating or argument.kept is not None
        if picks and seen.graph.trace.named(*_MATCHES):
            continue  # the values say which place belongs to which
        classes = _classes_of(prediction, argument)
        own, trusted = (
            {
                label: {_without(place, classes) for place in places}
                for label, places in reacting.items()
                if places
            }
            for reacting in (
                seen.influence.of(argument),
                seen.influence.in_reference(argument),
            )
        )
        both = [label for label in own if label in trusted]
        moved = [x for x in both if _are_elsewhere(own[x], trusted[x])]
        if len(both) < 3 or len(moved) < len(both) / 2:
            continue
        label = moved[0]
        here, there = min(own[label] - trusted[label]), min(trusted[label] - own[label])
        yield KIND.error(
            f"`{argument.name}` {list(label)} acts on `{prediction.name}` at "
            f"{list(here)}, in the reference at {list(there)}.",
            where=argument.name,
            rests_on=(Symptom.PLACE,),
            explains=(Symptom.VALUE, Symptom.ORDER),
        )
        return


def _classes_of(prediction: Argument, labels: Argument) -> int:
    """The dimension in which another entry is no other place; -1 if there is none."""
    if labels.role is not Role.LABELS or prediction.value.dim() < 2:
        return -1
    dims = _class_dims(prediction, labels)
    return dims[-1] if dims else prediction.value.dim() - 1


def _are_elsewhere(places: set[Place], trusted: set[Place]) -> bool:
    """Whether places are others, and along no other dimension, as over a wrong axis."""
    if not places & trusted:
        return True
    spans = [
        [len({*ids}) > 1 for ids in zip(*x, strict=True)] for x in (places, trusted)
    ]
    return len(places) == len(trusted) and spans[0] == spans[1] and places != trusted


def _elsewhere(seen: Observation) -> Finding | None:
    """Entries are moved, or taken, from other places than in the reference."""
    departure = seen.comparison.departure
    if departure is None or departure.cause is not Cause.PLACES:
        return None
    if not seen.reference.differs:
        return None
    return KIND.error(
        f"Entries are taken from other places than in the reference: {departure}.",
        cure="Follow one entry, and its label, through both.",
        where=departure.where,
        rests_on=(Symptom.PLACE,),
        explains=(Symptom.ORDER, Symptom.MASKED),
    )


_CUTS = ("__getitem__", "__setitem__", "narrow", "masked_fill", "masked_fill_", "where")


def _wraps_round(seen: Observation) -> Finding | None:
    """Labels that are rolled: the last places get the first labels again."""
    if seen.reference.loss is not None and not seen.reference.differs:
        return None
    for argument in seen.arguments:
        if argument.role is not Role.LABELS or argument.domain is not Domain.LABELS:
            continue
        for call in seen.graph.calls_on(argument, "roll"):
            made = {id(call.result)}
            cut = False
            for later in seen.graph.trace.calls:
                if any(id(t) in made for t in later.tensors):
                    cut |= later.name in _CUTS
                    made.add(id(later.result))
            if not cut:
                say = KIND.error if seen.reference.differs else KIND.warning
                return say(
                    f"`roll` ({call.where}) moves `{argument.name}` round: the last "
                    "places are to predict the first labels.",
                    cure="Slice, `x[:, :-1]` against `labels[:, 1:]`, or set what has "
                    "come round to the label to ignore.",
                    where=call.where,
                    rests_on=(Symptom.PLACE,),
                    explains=(Symptom.ORDER,),
                )
    return None


_MATCHES = ("min", "amin", "argmin", "minimum", "sort", "argsort", "topk")
_VIEWS = ("view", "reshape", "view_as", "reshape_as")


def _flags_for_places(seen: Observation) -> Finding | None:
    """Integers 0 and 1, one a sample, that index: they pick samples 0 and 1."""
    size = seen.batch.size
    if size < 3 or (seen.reference.loss is not None and not seen.reference.differs):
        return None
    flags = [
        x
        for x in seen.batch.arguments
        if x.domain is Domain.LABELS
        and x.value.shape == (size,)
        and bool(((x.value == 0) | (x.value == 1)).all())
    ]
    for call in seen.graph.trace.named("__getitem__"):
        index = call.args[1] if len(call.args) > 1 else None
        if not call.attached or call.shapes[0][:1] != (size,):
            continue
        if not isinstance(index, Tensor) or index.shape != (size,):
            continue
        if index.dtype in (torch.bool, torch.uint8) or bool((index > 1).any()):
            continue
        # Sorted flags come from the times, too.
        names = seen.graph.origins.get(id(index), frozenset())
        argument = next((x for x in flags if x.name in names), None)
        if argument is not None:
            say = KIND.error if seen.reference.differs else KIND.warning
            return say(
                f"`{argument.name}` holds 0 and 1, one for each of {size} samples, "
                f"and indexes them ({call.where}): that picks samples 0 and 1 "
                "again and again.",
                cure=f"Select with booleans: `x[{argument.name}.bool()]`.",
                where=call.where,
                rests_on=(Symptom.PLACE,),
                explains=(Symptom.VALUE, Symptom.FEWER, Symptom.ORDER),
            )
    return None


def _scrambled(seen: Observation) -> Finding | None:
    """A view to the same sizes in another order: it moves every entry elsewhere."""
    if seen.reference.loss is not None and not seen.reference.differs:
        return None
    for call in seen.graph.trace.named(*_VIEWS):
        if not isinstance(call.result, Tensor) or not call.shapes:
            continue
        before = [size for size in call.shapes[0] if size != 1]
        after = [size for size in call.result.shape if size != 1]
        permuted = before != after and sorted(before) == sorted(after)
        if permuted and seen.graph.origins.get(id(call.result)):
            say = KIND.error if seen.reference.differs else KIND.warning
            return say(
                f"`{call.name}` ({call.where}) takes {call.shapes[0]} to "
                f"{tuple(call.result.shape)}: the same sizes in another order, and no "
                "dimension is moved. The entries of all places are mixed up.",
                cure="Move dimensions with permute, movedim or transpose.",
                where=call.where,
                rests_on=(Symptom.PLACE,),
                explains=(Symptom.VALUE, Symptom.ORDER),
            )
    return None


def _goes_backwards(seen: Observation) -> bool:
    """Whether the steps are meant to be predicted from the last one to the first."""
    name = getattr(seen.loss, "__name__", type(seen.loss).__name__)
    return is_reversed(name) or bool(seen.graph.trace.named("flip"))


def _looks_back(
    argument: Argument,
    prediction: Argument,
    reacting: dict[Place, list[Place]],
    classes: int,
) -> str:
    """Say if every label acts on the prediction of the following place."""
    found = []
    for label, entries in reacting.items():
        places = {_without(entry, classes) for entry in entries}
        if len(places) > 1 or len(label) < 2:
            return ""
        found += [(label, place) for place in places]
    ahead = [
        place[:-1] == label[:-1] and place[-1] == label[-1] + 1
        for label, place in found
    ]
    if len(ahead) < 3 or not all(ahead):
        return ""
    label, place = found[0]
    return (
        f"`{argument.name}` {list(label)} acts on `{prediction.name}` at "
        f"{list(place)}: each place is asked for what came before it, not for what "
        "follows."
    )


def _class_dims(prediction: Argument, labels: Argument) -> list[int]:
    """The dimensions that may be the classes; -1 for a target of the same shape."""
    shape, other = prediction.value.shape, labels.value.shape
    if labels.role is Role.LABELS:
        dims = range(1, len(shape)) if len(other) else ()
        return [d for d in dims if shape[:d] + shape[d + 1 :] == other]
    same = shape == other and labels.role is Role.TARGET
    return [-1] if same and labels.domain is not Domain.LABELS else []


def _placed_by_another(seen: Observation, labels: Argument) -> bool:
    """Whether another argument holds the places that the labels are compared at."""
    for call in seen.graph.trace.named("__getitem__"):
        index = call.args[1] if len(call.args) > 1 else None
        parts = index if isinstance(index, tuple) else (index,)
        for part in parts:
            if not isinstance(part, Tensor) or part.dtype is torch.bool:
                continue
            names = seen.graph.origins.get(id(part), frozenset())
            if call.attached and names and labels.name not in names:
                return True
    for call in seen.graph.trace.named("gather", "take_along_dim"):
        names = seen.graph.origins.get(id(call.tensors[-1]), frozenset())
        # An action says which of the values is compared, not at which place.
        if labels.floating and call.attached and names and labels.name not in names:
            return True
    return False


def _run_together(
    argument: Argument,
    prediction: Argument,
    reacting: dict[Place, list[Place]],
    classes: int,
) -> tuple[str, bool]:
    """Say which label acts in the wrong place, and whether that is sure.

    Nothing is said where all places fit. Rows that run into one another are never
    meant; the distances of a graph or of a search for partners may be.
    """
    if len(reacting) < 3 or prediction.value.shape[classes] < 2:
        return "", False
    distances: dict[tuple[int, ...], tuple[Place, Place]] = {}
    alone = 0
    for label, entries in reacting.items():
        if not entries:
            continue  # the first or the last of a shift
        places = sorted({_without(entry, classes) for entry in entries})
        if len(places) > 1:
            # A loss of whole rows reacts in several classes at each of its places.
            if classes > 0 and len(entries) == len(places):
                listed = " and ".join(str(list(place)) for place in places[:2])
                return (
                    f"`{argument.name}` {list(label)} acts on `{prediction.name}` at "
                    f"{listed}, in one class each: places and classes are mixed up.",
                    False,
                )
            return "", False
        alone += 1
        distance = tuple(a - b for a, b in zip(places[0], label, strict=True))
        distances.setdefault(distance, (label, places[0]))
    if alone < 3 or len(distances) < 2:
        return "", False
    counts = {
        distance: sum(
            1
            for label, entries in reacting.items()
            if entries
            and tuple(
                a - b for a, b in zip(_without(entries[0], classes), label, strict=True)
            )
            == distance
        )
        for distance in distances
    }
    odd = min(counts, key=lambda distance: counts[distance])
    label, place = distances[odd]
    across = place[0] != label[0] and len(label) > 1
    why = (
        "rows run into one another"
        if across
        else "other labels act at another distance"
    )
    return (
        f"`{argument.name}` {list(label)} acts on `{prediction.name}` at "
        f"{list(place)}: {why}.",
        across,
    )


def _without(entry: Place, dim: int) -> Place:
    return entry if dim < 0 else entry[:dim] + entry[dim + 1 :]
