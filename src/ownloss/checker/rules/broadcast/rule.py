"""(N, 1) meets (N,) and becomes (N, N)."""

from collections import Counter
from collections.abc import Iterator

from torch import Tensor

from ownloss.checker.errors import text_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.measures.departure import Cause
from ownloss.checker.observation import Observation
from ownloss.checker.roles import is_of_pairs
from ownloss.checker.trace import Call

KIND = Kind(
    slug="broadcast",
    title="Accidental broadcast",
    meaning="Two tensors of different shapes are combined entry by entry, torch "
    "stretches both, and every prediction is compared with every target.",
    shows="An elementwise operation makes a result with one more dimension of the "
    "batch size than either of its operands, and nobody asked for it.",
    cure="Take the extra dimension away by number, `prediction.squeeze(1)`, and then "
    "check `prediction.shape == target.shape`.",
)
CALLS = 1

_ELEMENTWISE = {
    "sub",
    "add",
    "mul",
    "div",
    "pow",
    "rsub",
    "maximum",
    "minimum",
    "where",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "true_divide",
    "subtract",
    "multiply",
    "divide",
    "logical_and",
    "logical_or",
    "__and__",
    "__or__",
    "__rsub__",
    "__rdiv__",
    "__rmul__",
    "__radd__",
    "__sub__",
    "__mul__",
    "__add__",
    "__truediv__",
    "__pow__",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "atan2",
    "xlogy",
    "fmax",
    "fmin",
    "copysign",
    "hypot",
    "lerp",
    "masked_fill",
    "bitwise_and",
}
_LOSSES = {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"}
_ON_PURPOSE = {
    "unsqueeze",
    "view",
    "reshape",
    "expand",
    "expand_as",
    "unflatten",
    "transpose",
    "t",
    "permute",
    "movedim",
    "swapaxes",
    "repeat",
    "__get__:T",
    "__get__:mT",
    "broadcast_to",
    "meshgrid",
    "outer",
    "view_as",
    "reshape_as",
}
_ON_PURPOSE_IN_PLACE = {f"{name}_" for name in ("unsqueeze", "transpose", "t")}


def find(seen: Observation) -> Iterator[Finding]:
    """Follow shapes through the loss, from the inputs on."""
    if seen.given.error is not None:
        return
    size = seen.batch.size or _square(seen)
    flow = _Flow(seen)
    for call in seen.graph.trace.calls:
        pair, shapes = _operands(call)
        candidate = call.name in _ELEMENTWISE and len(pair) == 2
        if candidate and call.name in _LOSSES and _is_column_against_row(*shapes):
            yield _finding(flow, call, pair, shapes, _joint(*shapes))
            return
        if candidate and not (
            flow.on_purpose(pair) and _may_be_meant(seen, flow, call)
        ):
            result = _joint(*shapes)
            known = all(flow.names.get(id(t)) for t in pair)
            if known and any(
                _makes_pairs(shapes, result, n) for n in (size, flow.listed(pair))
            ):
                yield _finding(flow, call, pair, shapes, result)
                return
            pairs = any(flow.names[id(t)] & flow.of_pairs for t in pair if known)
            if (
                size > 1
                and known
                and result
                and not pairs
                and _only_by_luck(seen, size, shapes)
            ):
                yield _lucky(seen, flow, call, pair, shapes)
                return
        flow.follow(call)
    yield from _unlike_reference(seen)


def _is_column_against_row(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether they are (N, 1) and (N,): torch's losses warn, and make (N, N) of it."""
    column, row = sorted((one, other), key=len, reverse=True)
    return row != (1,) and column == (*row, 1)


def _makes_pairs(
    shapes: list[tuple[int, ...]], result: tuple[int, ...], size: int
) -> bool:
    """Whether two operands with so many entries each give one for every pair."""
    counts = [shape.count(size) for shape in shapes]
    return size > 1 and min(counts) > 0 and result.count(size) > max(counts)


def _unlike_reference(seen: Observation) -> Iterator[Finding]:
    """What is stretched here, where the reference combines two of equal shapes."""
    if not seen.reference.differs:
        return
    departure = seen.comparison.departure
    if departure is not None and departure.cause is Cause.SHAPES:
        yield KIND.error(
            f"Operands of other shapes meet than in the reference: {departure}.",
            where=departure.where,
            rests_on=(Symptom.VALUE,),
            explains=(Symptom.VALUE, Symptom.GROWTH, Symptom.PERFECT, Symptom.ORDER),
        )
        return
    own, trusted = (
        Counter((call.name, *_operands(call)[1]) for call in calls)
        for calls in (seen.graph.trace.calls, seen.reference.calls)
    )
    for call in seen.graph.trace.calls:
        shapes = _operands(call)[1]
        result = _joint(*shapes) if len(shapes) == 2 else ()
        stretched = bool(result) and result in shapes and () not in shapes
        if call.name not in _ELEMENTWISE or not stretched:
            continue
        equal = (call.name, result, result)
        if (call.name, *shapes) in trusted or own[equal] >= trusted[equal]:
            continue
        small = next(shape for shape in shapes if shape != result)
        yield KIND.error(
            f"`{call.name}` ({call.where}) stretches {small} to {result}; the "
            "reference combines two of that shape.",
            where=call.where,
            rests_on=(Symptom.VALUE,),
            explains=(Symptom.VALUE, Symptom.GROWTH, Symptom.PERFECT, Symptom.ORDER),
        )
        return


_PRODUCTS = ("mul", "multiply", "__mul__", "__rmul__")
_TOTALS = ("sum", "mean", "nansum", "nanmean")


def _may_be_meant(seen: Observation, flow: "_Flow", call: Call) -> bool:
    """Whether somebody who shaped an operand to be stretched wanted all pairs.

    Not in a loss of torch, which warns of it. Not in a product of which only the
    total is taken: that is the product of two totals. Not where the values are not the
    reference's, and the reference makes no pairs.
    """
    pair, shapes = _operands(call)
    flat = any(
        len(s) == 1 and id(t) not in flow.meant
        for t, s in zip(pair, shapes, strict=True)
    )
    if flat and call.name.endswith("_loss"):
        return False
    if flat and call.name in _PRODUCTS:
        uses = [
            other
            for other in seen.graph.trace.calls
            if any(t is call.result for t in other.tensors)
        ]
        if uses and all(_is_total(other) for other in uses):
            return False
    if not seen.reference.differs or not flat:
        return True
    size = seen.batch.size
    return any(
        isinstance(other.result, Tensor) and tuple(other.result.shape).count(size) > 1
        for other in seen.reference.calls
    )


def _is_total(call: Call) -> bool:
    over = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else None)
    return call.name in _TOTALS and over is None


class _Flow:
    """Which inputs every intermediate result comes from."""

    def __init__(self, seen: Observation) -> None:
        calls = seen.graph.trace.calls  # makes the traced run
        self.keep = calls
        self.names: dict[int, set[str]] = {}
        self.of_pairs = {x.name for x in seen.arguments if is_of_pairs(x.name, x.value)}
        self.meant: set[int] = set()
        self.lists: dict[int, int] = {}
        for argument, tensor in seen.pairs(seen.graph.traced):
            if not argument.parameter:
                self.names[id(tensor)] = {argument.name}
                if tensor.dim() == 1 and not argument.differentiable:
                    self.lists[id(tensor)] = len(tensor)

    def on_purpose(self, pair: list[Tensor]) -> bool:
        """Whether somebody shaped one of the operands to be stretched."""
        return any(id(t) in self.meant for t in pair)

    def listed(self, pair: list[Tensor]) -> int:
        """How many numbers one of the operands has that was given as a list of them."""
        return max((self.lists.get(id(t), 0) for t in pair), default=0)

    def follow(self, call: Call) -> None:
        """Hand names and intentions on from the arguments of a call to its result."""
        results = (
            call.result if isinstance(call.result, (tuple, list)) else [call.result]
        )
        for result in results:
            if not isinstance(result, Tensor):
                continue
            names = set().union(*(self.names.get(id(t), set()) for t in call.tensors))
            self.names.setdefault(id(result), set()).update(names)
            first = call.tensors[0] if call.tensors else None
            if first is None:
                continue
            shaped = call.name in _ON_PURPOSE or call.name in _ON_PURPOSE_IN_PLACE
            stretched = shaped and 1 in result.shape
            if call.name == "__getitem__" and len(call.args) > 1:
                index = call.args[1]
                parts = index if isinstance(index, tuple) else (index,)
                stretched = any(part is None for part in parts)
            inherited = id(first) in self.meant and result.dim() == first.dim()
            paired = call.name in _ELEMENTWISE and self.on_purpose(call.tensors)
            if stretched or inherited or paired:
                self.meant.add(id(result))

    def name(self, tensor: Tensor) -> str:
        names = sorted(self.names.get(id(tensor), ()))
        return f"`{names[0]}`" if len(names) == 1 else "a result"


def _operands(call: Call) -> tuple[list[Tensor], list[tuple[int, ...]]]:
    """The two operands of a call, and the shapes that they had in it."""
    if len(call.tensors) < 2:
        return [], []
    return call.tensors[:2], call.shapes[:2]


def _joint(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that two shapes broadcast to; empty if they are equal or do not."""
    if a == b:
        return ()
    length = max(len(a), len(b))
    joint = []
    for x, y in zip(
        (1,) * (length - len(a)) + a, (1,) * (length - len(b)) + b, strict=True
    ):
        if x != y and 1 not in (x, y):
            return ()
        joint.append(max(x, y))
    return tuple(joint)


def _square(seen: Observation) -> int:
    """The size of a square prediction, beside a target of as many entries; else 0.

    A loss that holds as many numbers itself, such as quantiles, hides its batch.
    """
    prediction = seen.inputs[0] if seen.inputs else None
    if prediction is None or prediction.value.dim() != 2 or prediction.parameter:
        return 0
    size, columns = prediction.value.shape
    beside = [
        x.value.shape
        for x in seen.arguments
        if x is not prediction and not x.parameter and x.value.dim()
    ]
    return size if size == columns and beside and set(beside) == {(size,)} else 0


def _only_by_luck(seen: Observation, size: int, shapes: list[tuple[int, ...]]) -> bool:
    """Whether (N,) lies along the classes of (N, C), and fits because C is N."""
    small, big = sorted(shapes, key=len)
    if len(small) != 1 or len(big) < 2 or small[0] != size:
        return False
    if big[0] != size or big[-1] != size:
        return False
    fewer = seen.run(
        [
            value[: size - 1]
            if value.shape[:1] == (size,) and not argument.parameter
            else value
            for argument, value in zip(seen.arguments, seen.point, strict=True)
        ]
    )
    return fewer.error is not None and "must match" in text_of(fewer.error)


def _finding(
    flow: _Flow,
    call: Call,
    pair: list[Tensor],
    shapes: list[tuple[int, ...]],
    result: tuple[int, ...],
) -> Finding:
    left, right = pair
    return KIND.error(
        f"{flow.name(left)} {shapes[0]} and {flow.name(right)} {shapes[1]} "
        f"broadcast to {result}"
        + (f" ({call.where})" if call.where else "")
        + ": every sample of the one is combined with every sample of the other.",
        where=call.where,
        evidence={
            "left": list(shapes[0]),
            "right": list(shapes[1]),
            "result": list(result),
            "operation": call.name,
        },
        explains=(
            Symptom.VALUE,
            Symptom.GROWTH,
            Symptom.GRADIENT,
            Symptom.PERFECT,
            Symptom.FEWER,
            Symptom.EMPTY,
            Symptom.SPECIAL,
            Symptom.MASKED,
            Symptom.ORDER,
        ),
    )


def _lucky(
    seen: Observation,
    flow: _Flow,
    call: Call,
    pair: list[Tensor],
    shapes: list[tuple[int, ...]],
) -> Finding:
    (small, low), (big, high) = sorted(
        zip(pair, shapes, strict=True), key=lambda found: len(found[1])
    )
    # What is given as (N,) may as well belong to the N columns.
    given = any(small is t for _, t in seen.pairs(seen.graph.traced))
    say = KIND.warning if given and not seen.reference.differs else KIND.error
    return say(
        f"{flow.name(small)} {low} is combined with {flow.name(big)} {high} along "
        "the last dimension, not along the samples; it only fits because both sizes "
        "are equal, and raises with one sample fewer.",
        cure="Give it a dimension for the others: `x.unsqueeze(-1)`.",
        where=call.where,
        explains=(
            Symptom.VALUE,
            Symptom.GROWTH,
            Symptom.FEWER,
            Symptom.ORDER,
            Symptom.PERFECT,
        ),
    )
