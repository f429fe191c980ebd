"""The branches of a formula, and whether they meet where one takes over."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from ownloss.checker.copies import cast
from ownloss.checker.measures.graph import Graph
from ownloss.checker.subject import Subject
from ownloss.checker.trace import Call, Trace

_COMPARES = ("lt", "le", "gt", "ge", "__lt__", "__le__", "__gt__", "__ge__")
_NEGATES = ("__invert__", "bitwise_not", "logical_not", "rsub", "__rsub__")
_CASTS = ("float", "double", "to", "type_as", "type")
_PRODUCTS = ("mul", "__mul__", "__rmul__")
# Places tried along one entry, and halvings of the distance between two of them.
STEPS = 30


@dataclass(frozen=True)
class Jump:
    """A place where a loss is not continuous.

    Attributes:
        before: the value just before a comparison changes.
        after: the value just behind.
        where: the comparison, such as "line 3 of my_loss.py".
    """

    before: float
    after: float
    where: str


class Branches:
    """What a loss chooses by comparisons that depend on its prediction."""

    def __init__(self, subject: Subject, graph: Graph) -> None:
        self._subject = subject
        self._graph = graph

    @cached_property
    def jump(self) -> Jump | None:
        """Where two branches do not meet; None if all do, as far as was tried.

        One entry of the prediction is moved until a comparison changes, and the place
        of the change is found by halving.
        """
        if not self._subject.scalar or not self._subject.inputs:
            return None
        prediction = self._subject.inputs[0]
        value = prediction.value
        if prediction.parameter or not value.numel() or value.is_complex():
            return None
        choices = list(self._choices())
        if not choices:
            return None
        far = 3 * prediction.size
        tried = [(d, *self._at(d)) for d in torch.linspace(-far, far, STEPS).tolist()]
        values = [value for _, value, _ in tried]
        if not all(map(math.isfinite, values)):
            return None
        for (low, _, below), (high, _, above) in pairwise(tried):
            if not _differ(below, above, choices):
                continue
            for _ in range(STEPS):
                middle = (low + high) / 2
                _, there = self._at(middle)
                beyond = _differ(below, there, choices)
                low, high = (low, middle) if beyond else (middle, high)
            before, after = self._at(low)[0], self._at(high)[0]
            if abs(after - before) > 1e-3 * (max(values) - min(values)):
                where = self._graph.trace.named(*_COMPARES)[choices[0]].where
                return Jump(before, after, where)
        return None

    def _at(self, distance: float) -> tuple[float, list[Tensor]]:
        """The value with one entry moved, and the results of all comparisons."""
        prediction = self._subject.inputs[0]
        value = cast(prediction.value, self._subject.dtype).contiguous().clone()
        value.view(-1)[value.numel() // 2] += distance
        trace = Trace(self._subject.budget)
        with trace:
            run = self._subject.run(self._subject.with_values({prediction: value}))
        return run.total, [call.result for call in trace.named(*_COMPARES)]

    def _choices(self) -> Iterator[int]:
        """Which of the comparisons choose between two things that are differentiated.

        By torch.where, or by products with the comparison and with its opposite. What
        is merely left out below a bound may jump on purpose.
        """
        for place, comparison in enumerate(self._graph.trace.named(*_COMPARES)):
            if comparison.attached and self._chooses(comparison):
                yield place

    def _chooses(self, comparison: Call) -> bool:
        chosen, opposite = {id(comparison.result)}, set[int]()
        by_chosen = by_opposite = False
        for call in self._graph.trace.calls:
            given = {id(t) for t in call.tensors}
            if call.name in _CASTS and given & chosen:
                chosen.add(id(call.result))
            elif call.name in (*_CASTS, *_NEGATES) and given & (chosen | opposite):
                opposite.add(id(call.result))
            elif call.name == "where" and len(call.tensors) > 2 and given & chosen:
                if all(t.requires_grad for t in call.tensors[1:]):
                    return True
            elif call.name in _PRODUCTS and call.attached:
                by_chosen |= bool(given & chosen)
                by_opposite |= bool(given & opposite)
        return by_chosen and by_opposite


def _differ(one: list[Tensor], other: list[Tensor], choices: list[int]) -> bool:
    """Whether any of the choices came out differently."""
    return len(one) == len(other) and any(
        place < len(one) and not torch.equal(one[place], other[place])
        for place in choices
    )
