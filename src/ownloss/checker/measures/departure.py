"""Where a loss departs from its reference: the calls of torch that differ."""

import enum
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

from torch import Tensor

from ownloss.checker.measures.graph import Graph
from ownloss.checker.measures.reference import Reference
from ownloss.checker.trace import Call


class Cause(enum.Enum):
    """What two losses do differently, where everything else is the same."""

    PLACES = "entries are moved elsewhere, or other ones are taken"
    SHAPES = "operands of other shapes are broadcast"
    SUMS = "other things are summed, averaged or counted"
    NUMBER = "a plain number"
    AXIS = "a matrix is transposed before something runs over one dimension of it"
    CONSTANT = "the reference detaches something"


@dataclass(frozen=True)
class Departure:
    """The first calls of two losses that differ.

    Attributes:
        cause: what kind of difference all differences are.
        own: the calls of the loss; empty if the reference makes one more.
        trusted: those of the reference; empty if the loss makes one more.
        count: how many such places there are.
    """

    cause: Cause
    own: list[Call]
    trusted: list[Call]
    count: int

    @property
    def where(self) -> str:
        """The place in the loss, or that in the reference, such as "line 3 of a.py"."""
        return (self.own or self.trusted)[0].where

    def __str__(self) -> str:
        if not self.own:
            return f"the reference calls {_said(self.trusted)}, and the loss does not"
        if not self.trusted:
            return f"the loss calls {_said(self.own)}, and the reference does not"
        return f"the loss calls {_said(self.own)}, the reference {_said(self.trusted)}"


# Two names of one operation.
_ALIKE = {
    "true_divide": "div",
    "truediv": "div",
    "divide": "div",
    "multiply": "mul",
    "rmul": "mul",
    "radd": "add",
    "subtract": "sub",
    "clip": "clamp",
    "clamp_min": "clamp",
    "__get__:T": "transpose",
    "__get__:mT": "transpose",
    "t": "transpose",
    "swapaxes": "transpose",
    "linalg_norm": "norm",
    "linalg_vector_norm": "norm",
}
# What changes no value.
_SILENT = {
    *("size", "dim", "numel", "len", "contiguous", "to", "float", "double", "type"),
    *("type_as", "requires_grad_", "is_floating_point", "clone", "iter", "bool"),
}
_MOVES = {"permute", "transpose", "movedim", "flip", "roll"}
_VIEWS = {"view", "reshape", "flatten", "unflatten"}
_SUMS = {"sum", "mean", "norm", "nansum", "nanmean"}
_WITH_SUMS = {*_SUMS, "clamp", "flatten", "getitem", "mul", "div", "unsqueeze"}
_ELEMENTWISE = {
    "add",
    "sub",
    "rsub",
    "mul",
    "div",
    "pow",
    "where",
    "maximum",
    "minimum",
}
# Two losses that share less than so much are written differently.
ALIKE = 0.5


class Comparison:
    """A loss beside its reference, call by call."""

    def __init__(self, reference: Reference, graph: Graph) -> None:
        self._reference = reference
        self._graph = graph

    @cached_property
    def departure(self) -> Departure | None:
        """Where they part, if all differences are of one kind; else None."""
        if self._reference.loss is None:
            return None
        own = [c for c in self._graph.trace.calls if not _is_silent(c)]
        trusted = [c for c in self._reference.calls if not _is_silent(c)]
        names = [_name(c) for c in own], [_name(c) for c in trusted]
        matcher = SequenceMatcher(None, *names, autojunk=False)
        if matcher.ratio() < ALIKE:
            return None
        found = []
        for same, i, j, k, m in matcher.get_opcodes():
            if same == "equal":
                pairs = zip(own[i:j], trusted[k:m], strict=True)
                found += [([a], [b]) for a, b in pairs if _differ(a, b)]
            else:
                found.append((own[i:j], trusted[k:m]))
        causes = {_cause(*calls) for calls in found}
        if causes == {Cause.SHAPES} and _are_only_summed(found, own + trusted):
            causes = {Cause.SUMS}
        if causes == {Cause.PLACES} and _turn_what_is_run_over(found, own + trusted):
            causes = {Cause.AXIS}
        if len(causes) != 1 or None in causes:
            return None
        (cause,) = causes
        assert cause is not None
        return Departure(cause, *found[0], len(found))


# What takes its rows and its columns for different things.
_RUN_OVER = {
    *("cov", "corrcoef", "softmax", "log_softmax", "logsumexp", "normalize"),
    *("cumsum", "cumprod", "logcumsumexp", "sort", "argsort", "std", "var"),
}


def _turn_what_is_run_over(
    found: list[tuple[list[Call], list[Call]]], calls: list[Call]
) -> bool:
    """Whether all that differs are matrices transposed for what runs over them."""
    differing = [call for pair in found for side in pair for call in side]
    given = {id(t) for c in calls if _name(c) in _RUN_OVER for t in c.tensors[:1]}
    return all(_name(c) == "transpose" and id(c.result) in given for c in differing)


def _are_only_summed(
    found: list[tuple[list[Call], list[Call]]], calls: list[Call]
) -> bool:
    """Whether what differs is expanded to be counted, as in a denominator."""
    for pair in found:
        for call in (*pair[0], *pair[1]):
            takes = [
                _name(c) for c in calls if any(t is call.result for t in c.tensors)
            ]
            if not takes or any(name not in _SUMS for name in takes):
                return False
    return True


def _name(call: Call) -> str:
    name = call.name if ":" in call.name else call.name.strip("_")
    return _ALIKE.get(name, name)


def _is_silent(call: Call) -> bool:
    name = _name(call)
    reads = name.startswith("__get__") and name not in _ALIKE.values()
    return name in _SILENT or reads


def _plain(call: Call) -> list[str]:
    """What a call is given beside tensors, as text; tensors as their places."""
    given = [*call.args, *sorted(call.kwargs.items())]
    return [text for text in map(_text, given) if text]


def _text(given: Any) -> str:
    if isinstance(given, Tensor):
        return ""
    if isinstance(given, (tuple, list)):
        return f"({', '.join(_text(part) for part in given)})"
    return str(given)


def _differ(own: Call, trusted: Call) -> bool:
    """Whether two calls of one function differ in more than the tensors given."""
    if _name(own) in _ELEMENTWISE:
        numbers = [_number(c) for c in (own, trusted)]
        return numbers[0] != numbers[1] or _combines_other_shapes(own, trusted)
    return _plain(own) != _plain(trusted) or own.name != trusted.name


def _number(call: Call) -> float | None:
    """The plain number that a tensor is combined with; None if there is none."""
    found = [a for a in call.args if isinstance(a, (int, float))]
    return float(found[0]) if found else None


def _combines_other_shapes(own: Call, trusted: Call) -> bool:
    if not isinstance(own.result, Tensor) or not isinstance(trusted.result, Tensor):
        return False
    same = own.result.shape == trusted.result.shape
    others = sorted(own.shapes) != sorted(trusted.shapes)  # or swapped, as in b - a
    return same and others and own.result.dim() > 0


def _cause(own: list[Call], trusted: list[Call]) -> Cause | None:
    """What a difference is, as far as the names of the calls tell."""
    names = {_name(c) for c in (*own, *trusted)}
    if len(own) == len(trusted) == 1 and len(names) == 1:
        return _cause_of_pair(own[0], trusted[0], *names)
    expands = all(map(_adds_dimension, (*own, *trusted)))
    if expands:
        return Cause.SHAPES
    if names <= {*_MOVES, "getitem"}:
        return Cause.PLACES
    if "setitem" in names and not any(_name(c) == "setitem" for c in own):
        return Cause.PLACES
    if names == {"detach"} and not own:
        return Cause.CONSTANT
    if names & _SUMS and names <= _WITH_SUMS:
        return Cause.SUMS
    return None


def _cause_of_pair(own: Call, trusted: Call, name: str) -> Cause | None:
    reductions = [c.kwargs.get("reduction", "mean") for c in (own, trusted)]
    if name in _SUMS or reductions[0] != reductions[1]:
        return Cause.SUMS
    if name in _ELEMENTWISE:
        numbers = [_number(c) for c in (own, trusted)]
        if numbers[0] == numbers[1]:
            return Cause.SHAPES
        if None not in numbers:
            return Cause.NUMBER if _is_floating(own) else Cause.PLACES
        # A number here, and a count there.
        counts = all(t.numel() == 1 for c in (own, trusted) for t in c.tensors[1:])
        return Cause.SUMS if name in ("div", "mul") and counts else None
    if _adds_dimension(own) != _adds_dimension(trusted):
        return Cause.SHAPES
    if name in _MOVES or name in ("getitem", "unsqueeze"):
        return Cause.PLACES
    if name in _VIEWS and isinstance(own.result, Tensor):
        same = own.result.dim() == getattr(trusted.result, "dim", lambda: -1)()
        return Cause.PLACES if same else None
    return None


def _is_floating(call: Call) -> bool:
    """Whether a result is no index."""
    return isinstance(call.result, Tensor) and call.result.is_floating_point()


def _adds_dimension(call: Call) -> bool:
    if _name(call) in ("unsqueeze", "expand", "expand_as"):
        return True
    index = call.args[1] if _name(call) == "getitem" and len(call.args) > 1 else ()
    return isinstance(index, tuple) and any(part is None for part in index)


def _said(calls: list[Call]) -> str:
    """Calls as one would write them, with the place of the first."""
    *front, last = [f"`{_as_code(call)}`" for call in calls[:4]]
    listed = f"{', '.join(front)} and {last}" if front else last
    return f"{listed} ({calls[0].where})" if calls[0].where else listed


def _as_code(call: Call) -> str:
    name = _name(call)
    if name in ("getitem", "setitem"):
        index = call.args[1] if len(call.args) > 1 else None
        parts = index if isinstance(index, tuple) else (index,)
        value = f" = {_text(call.args[2])}" if name == "setitem" else ""
        return f"x[{', '.join(map(_index, parts))}]{value}"
    plain = [_text(a) for a in call.args if not isinstance(a, Tensor)]
    given = {k: v for k, v in call.kwargs.items() if v not in (None, False)}
    plain += [f"{k}={_text(v)}" for k, v in given.items() if _text(v)]
    inside = ", ".join(filter(None, plain))
    return f"{name}({inside})" if inside else name


def _index(part: Any) -> str:
    if isinstance(part, slice):
        ends = ("" if end is None else str(end) for end in (part.start, part.stop))
        return ":".join(ends)
    if part is Ellipsis:
        return "..."
    return "..." if isinstance(part, Tensor) else str(part)
