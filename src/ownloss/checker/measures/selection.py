"""Which entries count: by masks, by labels to ignore, by lengths."""

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument, spread
from ownloss.checker.measures.batch import Batch
from ownloss.checker.measures.graph import Graph
from ownloss.checker.roles import Role, is_of_a_part, may_be_a_target
from ownloss.checker.subject import Subject
from ownloss.checker.trace import Call

IGNORED_BY_TORCH = -100
_EQUALS = ("eq", "ne", "__eq__", "__ne__", "equal", "not_equal")
_COMPARES = ("lt", "le", "gt", "ge", "__lt__", "__le__", "__gt__", "__ge__")
_COUNTS = ("tolist", "item", "__int__", "__index__", "unbind", "__iter__")
_NEGATIONS = ("__invert__", "bitwise_not", "logical_not", "rsub", "__rsub__")
_CLASSES = ("cross_entropy", "nll_loss", "gather", "one_hot", "scatter", "scatter_")
_TAKES = ("__getitem__", "masked_fill", "masked_fill_", "masked_select", "where")
_PRODUCTS = ("mul", "__mul__", "__rmul__", "multiply")


class Selection:
    """What masks, labels and lengths leave out, as far as the loss acts on it."""

    def __init__(self, subject: Subject, graph: Graph, batch: Batch) -> None:
        self._subject = subject
        self._graph = graph
        self._batch = batch

    def kept(self, argument: Argument) -> Tensor | None:
        """True where an entry counts; None for what selects nothing."""
        if argument.role in (Role.MASK, Role.IGNORED):
            return None if self._chooses(argument) else argument.kept
        label = self.ignored_label(argument)
        return None if label is None else argument.value != label

    def is_the_target(self, mask: Argument) -> bool:
        """Whether a mask is what is to be predicted: there is nothing else.

        Not where its name says otherwise, or where a gradient arrives at all entries
        that it keeps, and at no other: of a target, zeros count as well.
        """
        prediction = self._subject.inputs[0]
        others = (x for x in self._subject.arguments if x not in (prediction, mask))
        if any(not x.parameter and x.value.dim() for x in others):
            return False
        return may_be_a_target(mask.name) and not self._cuts_off(mask)

    def _cuts_off(self, mask: Argument) -> bool:
        """Whether a gradient arrives at all entries that a mask keeps, and no other."""
        gradient = self._subject.base_backward.values[0]
        if gradient is None or mask.kept is None:
            return False
        kept = spread(mask.kept, gradient)
        if kept is None:
            return False
        silent = not bool((gradient[~kept] != 0).any())
        return silent and bool((gradient[kept] != 0).any())

    def ignored_label(self, argument: Argument) -> int | None:
        """The label that means "does not count", if the loss treats one like that.

        A label of -1 may as well be a class, noise, the end of a list or a sign.
        """
        if argument.role is not Role.LABELS or argument.value.numel() < 2:
            return None
        present: set[int] = set(argument.value.unique().tolist())
        for call in self._graph.trace.named("cross_entropy", "nll_loss"):
            ignored: int = call.kwargs.get("ignore_index", IGNORED_BY_TORCH)
            target = call.tensors[1] if len(call.tensors) > 1 else None
            if ignored in present and self._graph.comes_from(target, argument):
                return ignored
        if IGNORED_BY_TORCH in present:
            return IGNORED_BY_TORCH
        lowest, highest = min(present), max(present)
        if all(self._compared(argument, ("eq", "__eq__"), x) for x in (-1, 1)):
            return None  # of less, equal and more, each has its own term
        if self._beyond_classes(argument, highest):
            # Where others are asked for, too, it is an edge of a range, or an instance.
            asked = {x for x in present if self._compared(argument, _EQUALS, x)}
            return highest if asked == {highest} else None
        if lowest >= 0:
            return None
        if self._compared(argument, _EQUALS, lowest):
            return lowest
        below = [
            *self._compared(argument, ("ge", "__ge__", "lt", "__lt__"), 0),
            *self._compared(argument, ("gt", "__gt__", "le", "__le__"), lowest),
        ]
        # Noise may be told from clusters like that, and still count as a negative.
        if not below or not self._batch.row_weights or self._counts(argument, lowest):
            return None
        return lowest

    def _counts(self, labels: Argument, label: int) -> bool:
        """Whether the loss looks for the samples of a label, and trains on them.

        Samples of unknown classes, or anomalies, are labelled -1, too.
        """
        below = ("lt", "__lt__", "le", "__le__")
        gradient = self._subject.base_backward.values[0]
        if gradient is None:
            return False
        kept = spread(labels.value != label, gradient)
        if kept is None or bool(kept.all()) or not bool(kept.any()):
            return False
        size = gradient.detach().abs()
        usual, theirs = size[kept].mean().item(), size[~kept].mean().item()
        if not usual or not theirs:
            return False
        asked = bool(self._graph.calls_on(labels, *below))
        return (asked and theirs > 0.5 * usual) or self._picked(labels.value == label)

    def _picked(self, chosen: Tensor) -> bool:
        """Whether entries of something differentiated are picked by these very ones."""
        for call in self._graph.trace.named("__getitem__", "masked_select"):
            index = call.args[1] if len(call.args) > 1 else None
            if not call.attached or not isinstance(index, Tensor):
                continue
            if index.dtype == torch.bool and torch.equal(index, chosen):
                return True
        return False

    def _beyond_classes(self, labels: Argument, label: int) -> bool:
        """Whether a label is none of the classes, as 255 in pictures of 21 classes."""
        shape = tuple(labels.value.shape)
        counts = {
            x.value.shape[dim]
            for x in self._batch.arguments
            if x.floating
            for dim in range(x.value.dim())
            if (*x.value.shape[:dim], *x.value.shape[dim + 1 :]) == shape
        }
        return bool(counts) and label >= max(counts)

    def singled_out(self, argument: Argument) -> set[int | float]:
        """The labels that the loss treats differently: it ignores or compares them."""
        ignored = self.ignored_label(argument)
        alone = set[int | float]() if ignored is None else {ignored}
        return alone | {
            call.args[1]
            for call in self._graph.calls_on(argument, *_EQUALS)
            if len(call.args) > 1 and isinstance(call.args[1], (int, float))
        }

    def counts_with(self, argument: Argument) -> bool:
        """Whether the loss takes entries as plain numbers: sizes, places, lengths."""
        return bool(self._graph.calls_on(argument, *_COUNTS))

    def steps(self, argument: Argument, count: int) -> Tensor | None:
        """Which of `count` steps lie within the lengths; None if they only divide."""
        if argument.role is not Role.LENGTHS or argument.value.dim() != 1:
            return None
        if not self._graph.calls_on(argument, *_COMPARES, *_COUNTS):
            return None
        steps = torch.arange(count, device=argument.value.device)
        return steps < argument.value[:, None]

    def _compared(
        self, argument: Argument, names: tuple[str, ...], number: int
    ) -> list[Call]:
        return [
            call
            for call in self._graph.calls_on(argument, *names)
            if len(call.args) > 1
            and isinstance(call.args[1], (int, float))
            and call.args[1] == number
        ]

    def _only_weighs(self, mask: Argument) -> bool:
        """Whether all that is multiplied and made of a mask alone is nowhere 0."""
        if bool(mask.value.bool().all()) or self._graph.calls_on(mask, *_TAKES):
            return False
        factors = [
            tensor
            for call in self._graph.trace.named(*_PRODUCTS)
            if call.attached
            for tensor in call.tensors
            if self._graph.comes_from(tensor, mask)
        ]
        return bool(factors) and all(bool((f != 0).all()) for f in factors)

    def _chooses(self, mask: Argument) -> bool:
        """Whether a mask chooses between two sources: nothing is left out then.

        Such are masked_scatter, where(mask, a, b), and weights of both regions,
        a * mask + b * (1 - mask); a mask of 0 and 1 whose entries are classes, or of
        positives and negatives; and one that makes weights that are nowhere 0.
        """
        if self._graph.calls_on(mask, *_CLASSES) or is_of_a_part(mask.name):
            return True
        if self._only_weighs(mask):
            return True
        if self._graph.calls_on(mask, "masked_scatter", "masked_scatter_"):
            return True
        for call in self._graph.trace.named("where"):
            branches = [t for t in call.tensors[1:] if self._graph.origins.get(id(t))]
            if len(branches) > 1 and self._graph.comes_from(call.tensors[0], mask):
                return True
        negated = {
            id(call.result)
            for call in self._graph.calls_on(mask, *_NEGATIONS)
            if isinstance(call.result, Tensor)
        }
        sides = set()
        for call in self._graph.trace.named(*_PRODUCTS):
            for tensor in call.tensors:
                if self._graph.comes_from(tensor, mask):
                    sides.add(id(tensor) in negated)
        return len(sides) == 2
