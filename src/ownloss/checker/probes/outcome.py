"""Whether all is finite at a point, and which call is to blame if not."""

import torch

from ownloss.checker.observation import Observation
from ownloss.checker.runs import Backward, Run
from ownloss.checker.subject import Point
from ownloss.checker.trace import Call, Trace


def tried(
    seen: Observation, point: Point, dtype: torch.dtype | None = None
) -> tuple[Run, Backward]:
    """Run at a point, forward and backward."""
    run = seen.run(point, dtype=dtype)
    return run, seen.backward(run)


def first_not_finite(
    seen: Observation, point: Point, dtype: torch.dtype
) -> Call | None:
    """The first call at a point that makes something not finite of finite things."""
    trace = Trace(seen.budget, until_not_finite=True)
    with trace:
        seen.run(point, dtype=dtype)
    return trace.first_not_finite


def is_over_nothing(call: Call | None) -> bool:
    """Whether a call averages no entries, or divides by a count of 0."""
    if call is None or not call.tensors:
        return False
    divisor = call.tensors[-1]
    counts = not divisor.is_floating_point() and not divisor.is_complex()
    return not call.tensors[0].numel() or (len(call.tensors) > 1 and counts)


_GROW = ("exp", "exp2", "expm1", "cosh", "sinh", "logsumexp", "softmax")


def explodes(seen: Observation, point: Point, run: Run) -> bool:
    """Whether a run is not finite because an exponential is too large for its dtype."""
    if run.error is not None or run.finite:
        return False
    call = first_not_finite(seen, point, seen.native)
    return call is not None and call.name in _GROW


def too_much_for_its_dtype(seen: Observation, run: Run) -> bool:
    """Whether the inputs given are only too large, or too small, for their own dtype.

    In float64 all is finite, and nothing has an infinite slope there; nor does
    rounding take something below 0, which is a trap for inputs of any size.
    """
    if not seen.base.finite or not seen.base_backward.finite:
        return False
    if seen.native in (torch.float16, torch.bfloat16):
        return True
    if run.finite:
        return not steep(seen, seen.point, seen.native)[0]
    call = first_not_finite(seen, seen.point, seen.native)
    ordered = [t for t in call.tensors if not t.is_complex()] if call else []
    return not any(bool((t.detach() < 0).any()) for t in ordered)


_STEEP = {
    "sqrt": "sqrt has infinite slope at 0",
    "pow": "a power below 1 has infinite slope at 0",
    "norm": "the norm has no slope at 0",
    "log": "log has infinite slope at 0",
    "div": "a division by 0",
    "acos": "acos has infinite slope at 1 and -1",
    "asin": "asin has infinite slope at 1 and -1",
    "std": "std has infinite slope where all entries are equal",
    "atan2": "atan2 has no slope at the origin",
    "rsqrt": "rsqrt has infinite slope at 0",
    "reciprocal": "a division by 0",
    "acosh": "acosh has infinite slope at 1",
}


def steep(seen: Observation, point: Point, dtype: torch.dtype) -> tuple[str, str]:
    """Say which call has no finite slope at a point, and where it stands."""
    trace = Trace(seen.budget)
    with trace:
        seen.run(point, dtype=dtype)
    for call in trace.calls:
        name = {
            "true_divide": "div",
            "__truediv__": "div",
            "arccos": "acos",
            "__rtruediv__": "div",
            "__pow__": "pow",
        }.get(call.name, call.name)
        name = {"vector_norm": "norm", "linalg_norm": "norm"}.get(name, name)
        if name not in _STEEP or not call.tensors:
            continue
        x = call.tensors[-1 if name == "div" else 0].detach()
        if not x.is_floating_point() or not x.numel():
            continue
        at_zero = bool((x == 0).any())
        if name in ("acos", "asin"):
            at_zero = bool((x.abs() >= 1).any())
        if name == "acosh":
            at_zero = bool((x <= 1).any())
        if name == "std":
            at_zero = bool((call.result == 0).any())
        if name == "pow":
            power = call.args[1] if len(call.args) > 1 else 1
            at_zero = at_zero and isinstance(power, (int, float)) and power < 1
        if name == "norm":
            at_zero = bool((call.result == 0).any())
        if at_zero:
            return _STEEP[name], call.where
    return "", ""
