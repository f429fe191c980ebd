"""In which order rows lie that were flattened, repeated or put together."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ownloss.checker.measures.graph import Graph
from ownloss.checker.trace import Call

_FLATTENS = ("flatten", "view", "reshape")
_REPEATS = ("repeat", "tile")
_JOINS = ("cat", "concat")
_REORDERS = (
    *("__getitem__", "index_select", "gather", "sort", "flip", "roll", "unbind"),
    *("permute", "transpose", "movedim", "t", "__get__:T", "__get__:mT"),
)
_PRODUCTS = ("matmul", "__matmul__", "mm", "linear")
_MEETS = ("sub", "mul", "add", "div", "where", "cross_entropy", "cosine_similarity")


@dataclass(frozen=True)
class Order:
    """Rows that lie in blocks: `outer` blocks of `inner` rows each.

    Of a (2, 3), flattened, 2 blocks of 3; of 3 rows repeated twice, the same.

    Attributes:
        outer: the number of blocks.
        inner: how many rows a block has.
        call: what made it.
    """

    outer: int
    inner: int
    call: Call

    def is_crossed_by(self, other: "Order") -> bool:
        """Whether another one has as many rows, in blocks the other way round."""
        turned = (self.outer, self.inner) == (other.inner, other.outer)
        return turned and self.outer != self.inner


def crossed(graph: Graph) -> tuple[Call, Order, Order] | None:
    """Where rows in blocks meet the same number of rows, in blocks the other way round.

    Returns:
        The call that they meet in, and both orders; None if there is none.
    """
    known: dict[int, Order] = {}
    for call in graph.trace.calls:
        made = call.result
        if not isinstance(made, Tensor):
            continue
        order = _made_by(call, made) if made.dim() else None
        if order is None and call.name not in _REORDERS:
            orders = list(_of_rows(call, known))
            for other in orders[1:]:
                if _meets(call) and orders[0].is_crossed_by(other):
                    return call, orders[0], other
            order = orders[0] if orders else None
            if len(orders) > 1 and any(o.is_crossed_by(orders[0]) for o in orders):
                order = None
        if order is not None and made.shape[:1] == (order.outer * order.inner,):
            known[id(made)] = order
    return None


def _of_rows(call: Call, known: dict[int, Order]) -> Iterator[Order]:
    """The orders of the rows that a call is given, one after the other."""
    tensors = call.tensors[:1] if call.name in _PRODUCTS else call.tensors
    for tensor, shape in zip(tensors, call.shapes, strict=False):
        order = known.get(id(tensor))
        if order is not None and shape[:1] == (order.outer * order.inner,):
            yield order


def _meets(call: Call) -> bool:
    """Whether a call combines its tensors row by row."""
    name = call.name.strip("_")
    name = name.removeprefix("r") if name in ("rsub", "rmul", "radd") else name
    if name not in _MEETS and not name.endswith(("_loss", "_with_logits", "entropy")):
        return False
    # A third tensor may hold weights of the classes.
    return len({shape[:1] for shape in call.shapes[:2]}) == 1


def _made_by(call: Call, made: Tensor) -> Order | None:
    """The order that a call puts rows in; None if it does not."""
    if not call.shapes:
        return None
    before, rows = call.shapes[0], made.shape[0]
    if call.name in _FLATTENS and len(before) > 1:
        flat = before[0] * before[1] == rows and min(before[:2]) > 1
        return Order(before[0], before[1], call) if flat else None
    if call.name in _REPEATS and before and rows > before[0] > 1:
        kept = made.dim() == len(before)
        return Order(rows // before[0], before[0], call) if kept else None
    if call.name == "repeat_interleave" and before and rows > before[0] > 1:
        if rows % before[0] or not _is_even(call):
            return None
        return Order(before[0], rows // before[0], call)
    if call.name in _JOINS and len(call.shapes) > 1 and len({*call.shapes}) == 1:
        joined = before and before[0] > 1 and rows == before[0] * len(call.shapes)
        return Order(len(call.shapes), before[0], call) if joined else None
    return None


def _is_even(call: Call) -> bool:
    """Whether every row is repeated as often."""
    times = call.args[1] if len(call.args) > 1 else call.kwargs.get("repeats")
    if isinstance(times, torch.Tensor):
        return bool((times == times.flatten()[:1]).all())
    return isinstance(times, int)
