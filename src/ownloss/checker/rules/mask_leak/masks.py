"""Which masks, labels and lengths there are, and which inputs they are for."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.domains import Domain
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role, is_of_pairs

_BINARY_ENTROPIES = ("binary_cross_entropy", "binary_cross_entropy_with_logits")


def masks_of(
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
                yield argument.name, kept, _is_given(seen, kept)
        elif len(shape) > 1 and shape[0] == argument.value.numel() > 1:
            steps = seen.selection.steps(argument, shape[1])
            if steps is not None and _are_its_lengths(seen, argument, shape):
                yield argument.name, steps | _ends_at(seen, argument, steps), False


def _is_given(seen: Observation, kept: Tensor) -> bool:
    """Whether the mask that the check is given says the same."""
    return seen.mask is not None and torch.equal(seen.mask.bool(), kept)


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


def _ends_at(seen: Observation, lengths: Argument, steps: Tensor) -> Tensor:
    """The step after the last one, where the loss asks what comes at the very end."""
    asked = any(
        seen.graph.comes_from(part, lengths)
        for call in seen.graph.trace.named("__getitem__")
        if call.attached and isinstance(call.args[1], tuple)
        for part in call.args[1]
        if isinstance(part, Tensor)
    )
    place = torch.arange(steps.shape[1], device=steps.device)
    return (place == lengths.value[:, None]) & asked


def possible_masks(
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
        elif value.is_floating_point() and other.domain is not Domain.OPAQUE:
            # Where nothing was measured, a target may be 0.
            levels, counts = value.unique(return_counts=True)
            if len(levels) > 2 and int(counts.max()) > 1:
                yield other.name, value != levels[counts.argmax()]


def belongs_to(seen: Observation, argument: Argument, mask: str, kept: Tensor) -> bool:
    """Whether a mask of the shape of an input may be what leaves its entries out."""
    return not (
        _is_predicted(seen, argument, mask)
        or _is_of_another_record(seen, argument, mask)
        or _says_so_itself(argument, kept)
    )


def _says_so_itself(argument: Argument, selected: Tensor) -> bool:
    """Whether a target holds one value of its own where it is masked out, such as 255.

    The loss may go by that value: another one there would count.
    """
    value = argument.value
    if argument.differentiable or argument.domain is Domain.OPAQUE:
        return False
    if bool(selected.all()):
        return False
    marks = value[~selected].unique()
    return marks.numel() == 1 and not bool((value[selected] == marks).any())


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


def _is_of_another_record(seen: Observation, argument: Argument, mask: str) -> bool:
    """Whether an input and a mask lie in two records, each with a mask of its own."""
    other = next((x for x in seen.arguments if x.name == mask), None)
    if other is None or not (other.in_record and argument.in_record):
        return False
    own = any(x.path == other.path and x.beside(argument) for x in seen.arguments)
    return own and not other.beside(argument)


def meet(seen: Observation, argument: Argument, mask: str, masks: set[str]) -> bool:
    """Whether a call combines what comes from an input with what is made of a mask."""
    origins = seen.graph.origins
    for call in seen.graph.trace.calls:
        sources = [origins.get(id(t), frozenset()) for t in call.tensors]
        selects = any(mask in s and s <= masks for s in sources)
        if selects and any(argument.name in s and mask not in s for s in sources):
            return True
    return False


def meets_another(
    seen: Observation, argument: Argument, mask: str, masks: set[str]
) -> bool:
    """Whether a mask is combined with another prediction, and never with this one.

    Labels say which entries of what is beside a prediction count, such as of weights.
    """
    labels = any(x.name == mask and x.role is Role.LABELS for x in seen.arguments)
    if labels and not argument.differentiable:
        return False
    others = (x for x in seen.inputs if x is not argument)
    return any(meet(seen, other, mask, masks) for other in others)


def is_a_graph(seen: Observation) -> bool:
    """Whether samples are nodes, with neighbours by a matrix or by their places."""
    return (
        seen.layout.propagates
        or any(map(seen.graph.picks_rows, seen.arguments))
        or any(is_of_pairs(x.name, x.value) for x in seen.arguments if x.value.dim())
    )
