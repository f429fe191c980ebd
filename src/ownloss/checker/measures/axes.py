"""Over which dimension a call of torch runs."""

from torch import Tensor

from ownloss.checker.trace import Call

SOFTMAX = ("softmax", "log_softmax")
NORMALISING = (*SOFTMAX, "logsumexp")
ALONG = (
    *NORMALISING,
    "cosine_similarity",
    "normalize",
    "cumsum",
    "cumprod",
    "logcumsumexp",
    "sort",
    "argsort",
    "diff",
    "std",
    "var",
    "flip",
    "cross",
    "linalg_cross",
)
TOTALS = ("mean", "sum", "norm", "linalg_vector_norm")
# What picks one entry along a dimension, or some of them.
PICKING = (
    *("min", "max", "amin", "amax", "argmin", "argmax"),
    *("median", "quantile", "topk", "kthvalue"),
)
# Where `dim` stands among the arguments, if not second; and what it is by default.
_PLACES = {
    **dict.fromkeys(("cosine_similarity", "normalize", "diff"), 2),
    **dict.fromkeys(("quantile", "topk", "kthvalue"), 2),
    **dict.fromkeys(("norm", "linalg_vector_norm", "cross", "linalg_cross"), 2),
}
_DEFAULTS = {
    "cosine_similarity": 1,
    "normalize": 1,
    "diff": -1,
    "sort": -1,
    "linalg_cross": -1,
}


def along(call: Call, *more: str) -> int | None:
    """The one dimension that a call runs over; None if there is none.

    Args:
        call: the call.
        *more: names of other functions that are looked at, such as those of `TOTALS`.
    """
    known = call.name in (*ALONG, *PICKING, *more)
    if not known or not call.shapes or not call.shapes[0]:
        return None
    place = _PLACES.get(call.name, 1)
    dim = call.kwargs.get("dim", call.args[place] if len(call.args) > place else None)
    if isinstance(dim, (tuple, list)):
        dim = dim[0] if len(dim) == 1 else None
    if dim is None and call.name in SOFTMAX:
        # Torch's own choice for a softmax that is given none, with a warning.
        dim = 0 if len(call.shapes[0]) in (1, 3) else 1
    if dim is None and call.name == "cross" and 3 in call.shapes[0]:
        dim = call.shapes[0].index(3)  # whatever stands there
    if dim is None:
        dim = _DEFAULTS.get(call.name)
    if not isinstance(dim, int) or isinstance(dim, bool):  # two tensors, for min
        return None
    return dim % len(call.shapes[0])


def along_whole(call: Call, shape: tuple[int, ...]) -> int | None:
    """The dimension that a call runs over, if it is given the whole prediction."""
    first = call.args[0] if call.args else call.kwargs.get("input")
    whole = isinstance(first, Tensor) and first.shape == shape and call.attached
    return along(call) if whole else None
