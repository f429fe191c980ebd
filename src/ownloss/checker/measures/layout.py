"""Whether dimension 0 of what a loss computes holds samples, and what follows."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.measures.batch import Batch
from ownloss.checker.measures.graph import Graph
from ownloss.checker.roles import Role
from ownloss.checker.subject import Subject
from ownloss.checker.trace import Call

_DIFFERENCES = ("sub", "__sub__", "rsub", "__rsub__")
_SUMS = ("add", "__add__", "__radd__")
_RESIZES = ("__getitem__", "cat", "concat", "narrow", "pad", "diff")
_PRODUCTS = ("matmul", "__matmul__", "mm")
_STEPS = (slice(1, None), slice(None, -1))
# Of a grid, what has neighbours on both sides, and these.
_INNER = (slice(1, -1), slice(2, None), slice(None, -2))


@dataclass(frozen=True)
class Parts:
    """What lies along dimension 1: the steps, or the members, of each sample.

    Attributes:
        samples: how many samples lie along dimension 0.
        count: how many parts each of them has.
        why: how it is known: "`lengths` has a length for each of its 3 rows".
        members: whether all parts of a sample are meant for the same target.
    """

    samples: int
    count: int
    why: str
    members: bool = False

    def fit(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of this shape has samples and parts, or a part less."""
        return (
            len(shape) > 1
            and shape[0] == self.samples
            and shape[1] > 1
            and abs(shape[1] - self.count) <= 1
        )


class Layout:
    """What lies along the dimensions of what a loss computes."""

    def __init__(self, subject: Subject, graph: Graph, batch: Batch) -> None:
        self._subject = subject
        self._graph = graph
        self._batch = batch

    @cached_property
    def parts(self) -> Parts | None:
        """Samples along dimension 0, parts of each along dimension 1; None if unclear.

        Most inputs of two dimensions may as well be one sequence with its features, or
        have time first: lengths, a mask or a target must tell.
        """
        first = self._subject.inputs[0] if self._subject.inputs else None
        if first is None or first.parameter or first.value.dim() < 2:
            return None
        if first.value.shape[0] != self._batch.size or self._batch.size < 2:
            return None
        return (
            self._by_lengths(first)
            or self._by_mask(first)
            or self._by_target()
            or self._by_choice()
        )

    @cached_property
    def takes_steps(self) -> bool:
        """Whether a next step is taken: all of dimension 0 but its first or last."""
        return any(map(_takes_a_step, self._graph.trace.calls))

    @cached_property
    def propagates(self) -> bool:
        """Whether samples pass something to one another, as the nodes of a graph do.

        There (N, N) is multiplied by what has a row for each of the N samples.
        """
        n = self._batch.size
        return any(
            [shape[:1] for shape in call.shapes] == [(n,), (n,)]
            and call.shapes[0] == (n, n)
            and isinstance(call.result, Tensor)
            and call.result.shape[:1] == (n,)
            for call in self._graph.trace.named(*_PRODUCTS, "sparse_mm", "spmm")
        )

    def summed_over_samples(self) -> tuple[Call, Call] | None:
        """A mixture whose components are summed over the samples instead.

        Returns:
            The logsumexp over dimension 0, and the log_softmax over dimension 1 of the
            weights that it is given with something added; None if there is none.
        """
        made = {id(call.result): call for call in self._graph.trace.calls}
        for call in self._graph.trace.named("logsumexp"):
            shape = call.shapes[0]
            dims = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
            samples = len(shape) == 2 and shape[0] == self._batch.size
            if dims not in (0, (0,), [0], -2) or not samples:
                continue
            added = made.get(id(call.tensors[0]))
            if added is None or added.name not in _SUMS:
                continue
            for term in added.tensors:
                weights = made.get(id(term))
                if weights is not None and weights.name == "log_softmax":
                    along = weights.kwargs.get("dim", weights.args[-1])
                    if along in (1, -1) and weights.shapes[0] == shape:
                        return call, weights
        return None

    def _by_lengths(self, first: Argument) -> Parts | None:
        samples, count = first.value.shape[:2]
        for argument in self._subject.arguments:
            lengths = argument.value
            if argument.role is not Role.LENGTHS or lengths.shape != (samples,):
                continue
            if samples != count and int(lengths.max()) <= count:
                why = f"`{argument.name}` has a length for each of the {samples} rows"
                return Parts(samples, count, why)
        return None

    def _by_mask(self, first: Argument) -> Parts | None:
        samples, count = first.value.shape[:2]
        for argument in self._subject.arguments:
            kept = argument.kept
            if kept is None or kept.shape != (samples, count) or bool(kept.all()):
                continue
            if _is_padded(kept) and not _is_padded(kept.T):
                return Parts(samples, count, f"`{argument.name}` ends its rows")
        return None

    def _by_target(self) -> Parts | None:
        """From a target (N, ...) that is compared with all of (N, K, ...)."""
        samples = self._batch.size
        targets = {
            x.name
            for x in self._subject.arguments
            if x.floating and not x.differentiable and x.value.shape[:1] == (samples,)
        }
        for call in self._graph.trace.named(*_DIFFERENCES):
            pairs = list(zip(call.tensors, call.shapes, strict=True))
            if len(pairs) != 2 or not call.attached:
                continue
            for (one, shape), (_, other) in (pairs, pairs[::-1]):
                names = self._graph.origins.get(id(one), frozenset())
                wide = len(other) > 1 and other[0] == samples and other[1] > 1
                one_each = shape == (samples, 1, *other[2:])
                if one_each and wide and len(names) == 1:
                    (name,) = names
                    if name in targets:
                        why = f"`{name}` is compared with all {other[1]} columns"
                        return Parts(samples, other[1], f"{why} of its rows", True)
        return None

    def _by_choice(self) -> Parts | None:
        """From an index (N,) that chooses one of the entries of each row."""
        samples = self._batch.size
        given = [x for x in self._subject.arguments if not x.differentiable]
        for call in self._graph.trace.named("gather"):
            index = call.tensors[-1]
            wide = len(call.shapes[0]) == 2 and call.shapes[0][1] > 1
            one_each = tuple(index.shape) == (samples, 1) and call.args[1:2] == (1,)
            for argument in given if wide and one_each and call.attached else ():
                if self._graph.comes_from(index, argument):
                    count = call.shapes[0][1]
                    why = (
                        f"`{argument.name}` chooses one of {count} entries of each row"
                    )
                    return Parts(samples, count, why)
        return None

    def samples_stay(self, call: Call) -> bool:
        """Whether what a call makes of (N, K, ...) loses its parts before its samples.

        What is summed over the samples first was meant to be: a set, or time first.
        """
        samples, *rest = call.shapes[0]
        if not rest or rest[0] < 2 or samples == rest[0]:
            return False
        sizes, made = {rest[0]}, {id(call.result)}
        for later in self._after(call):
            if not isinstance(later.result, Tensor) or not _takes(later, made):
                continue
            shape = tuple(later.result.shape)
            if samples in shape and sizes & {*shape}:
                made.add(id(later.result))
            elif later.name in _RESIZES and len(shape) > 1 and shape[0] == samples:
                sizes.add(shape[1])
                made.add(id(later.result))
            elif later.result.is_floating_point():
                return shape[:1] == (samples,)
        return False

    def neighbours(self) -> Iterator[tuple[Call, tuple[int, ...]]]:
        """Differences between each entry along dimension 0 and the next, by slices.

        Yields:
            The difference, and the shape of what it is of.
        """
        sliced = {
            id(call.result): call
            for call in self._graph.trace.named("__getitem__")
            if _slice_of_rows(call) in _STEPS
        }
        for call in self._graph.trace.named(*_DIFFERENCES):
            taken = [sliced[id(t)] for t in call.tensors if id(t) in sliced]
            same = len(taken) == 2 and taken[0].tensors[0] is taken[1].tensors[0]
            if same and _slice_of_rows(taken[0]) != _slice_of_rows(taken[1]):
                yield call, taken[0].shapes[0]

    def of_distributions(self, call: Call) -> bool:
        """Whether a call over dimension 0 is given distributions in rows.

        Attention of one sequence is so, too: there must be labels for the rows, or
        another such call on what comes from something else, to compare with.
        """
        if not _has_distributions(call):
            return _has_differences(call)
        labels = any(
            x.role is Role.LABELS and x.value.shape == call.shapes[0][:1]
            for x in self._subject.arguments
        )
        origins = self._graph.origins
        own = origins.get(id(call.tensors[0]), frozenset())
        return labels or any(
            not own & origins.get(id(other.tensors[0]), own)
            for other in self._graph.trace.named(call.name)
            if _has_distributions(other)
        )

    def divided_by_norms(self) -> Iterator[tuple[Call, Tensor]]:
        """Norms over dimension 0 that what they are of is divided by.

        Yields:
            The norm, and the quotient.
        """
        norms = {
            id(call.result): call
            for call in self._graph.trace.named("norm", "linalg_vector_norm")
            if 0 in (call.kwargs.get("dim"), *call.args[2:])
        }
        for call in self._graph.trace.calls:
            made = norms.get(id(call.tensors[0])) if call.tensors else None
            if made and call.name in ("clamp", "clamp_min", "add", "__add__"):
                norms[id(call.result)] = made
            if call.name in ("div", "__truediv__") and len(call.tensors) > 1:
                norm = norms.get(id(call.tensors[1]))
                if norm is not None and norm.tensors[0] is call.tensors[0]:
                    yield norm, call.result

    def pairs_of_samples(self, parts: Parts) -> Call | None:
        """The difference of all pairs of samples; None if there is none.

        Or if there is one of all pairs of the parts of each sample.
        """
        n, k = parts.samples, parts.count
        found = None
        for call in self._graph.trace.named(*_DIFFERENCES):
            shapes = {*call.shapes}
            origins = {self._graph.origins.get(id(t)) for t in call.tensors}
            if len(origins) > 1 or None in origins:
                continue
            if shapes == {(n, k, 1), (n, 1, k)}:
                return None
            if shapes in ({(n, 1, k), (1, n, k)}, {(n, 1, k), (n, k)}):
                found = found or call
        return found

    def centred_together(self) -> Iterator[tuple[Call, Argument]]:
        """Means over everything, taken from an input that is then scaled row by row.

        Yields:
            The mean, and the input.
        """
        means = {
            id(call.result): call
            for call in self._graph.trace.named("mean", "median")
            if isinstance(call.result, Tensor) and call.result.numel() == 1
        }
        for call in self._graph.trace.named("sub", "__sub__"):
            mean = means.get(id(call.tensors[-1]))
            if mean is None or len(call.tensors) != 2:
                continue
            whole, shape = call.tensors[0], call.shapes[0]
            argument = self._origin(whole)
            rows = len(shape) > 1 and shape[0] == self._batch.size > 1
            of_all = rows and mean.tensors[0] is whole
            if argument is not None and of_all and self._scaled_by_rows(call):
                yield mean, argument

    def _origin(self, tensor: Tensor) -> Argument | None:
        """The only argument that a tensor was computed from."""
        found = (
            x for x in self._subject.arguments if self._graph.comes_from(tensor, x)
        )
        return next(found, None)

    def _scaled_by_rows(self, call: Call) -> bool:
        """Whether anything is divided by a number for each row, made of a result."""
        made, rows = {id(call.result)}, set[int]()
        size = self._batch.size
        for later in self._after(call):
            if not isinstance(later.result, Tensor) or not _takes(later, made):
                continue
            divisor = later.tensors[-1]
            if later.name in ("div", "__truediv__") and id(divisor) in rows:
                return True
            if later.name in ("cosine_similarity", "normalize"):
                return bool(later.kwargs.get("dim", 1) != 0)
            made.add(id(later.result))
            one_each = later.result.numel() == size
            if one_each and later.result.shape[:1] == (size,):
                rows.add(id(later.result))
        return False

    def statistic_of_samples(self) -> tuple[Call, Argument] | None:
        """Numbers for each step of a history, from all samples, that meet a forecast.

        The forecast has as many samples and another number of steps: what the numbers
        are for cannot be what they were computed from.

        Returns:
            The call that computes them, and the history; None if there is none.
        """
        forecast = self._subject.inputs[0] if self._subject.inputs else None
        if forecast is None or forecast.value.dim() != 2:
            return None
        samples, steps = forecast.value.shape
        for call in self._graph.trace.named("mean", "std", "var", "amax", "norm"):
            history = self._origin(call.tensors[0]) if call.tensors else None
            if history is None or history is forecast or self._batch.size != samples:
                continue
            shape = tuple(history.value.shape)
            other = len(shape) == 2 and shape[0] == samples and shape[1] != steps
            width = call.result.shape[-1:] if isinstance(call.result, Tensor) else ()
            of_steps = other and call.shapes[0] == shape and width == shape[1:]
            if of_steps and self._meets(call, (samples, steps)):
                return call, history
        return None

    def _meets(self, call: Call, shape: tuple[int, int]) -> bool:
        """Whether a part of a result meets something of this shape, step by step."""
        made = {id(call.result)}
        for later in self._after(call):
            if not isinstance(later.result, Tensor) or not _takes(later, made):
                continue
            if tuple(later.result.shape) == shape and len(later.tensors) == 2:
                return any(t.shape[-1:] == shape[1:] for t in later.tensors)
            made.add(id(later.result))
        return False

    def channels_of_all_images(self) -> Call | None:
        """The products of all channels of all images, (N * C, N * C)."""
        flat: dict[int, int] = {}
        for call in self._graph.trace.calls:
            if not isinstance(call.result, Tensor) or not call.shapes:
                continue
            shape, made = call.shapes[0], tuple(call.result.shape)
            if len(shape) == 4 and shape[0] == self._batch.size > 1:
                n, c, h, w = shape
                if made == (n * c, h * w) and c > 1:
                    flat[id(call.result)] = n * c
                    continue
            taken = {id(t) for t in call.tensors} & flat.keys()
            if taken and call.name in ("t", "transpose", "__get__:T", "__get__:mT"):
                flat[id(call.result)] = flat[taken.pop()]
            elif call.name in _PRODUCTS and all(id(t) in flat for t in call.tensors):
                rows = flat[id(call.tensors[0])]
                if made == (rows, rows):
                    return call
        return None

    def _after(self, call: Call) -> list[Call]:
        calls = self._graph.trace.calls
        return calls[calls.index(call) + 1 :]


def _has_distributions(call: Call) -> bool:
    """Whether the rows of a matrix sum to 1, and not its columns."""
    if len(call.shapes[0]) != 2 or 0 in call.shapes[0] or call.tensors[0].is_complex():
        return False
    value = call.tensors[0].detach()
    rows, columns = ((value.sum(dim) - 1).abs() < 1e-4 for dim in (1, 0))
    return bool((value >= 0).all() and rows.all() and not columns.all())


def _takes_a_step(call: Call) -> bool:
    """Whether a call takes all steps but the first or the last, to compare steps."""
    if call.name == "diff":
        return call.kwargs.get("dim", -1) == 0 or len(call.shapes[0]) == 1
    if call.name != "__getitem__" or len(call.args) < 2:
        return False
    index = call.args[1]
    indices = [*index] if isinstance(index, tuple) else [index]
    if indices and indices[0] is Ellipsis and len(indices) == len(call.shapes[0]) + 1:
        indices = indices[1:]  # of a grid, it stands for nothing
    # An array is compared entry by entry.
    return (
        bool(indices)
        and isinstance(indices[0], slice)
        and indices[0] in (*_STEPS, *_INNER)
    )


def _has_differences(call: Call) -> bool:
    """Whether the rows of a matrix sum to 0, as differences of distributions do."""
    if len(call.shapes[0]) != 2 or min(call.shapes[0]) < 2:
        return False
    value = call.tensors[0].detach()
    rows, columns = (value.sum(dim).abs() < 1e-4 for dim in (1, 0))
    small = bool((value.abs() <= 1).all())
    return small and bool(value.any() and rows.all() and not columns.all())


def _takes(call: Call, made: set[int]) -> bool:
    return any(id(t) in made for t in call.tensors)


def _is_padded(kept: Tensor) -> bool:
    """Whether what counts of each row is its beginning, or the end of each."""
    starts = kept.long().diff(dim=1)
    return bool((starts <= 0).all()) or bool((starts >= 0).all())


def _slice_of_rows(call: Call) -> slice | None:
    """The slice that an index takes of dimension 0, and of nothing else."""
    index = call.args[1] if len(call.args) > 1 else None
    first, *rest = index if isinstance(index, tuple) and index else (index,)
    whole = all(part == slice(None) for part in rest if isinstance(part, slice))
    plain = all(isinstance(part, slice) for part in rest)
    return first if isinstance(first, slice) and plain and whole else None
