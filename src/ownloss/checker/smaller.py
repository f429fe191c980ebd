"""Smaller inputs that stand for very many or very large ones.

Most of what is looked for shows at a few samples, steps, pixels and classes, and costs
what they cost. The gradient is compared at the inputs given in any case.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.containers import with_fewer
from ownloss.checker.copies import data_of
from ownloss.checker.domains import domain_of
from ownloss.checker.measures.batch import Batch
from ownloss.checker.measures.graph import Graph
from ownloss.checker.roles import Role
from ownloss.checker.subject import Subject

# Above so many elements, or nodes of the graph, a loss is looked at with fewer.
MANY_ELEMENTS = 10_000
MANY_NODES = 1_000
# So many are left of what there are more of.
FEWEST_SAMPLES = 8
FEWEST = 16
# For a loop over all of them.
FEWEST_IN_A_LOOP = 8
LONGEST_LIST = 32


@dataclass(frozen=True)
class Plan:
    """What to make smaller.

    Attributes:
        sizes: what becomes of a size that dimensions have.
        samples: the number of samples, and how many of them are kept: the first ones.
        first_alone: whether the samples are those of the first dimension alone.
        entries: how many entries of a long list are kept.
    """

    sizes: dict[int, int]
    samples: tuple[int, int]
    first_alone: bool
    entries: int | None

    def rows(self, dim: int, size: int) -> Tensor | None:
        """Which entries of a dimension are kept; None if all are."""
        all_, few = self.samples
        if size == all_ and few < all_ and (dim == 0 or not self.first_alone):
            return torch.arange(few)
        if size not in self.sizes:
            return None
        # Spread evenly, for padding stands at the end.
        return torch.linspace(0, size - 1, self.sizes[size]).round().long()


def smaller_inputs(
    subject: Subject, batch: Batch, graph: Graph, mask: Tensor | None
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], Tensor | None]]:
    """Yield smaller inputs to try, the best first; none where those given are small.

    Args:
        subject: the loss, run at the inputs given.
        batch: its samples.
        graph: its graph.
        mask: the mask given.

    Yields:
        Positional arguments, keyword arguments and mask.
    """
    given = [x for x in subject.arguments if not x.parameter]
    for plan in _plans(subject, given, batch, graph):
        kept = {id(x): _cut(x.value, plan) for x in given}
        if any(
            x.floating and domain_of(kept[id(x)]) is not domain_of(x.value)
            for x in given
        ):
            continue  # probabilities that no longer sum to 1
        values = [_fitting(x, kept[id(x)], given, plan) for x in given]
        args, kwargs = subject.inputs_again(values)
        if plan.entries is not None:
            args = with_fewer(args, LONGEST_LIST, plan.entries)
            kwargs = with_fewer(kwargs, LONGEST_LIST, plan.entries)
        yield args, kwargs, None if mask is None else _cut(mask, plan)


def _plans(
    subject: Subject, given: list[Argument], batch: Batch, graph: Graph
) -> list[Plan]:
    """What can be made smaller: the samples alone where that suffices, else more."""
    elements = sum(x.value.numel() for x in given)
    looped = len(graph.nodes) > MANY_NODES
    if (elements <= MANY_ELEMENTS and not looped) or any(x.packed for x in given):
        return []
    plans = []
    few = batch.size
    if batch.size >= 2 * FEWEST_SAMPLES:
        inside = sum(x.value.numel() for x in batch.arguments)
        few = max(FEWEST_SAMPLES, batch.size * MANY_ELEMENTS // max(elements, 1))
        few = min(few, batch.size)
        if looped:
            few = FEWEST_SAMPLES
        plans.append(Plan({}, (batch.size, few), True, None))
        elements -= inside - inside * few // batch.size
        if elements <= MANY_ELEMENTS and not looped:
            return plans
    held = [x.value for x in subject.arguments if x.parameter] + data_of(subject.loss)
    fixed = {size for tensor in held for size in tensor.shape} | {batch.size}
    sizes = _sizes(given, fixed, (batch.size, few), looped=looped)
    entries = FEWEST_IN_A_LOOP if len(given) > LONGEST_LIST else None
    if sizes or entries:
        plans.insert(0, Plan(sizes, (batch.size, few), False, entries))
    return plans


def _sizes(
    given: list[Argument], fixed: set[int], samples: tuple[int, int], *, looped: bool
) -> dict[int, int]:
    """Halve the largest size until there are few elements; sizes stay different."""
    fewest = FEWEST_IN_A_LOOP if looped else FEWEST
    shapes = Counter(tuple(x.value.shape) for x in given)
    now = {size: size for shape in shapes for size in shape}

    def elements() -> int:
        plan = now | {samples[0]: samples[1]}
        total = 0
        for shape, count in shapes.items():
            product = count
            for size in shape:
                product *= plan[size]
            total += product
        return total

    while looped or elements() > MANY_ELEMENTS:
        large = [s for s in now if s not in fixed and now[s] >= 2 * fewest]
        if not large:
            break
        size = max(large, key=lambda s: now[s])
        taken = {n for s, n in now.items() if s != size}
        now[size] = next(
            n for n in itertools.count(max(now[size] // 2, fewest)) if n not in taken
        )
    return {size: new for size, new in now.items() if new < size}


def _cut(value: Tensor, plan: Plan) -> Tensor:
    for dim, size in enumerate(value.shape):
        rows = plan.rows(dim, size)
        if rows is not None:
            value = value.index_select(dim, rows.to(value.device))
    return value


def _fitting(
    argument: Argument, value: Tensor, given: list[Argument], plan: Plan
) -> Tensor:
    """Labels of the classes that are left, lengths of the steps that are left."""
    if argument.floating or value.dtype == torch.bool or not value.numel():
        return value
    largest = int(argument.value.max())
    if argument.role is Role.LENGTHS:
        steps = min((size for size in plan.sizes if size >= largest), default=None)
        if steps is not None:
            return -(-value * plan.sizes[steps] // steps)
    for classes, few in plan.sizes.items():
        if largest < classes and any(
            x.floating and _without(x.value, classes) == argument.value.shape
            for x in given
        ):
            return torch.where(value < 0, value, value % few)
    return value


def _without(value: Tensor, size: int) -> tuple[int, ...]:
    """A shape without its dimension of some size."""
    shape = list(value.shape)
    if size in shape:
        shape.remove(size)
    return tuple(shape)
