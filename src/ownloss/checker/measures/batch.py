"""The samples of a batch: how many, each alone, several times, in another order."""

import math
from functools import cached_property, partial

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.containers import tensors_in
from ownloss.checker.copies import data_of
from ownloss.checker.domains import Domain, stored
from ownloss.checker.measures.graph import Graph
from ownloss.checker.measures.points import Points
from ownloss.checker.roles import Role
from ownloss.checker.runs import as_real
from ownloss.checker.subject import Point, Subject


class Batch:
    """The batch that a loss is given."""

    def __init__(self, subject: Subject, points: Points, graph: Graph) -> None:
        self._subject = subject
        self._points = points
        self._graph = graph

    @cached_property
    def size(self) -> int:
        """The number of samples: the first size of the first input; 0 if unclear.

        It is unclear where there are other inputs and none of them has that size, or
        where the label is a single one. Tables to learn belong to no sample; nodes that
        edges or triangles name by their places cannot be dropped, nor can the rows of a
        sparse tensor.
        """
        given = [x for x in self._subject.arguments if not x.parameter]
        arguments = [x for x in given if x.value.dim() and x.role is not Role.TABLE]
        first = next((x for x in arguments if x.differentiable), None)
        if first is None or first.top != arguments[0].top:
            return 0
        if any(x.packed for x in given):
            return 0
        if self._is_histogram(first, arguments):
            return 0
        if any(x.role is Role.LABELS and not x.value.dim() for x in given):
            return 0
        if any(
            "][" in x.name and x.value.shape[:1] != first.value.shape[:1] for x in given
        ):
            return 0  # a list with an entry, or a dictionary, for each sample
        size = self._size_of(first, arguments)
        if self._is_listed(size, arguments):
            return 0
        if self._is_of_a_model(size, arguments):
            return 0
        others = [x for x in arguments if x is not first]
        if first.value.dim() == 1 and any(map(partial(_has_columns, size), others)):
            return 0  # one vector, of as many features as others have in their rows
        shared = any(x.value.shape[0] == size for x in others)
        if any(size in data.shape for data in data_of(self._subject.loss)):
            return 0  # the loss holds numbers for these very samples
        if any(self.picked_by(x) == size for x in others):
            return 0
        if any(self._names_places(x, size) for x in others):
            return 0
        return size if shared or not others else 0

    @staticmethod
    def _is_of_a_model(size: int, arguments: list[Argument]) -> bool:
        """Whether what is learned are parameters, and the samples are data beside it.

        Then two arguments of data have as many rows, and none has as many as these.
        """
        data = [len(x.value) for x in arguments if not x.differentiable]
        leads = not arguments[0].differentiable
        return leads and size not in data and data.count(data[0]) > 1

    def _names_places(self, index: Argument, size: int) -> bool:
        """Whether an argument that is no batch itself picks rows of the batch."""
        if index.floating or index.value.shape[0] == size:
            return False
        picks = self._graph.calls_on(index, "__getitem__", "index_select")
        rows = [call for call in picks if call.shapes[0][:1] == (size,)]
        return bool(rows) and self._graph.picks_rows(index)

    def _is_listed(self, size: int, arguments: list[Argument]) -> bool:
        """Whether a list has an entry for each sample: it cannot be varied with them.

        A list of numbers or of texts; of tensors, where they are of unlike lengths. A
        list with an output for each scale has a batch in every entry.
        """
        for given in (*self._subject.args, *self._subject.kwargs.values()):
            if not isinstance(given, (list, tuple)) or len(given) < 2:
                continue
            plain = not any(isinstance(entry, Tensor) for entry in given)
            if plain and len(given) == size and not any(map(_holds_tensors, given)):
                return True
            if all(type(n) is int and n >= 0 for n in given) and sum(given) == size:
                return True  # how many rows each of them has
            lengths = {len(t) for t in given if isinstance(t, Tensor) and t.dim()}
            if len(lengths) > 1 and (size in lengths or len(given) == size):
                return True
            if sum(len(t) for t in given if isinstance(t, Tensor) and t.dim()) == size:
                return True  # the rows of several pictures, put together
        return False

    @staticmethod
    def _is_histogram(first: Argument, arguments: list[Argument]) -> bool:
        """Whether an input is one distribution: its entries are bins, no samples.

        They sum to 1, or there are edges of the bins, one more than bins.
        """
        if first.value.dim() != 1:
            return False
        sums = first.domain in (Domain.SIMPLEX, Domain.LOG_SIMPLEX)
        edges = (len(first.value) + 1,)
        return sums or any(x.floating and x.value.shape == edges for x in arguments)

    @staticmethod
    def _size_of(first: Argument, arguments: list[Argument]) -> int:
        """The first size of an input; that of the labels, where they fit another one.

        The weight of a last layer, (V, H), may come before the hidden states (N, H).
        """
        size = first.value.shape[0]
        lengths = {len(x.value) for x in arguments if x.role is Role.LENGTHS}
        if size not in lengths and lengths & {*first.value.shape[1:2]}:
            return 0  # steps come first
        labels = [x for x in arguments if x.role in (Role.LABELS, Role.TARGET)]
        sizes = {x.value.shape[0] for x in labels}
        if len(sizes) != 1 or size in sizes:
            return size
        rows = sizes.pop()
        if rows in first.value.shape[1:2]:
            return 0  # steps, cameras or members of an ensemble come first
        others = [x for x in arguments if x.floating and x not in labels]
        fit = any(x.value.shape[0] == rows and x.value.dim() > 1 for x in others)
        return rows if fit and rows > 1 else size

    def is_split_by(self, counts: Argument) -> bool:
        """Whether an argument says how many rows of another one belong together.

        Neither the rows nor these numbers can be changed by themselves.
        """
        return any(
            counts.counts_to(len(x.value))
            for x in self._subject.inputs
            if x.value.dim() and not x.parameter
        )

    def picked_by(self, mask: Argument) -> int:
        """How many rows a mask picks, where another argument has just these rows.

        A masked autoencoder predicts the masked patches alone: the mask cannot be
        changed without the prediction. 0 where a mask stands for itself.
        """
        if mask.domain is not Domain.MASK:
            return 0
        count = int(mask.value.sum())
        picked = any(
            x.value.dim()
            and x.value.shape[0] == count
            and x.value.shape[: mask.value.dim()] != mask.value.shape
            for x in self._subject.arguments
            if x is not mask and not x.parameter
        )
        return count if picked and count not in (0, mask.value.shape[0]) else 0

    @cached_property
    def arguments(self) -> list[Argument]:
        """The arguments whose first dimension is the batch."""
        return [
            argument
            for argument in self._subject.arguments
            if not argument.parameter
            and argument.role is not Role.TABLE
            and argument.value.dim()
            and argument.value.shape[0] == self.size > 0
        ]

    def rows(self, rows: list[int], point: Point | None = None) -> Point:
        """A point that consists of these samples."""
        self._subject.budget.require()
        chosen = torch.tensor(rows, dtype=torch.long)
        return [
            _picked(value, chosen) if argument in self.arguments else value
            for argument, value in zip(
                self._subject.arguments, point or self._subject.point, strict=True
            )
        ]

    def rows_of_all(self, rows: list[int]) -> Point:
        """As `rows`, with the rows of tables, too, which may belong to samples."""
        point, chosen = self.rows(rows), torch.tensor(rows, dtype=torch.long)
        for place, argument in enumerate(self._subject.arguments):
            table = argument.role is Role.TABLE and not argument.parameter
            if table and argument.value.shape[0] == self.size:
                point[place] = _picked(argument.value, chosen)
        return point

    def repeated(self, times: int = 2, point: Point | None = None) -> Point:
        """A point with all samples several times, one whole batch after the other."""
        return self.rows([*range(self.size)] * times, point)

    @cached_property
    def grouped(self) -> bool:
        """Whether the samples come in pairs or groups, with something for each group.

        Then the loss takes all samples twice only together with what is given for the
        groups, such as the margin of each pair.
        """
        if self._subject.run(self.repeated()).error is None:
            return False
        groups = [
            x
            for x in self._subject.arguments
            if x.value.dim()
            and 1 < x.value.shape[0] < self.size
            and self.size % x.value.shape[0] == 0
        ]
        for group in groups:
            point = self.repeated()
            place = self._subject.index(group)
            point[place] = torch.cat([group.value, group.value])
            if self._subject.run(point).finite:
                return True
        return False

    @cached_property
    def row_weights(self) -> list[float]:
        """How much each sample counts in the batch, against the same sample alone.

        Empty where the samples do not add up: where the gradient of a sample in the
        batch is not a multiple of its gradient alone.
        """
        if (
            not self._subject.scalar
            or not 2 <= self.size <= 64
            or not self._subject.inputs
        ):
            return []
        argument = self._subject.inputs[0]
        if (
            argument not in self.arguments
            or self._subject.base_backward.values[0] is None
        ):
            return []
        together = self._subject.base_backward.values[0]
        weights = []
        for i in range(min(self.size, 12)):
            run = self._subject.run(self.rows([i]))
            found = self._subject.backward(run)
            if not run.finite or found.error is not None or found.values[0] is None:
                return []
            alone, inside = found.values[0][0], together[i]
            square = (alone.abs() ** 2).sum().item()
            if square == 0:
                if bool((inside != 0).any()):
                    return []
                weights.append(math.nan)
                continue
            weight = (as_real(alone) * as_real(inside)).sum().item() / square
            rest = (inside - weight * alone).abs().max().item()
            if rest > 1e-4 * inside.abs().max().item() + 1e-12:
                return []
            weights.append(weight)
        return weights

    def growth(self, times: int = 2) -> float:
        """The value with every sample several times, as a multiple; NaN if unknown."""
        if not self._subject.scalar or self.size < 2 or not self._subject.value:
            return math.nan
        run = self._subject.run(self.repeated(times))
        return run.total / self._subject.value if run.finite else math.nan

    @cached_property
    def other(self) -> Point:
        """Other values and other labels, of the same shapes; the same parameters."""
        moved = self._points.jittered(0.7, 5)[: self._subject.argument_count]
        for i, argument in enumerate(
            self._subject.arguments[: self._subject.argument_count]
        ):
            if not argument.differentiable and argument in self.arguments:
                # Repeats, so that classes are counted differently, too.
                rows = [(k + 1) // 2 % self.size for k in range(self.size)]
                moved[i] = _picked(moved[i], torch.tensor(rows))
        return [*moved, *self._subject.point[self._subject.argument_count :]]


def _has_columns(features: int, other: Argument) -> bool:
    """Whether an input has rows of so many features, and another number of rows."""
    matrix = other.floating and other.value.dim() == 2
    return matrix and other.value.shape[1] == features != other.value.shape[0]


def _holds_tensors(entry: object) -> bool:
    return any(True for _ in tensors_in(entry))


def _picked(value: Tensor, rows: Tensor) -> Tensor:
    picked = stored(value)[rows.to(value.device)]
    return picked if picked.dtype is value.dtype else picked.view(value.dtype)
