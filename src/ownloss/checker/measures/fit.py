"""Predictions that fit what they are compared with, and predictions that do not."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import torch

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast, modules_of
from ownloss.checker.domains import Domain, jittered
from ownloss.checker.measures.batch import Batch
from ownloss.checker.measures.graph import Graph
from ownloss.checker.measures.precision import Precision
from ownloss.checker.roles import Role, is_grade
from ownloss.checker.runs import as_real
from ownloss.checker.subject import Point, Subject
from ownloss.checker.torch_insides import is_transformed

FARTHER = (40.0, 400.0, 4000.0)
"""How far logits are moved, to see whether a loss has an end."""


class Fit:
    """What fits a target or a label, and what is off."""

    def __init__(
        self, subject: Subject, graph: Graph, batch: Batch, precision: Precision
    ) -> None:
        self._subject = subject
        self._graph = graph
        self._batch = batch
        self._precision = precision

    def good_and_bad(
        self, prediction: Argument, target: Argument
    ) -> tuple[Point, Point] | None:
        """A prediction that fits the labels, and one that fits others."""
        value = cast(prediction.value, self._subject.dtype)
        graded = prediction.domain is Domain.REAL and _are_grades(target, prediction)
        if target.domain is Domain.LABELS and value.dim() >= 2 and not graded:
            labels = target.value
            dim = _dim_of_classes(value, labels)
            shape = value.shape[:dim] + value.shape[dim + 1 :]
            classes = value.shape[dim]
            if labels.shape != shape or classes < 2 or not labels.numel():
                return None
            if int(labels.max()) >= classes or self._is_one_of_several(target):
                return None
            # With a question for each threshold, a label is no column of the logits.
            given = (*self._subject.args, *self._subject.kwargs.values())
            if any(type(n) is int and n == classes + 1 for n in given):
                return None
            if self._picks_among_others(target, classes):
                return None
            known = labels.long().clamp(min=0).unsqueeze(dim)  # torch 2.5 wants int64
            points = []
            for index in (known, (known + 1) % classes):
                hot = torch.zeros_like(value).scatter_(dim, index, 1.0)
                points.append(_fitting(prediction, hot))
        elif target.domain is Domain.BINARY and target.value.shape == value.shape:
            hot = target.value.to(value.dtype)
            points = [_fitting(prediction, hot), _fitting(prediction, 1 - hot)]
        elif graded:
            grades = target.value.to(value.dtype)
            ranked = (grades - grades.mean()) / grades.std()
            points = [ranked, -ranked]
        else:
            return None
        good, bad = points
        if good is None or bad is None:
            return None
        return (
            self._subject.with_values({prediction: good}),
            self._subject.with_values({prediction: bad}),
        )

    def _is_one_of_several(self, labels: Argument) -> bool:
        """Whether other labels say something else of the same samples.

        Those of a class and of its group, or of two pictures that are mixed: what fits
        one of them does not fit the other.
        """
        return any(
            other.role is Role.LABELS
            and other.value.shape == labels.value.shape
            and not torch.equal(other.value, labels.value)
            for other in self._subject.arguments
            if other is not labels
        )

    def falls_on(self, points: Iterable[Point]) -> list[float]:
        """The values at points as far as `FARTHER` says, if they fall without end.

        Returns:
            The values; none if the loss is not negative, or ends somewhere.
        """
        totals = [self._subject.run(point).total for point in points]
        falls = totals[0] < 0 and all(b < 5 * a for a, b in pairwise(totals))
        return totals if falls else []

    def only_ones_count(self, zero: torch.Tensor) -> bool:
        """Whether samples labelled 0 add nothing, as in a recall.

        In a formula for -1 and 1 each of them adds what a score of 0 costs.
        """
        size = self._batch.size
        rows = zero.reshape(len(zero), -1).all(1).nonzero().flatten().tolist()
        if size < 3 or not rows:
            return False
        others = [i for i in range(size) if i != rows[0]]
        fewer = self._subject.run(self._batch.rows(others))
        value = self._subject.value
        without = (value, value * size / (size - 1))
        return any(self._precision.close(fewer.total, v, 100) for v in without)

    def pushes_away(self, prediction: Argument, target: Argument) -> bool:
        """Whether a step against the gradient makes every sample fit its label less."""
        gradient = self._subject.base_backward.values[
            self._subject.inputs.index(prediction)
        ]
        if gradient is None or gradient.shape != prediction.value.shape:
            return False
        if gradient.is_complex():
            return False
        if _are_grades(target, prediction):
            grades = target.value.to(gradient.dtype)
            uphill = (gradient * (grades - grades.mean(-1, keepdim=True))).sum(-1)
            return bool((uphill >= 0).all()) and bool((uphill > 0).any())
        if target.domain is Domain.BINARY:
            fit = 2 * target.value.to(gradient.dtype) - 1
            if target.role is not Role.TARGET:  # else a mask of a penalty would do
                return bool((gradient * fit > 0).all())
            return bool((gradient * fit >= 0).all()) and bool((gradient != 0).any())
        dim = _dim_of_classes(gradient, target.value)
        known = target.value.long().clamp(min=0).unsqueeze(dim)
        own = gradient.gather(dim, known)
        rest = gradient.sum(dim, keepdim=True) - own
        counts = target.value.unsqueeze(dim) >= 0
        others = (rest <= 0) if prediction.domain is Domain.LOG_SIMPLEX else (rest < 0)
        return bool((own > 0)[counts].all()) and bool(others[counts].all())

    def _picks_among_others(self, labels: Argument, classes: int) -> bool:
        """Whether labels pick among other classes than the prediction has columns.

        Such are unions of the words of a vocabulary.
        """
        picks = self._graph.trace.named("cross_entropy", "nll_loss")
        picks = [c for c in picks if self._graph.comes_from(c.tensors[-1], labels)]
        return (
            bool(picks)
            and all(c.shapes[0][-1] != classes for c in picks)
            and all(classes not in c.shapes[0][1:] for c in picks)
        )

    def compares_as_given(self, prediction: Argument, target: Argument) -> bool:
        """Whether a prediction meets its target as it is, or both as something else.

        What goes through an exponential first, or is compared with a clamped target,
        is best somewhere else.
        """
        given = dict(self._subject.pairs(self._graph.traced))

        def as_given(tensor: torch.Tensor, argument: Argument) -> bool:
            both = (tensor, given[argument])
            entries, known = (as_real(t.detach()).double() for t in both)
            return bool(torch.isin(entries, known).all())

        for call in self._graph.trace.calls:
            if any(map(is_transformed, call.tensors)):
                return True  # their values cannot be read any more
            numbers = [t for t in call.tensors if t.dtype is not torch.bool]
            targets = [t for t in numbers if self._graph.comes_from(t, target)]
            learning = [t for t in call.tensors if t.requires_grad]
            learning = [t for t in learning if self._graph.comes_from(t, prediction)]
            if targets and learning:
                one = as_given(targets[0], target)
                if one != as_given(learning[0], prediction):
                    return False
        return True

    def off(self, target: Argument, perfect: torch.Tensor) -> Iterator[torch.Tensor]:
        """Predictions that are off: by little and by much, to both sides."""
        for size in (0.3, 1.0, 3.0):
            for seed in (1, 2):
                off = self._subject.random_like(perfect, seed) * size * target.size
                if target.domain is Domain.REAL:
                    yield from (perfect + off.abs(), perfect - off.abs(), perfect + off)
                else:
                    noise = off / target.size
                    yield jittered(perfect, target.domain, 1.0, noise, target.size)

    def bottomless(self, prediction: Argument, target: Argument) -> bool:
        """Whether the loss falls without end as the prediction moves off one way."""
        shape = prediction.value.shape
        perfect = cast(target.value, self._subject.dtype)
        alike = perfect.numel() == prediction.value.numel()
        if not alike:
            perfect = perfect.unsqueeze(-1).expand(shape)
        perfect = perfect.reshape(shape)
        for sign in (1.0, -1.0):
            near, far, farther = (
                self._total(prediction, perfect + sign * step)
                for step in (10.0, 100.0, 1000.0)
            )
            if near < 0 and far < 2 * near and farther < 2 * far:
                return True
        return False

    def in_another_unit(
        self, prediction: Argument, perfect: torch.Tensor, lower: float
    ) -> bool:
        """Whether the prediction counts in multiples of a number of the loss."""
        given = [*self._subject.args, *self._subject.kwargs.values()]
        for module in modules_of(self._subject.loss):
            given += vars(module).values()
        units = [n for n in given if type(n) in (int, float) and n not in (0, 1)]
        return any(
            self._total(prediction, value) < min(lower, 1e-6)
            for unit in units
            for value in (perfect / unit, perfect * unit)
        )

    def _total(self, prediction: Argument, value: torch.Tensor) -> float:
        return self._subject.run(self._subject.with_values({prediction: value})).total


def _are_grades(target: Argument, prediction: Argument) -> bool:
    """Whether each entry has a grade of its own, as documents of a list have.

    Ranks, or an order, have each number once: there, the least may be the best.
    """
    value = target.value
    graded = target.domain is Domain.LABELS
    graded = graded or (target.floating and is_grade(target.name))
    whole = graded and value.shape == prediction.value.shape
    if not whole or value.dim() < 2 or value.unique().numel() < 3 or value.min() < 0:
        return False
    return any(row.unique().numel() < row.numel() for row in value.flatten(0, -2))


def _dim_of_classes(value: torch.Tensor, labels: torch.Tensor) -> int:
    """Where the classes stand: in dimension 1 of pictures, else last."""
    pictures = value.dim() > 2 and labels.shape == value.shape[:1] + value.shape[2:]
    return 1 if pictures else value.dim() - 1


def belongs(prediction: Argument, target: Argument) -> bool:
    """Whether a target is the one of a prediction, and says what it should be.

    In lists and dictionaries they must have the same place: `logits[0]`, `labels[0]`.
    """
    if target.role in (Role.MASK, Role.IGNORED, Role.AVOIDED):
        return False
    return prediction.top or target.top or prediction.path == target.path


def _fitting(prediction: Argument, hot: torch.Tensor) -> torch.Tensor | None:
    """Values of the prediction's domain that are high where `hot` is 1."""
    match prediction.domain:
        case Domain.REAL:
            return 4.0 * (2 * hot - 1)
        case Domain.UNIT:
            return 0.1 + 0.8 * hot
        case Domain.SIMPLEX:
            soft = 0.1 + 0.8 * hot
            return soft / soft.sum(-1, keepdim=True)
        case Domain.LOG_SIMPLEX:
            return (4.0 * hot).log_softmax(-1)
    return None
