"""Large inputs or small dtypes make the loss infinite or NaN."""

import math
from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast, is_of_torch
from ownloss.checker.domains import Domain
from ownloss.checker.errors import first_line, text_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.keeping import is_autocast
from ownloss.checker.observation import Observation
from ownloss.checker.probes.far import large
from ownloss.checker.probes.outcome import (
    explodes,
    first_not_finite,
    too_much_for_its_dtype,
    tried,
)
from ownloss.checker.probes.probe import PROBES
from ownloss.checker.probes.special import special
from ownloss.checker.roles import is_log_probability, is_logarithm
from ownloss.checker.runs import Backward, Run
from ownloss.checker.subject import Point
from ownloss.checker.trace import Trace
from ownloss.checker.wording import number

KIND = Kind(
    slug="overflow",
    title="Overflow",
    meaning="exp, log(sigmoid), log(softmax) or a constant too small or too large for "
    "half precision break for large logits or in a small dtype. In double precision, "
    "at moderate logits, the same loss looks fine.",
    shows="The inputs are made larger step by step, and the loss in float32, float16 "
    "and bfloat16 is compared with the same in float64.",
    cure="Use the forms that torch offers for logits: softplus, logsigmoid, "
    "log_softmax, logsumexp.",
)
CALLS = 12


def find(seen: Observation) -> Iterator[Finding]:
    """Compare small dtypes with float64 at growing inputs."""
    if seen.dtype != torch.float64 or not seen.base.finite:
        return
    if not seen.base_backward.finite:
        return
    found = (
        _as_given(seen)
        or _at_special_inputs(seen)
        or _at_large_inputs(seen)
        or _underflows(seen)
        or _in_half(seen)
        or _large_in_half(seen)
    )
    if found is not None:
        yield found


def _as_given(seen: Observation) -> Finding | None:
    """At the inputs given, in float32."""
    if seen.native != torch.float32:
        return None
    run, gradients = tried(seen, seen.point, seen.native)
    if _fine(run, gradients) or run.error is not None or gradients.error is not None:
        return None
    if not too_much_for_its_dtype(seen, run):
        return None
    call = first_not_finite(seen, seen.point, seen.native)
    by = f": `{call.name}` ({call.where}) breaks first" if call else ""
    return KIND.error(
        f"Not finite in float32 at the inputs given, where float64 gives "
        f"{seen.value:.4g}{by}.",
        where=call.where if call else "",
        evidence={"float64": seen.value, "float32": str(run.total)},
        rests_on=(Symptom.LARGE,),
        explains=(Symptom.NOT_FINITE,),
    )


def _at_special_inputs(seen: Observation) -> Finding | None:
    """Where an exponential is too large for inputs that are not."""
    if not seen.graph.trace.named(*_EXPONENTIALS):
        return None
    for probe in islice(special(seen), PROBES):
        run = seen.run(probe.point, dtype=seen.native)
        if not explodes(seen, probe.point, run):
            continue
        call = first_not_finite(seen, probe.point, seen.native)
        assert call is not None
        largest = max(t.detach().real.max().item() for t in call.tensors)
        say = KIND.warning if probe.boundary or probe.guess else KIND.error
        return say(
            f"{probe.when[0].upper()}{probe.when[1:]} the loss is not finite: "
            f"`{call.name}` ({call.where}) of {number(largest)} is too large for "
            f"{str(seen.native).removeprefix('torch.')}.",
            where=call.where,
            rests_on=(Symptom.LARGE,),
        )
    return None


def _at_large_inputs(seen: Observation) -> Finding | None:
    for argument, size, point in islice(large(seen), PROBES):
        run, gradients = tried(seen, point, torch.float32)
        if _fine(run, gradients) or run.error is not None:
            continue
        exact, exact_gradients = tried(seen, point, torch.float64)
        other = "float64"
        if not _fits(exact, exact_gradients, 1e30):
            if size <= SMALL and _cancels(seen, point, exact):
                return _at_small_inputs(seen, argument, size, point)
            if seen.reference.loss is None:
                continue
            exact = seen.run(point, dtype=torch.float32, loss=seen.reference.loss)
            other = "the reference"
            if not _fits(exact, seen.backward(exact), 1e30):
                continue
        moved = (
            x for x, v in zip(seen.arguments, point, strict=True) if v is not x.value
        )
        names = " and ".join(f"`{x.name}`" for x in moved)
        message = (
            f"Not finite in float32 for {names} up to {size:g}, where "
            f"{other} gives {exact.total:.4g}"
        )
        call = first_not_finite(seen, point, torch.float32)
        if call is not None:
            message += f": `{call.name}`"
            message += f" ({call.where})" if call.where else ""
            message += " breaks first"
        # Some losses of torch overflow themselves: soft_margin_loss does.
        own = call is None or call.name.endswith("_loss")
        # Others grow with an exponential, as of a logarithm of a width, in any form.
        own |= abs(exact.total) > GROWN
        # Logarithms do not come in hundreds, least of all those of probabilities.
        logs = is_log_probability(argument.name)
        own |= is_logarithm(argument.name)
        # A determinant has as many factors as the matrix has rows, and there is no
        # other form of the logarithm of a gamma function.
        own |= call is not None and call.name.startswith(("linalg_", "lgamma"))
        say = KIND.warning if own or size > LOGITS else KIND.error
        say = KIND.note if logs or is_of_torch(seen.loss) else say
        return say(
            message + ".",
            where=call.where if call else argument.name,
            evidence={"size": size, "float64": exact.total, "float32": str(run.total)},
            rests_on=(Symptom.LARGE,),
        )
    return None


def _cancels(seen: Observation, point: Point, exact: Run) -> bool:
    """Whether exponentials are too large even for float64, and no part of the value.

    The value would be infinite, and is NaN: of them only a quotient or a difference
    counts.
    """
    if exact.error is not None or not math.isnan(exact.total):
        return False
    call = first_not_finite(seen, point, torch.float64)
    return call is not None and call.name in _EXPONENTIALS


def _at_small_inputs(
    seen: Observation, argument: Argument, size: float, point: Point
) -> Finding:
    call = first_not_finite(seen, point, torch.float64)
    assert call is not None
    say = KIND.error if _reference_bears(seen, point) else KIND.warning
    return say(
        f"NaN even in float64 for `{argument.name}` up to {size:g}: `{call.name}` "
        f"({call.where}) is too large for it, and what is made of it is not.",
        cure="Stay with logarithms: a difference of them for a quotient, logsumexp for "
        "a sum.",
        where=call.where,
        evidence={"size": size},
        rests_on=(Symptom.LARGE,),
    )


_EXPONENTIALS = ("exp", "exp2", "expm1", "cosh", "sinh")
# Numbers of this size are given to any loss.
SMALL = 20


def _reference_bears(
    seen: Observation, point: Point, dtype: torch.dtype = torch.float32
) -> bool:
    """Whether there is a reference, and it is finite there."""
    if seen.reference.loss is None:
        return False
    run = seen.run(point, dtype=dtype, loss=seen.reference.loss)
    return run.finite and seen.backward(run).finite


# Logits may grow that large while a model is trained, and exp(89) is infinite.
LOGITS = 100
# A loss of logits that are hundreds is hundreds, or thousands.
GROWN = 1e6
# Costs, distances and logits of this size are nothing special.
SIZE = 10.0
_DIVIDES = ("div", "__truediv__", "reciprocal", "log", "rsqrt")
_SCALABLE = (Domain.REAL, Domain.UNIT, Domain.POSITIVE, Domain.NONNEGATIVE)


def _underflows(seen: Observation) -> Finding | None:
    """Where inputs are about 10 in size, exponentials are 0, and divide.

    Such are the kernel of Sinkhorn's algorithm, exp(-cost / eps), and neighbours
    weighted by exp(-distance).
    """
    exponentials = [
        call
        for call in seen.graph.trace.named("exp")
        if call.attached and not call.result.is_complex()
    ]
    if not any(bool((c.result <= 1).all()) for c in exponentials):
        return None
    scalable = [x for x in seen.arguments if x.floating and x.domain in _SCALABLE]
    scalable = [x for x in scalable if not x.parameter]
    factor = SIZE / max([x.size for x in scalable], default=SIZE)
    if factor <= 1:
        return None
    point = seen.with_values({x: cast(x.value, seen.dtype) * factor for x in scalable})
    run = seen.run(point, dtype=torch.float32)
    if run.error is not None or run.finite:
        return None
    trace = Trace(seen.budget, until_not_finite=True)
    with trace:
        seen.run(point, dtype=torch.float32)
    call = trace.first_not_finite
    if call is None or call.name not in _DIVIDES or not call.tensors:
        return None
    zero = next((c for c in trace.named("exp") if bool((c.result == 0).any())), None)
    if zero is None or not bool((call.tensors[-1] == 0).any()):
        return None
    return KIND.warning(
        f"Not finite in float32 if inputs are about {SIZE:g} in size: `exp` "
        f"({zero.where}) underflows, and `{call.name}` ({call.where}) is given 0.",
        cure="Stay with logarithms: logsumexp for a sum, a difference for a quotient.",
        where=call.where,
        rests_on=(Symptom.LARGE,),
    )


def _in_half(seen: Observation) -> Finding | None:
    """At the inputs given, in the two half precisions."""
    if seen.graph.handmade and any("numpy" in c.name for c in seen.graph.trace.calls):
        return None
    meant = _meant_for_half(seen)
    say = KIND.error if meant else KIND.note
    own = [seen.native] if seen.native in _HALF else _HALF
    for dtype in own:
        name = str(dtype).removeprefix("torch.")
        there = seen.whole if seen.whole and dtype == seen.native else seen
        run, gradients = tried(there, there.point, dtype)
        if run.error is not None:
            if "without overflow" in text_of(run.error):
                return say(
                    f"The loss raises in {name}: {first_line(run.error)}.",
                    cure="Use torch.finfo(x.dtype).min or float('-inf') in place of "
                    "the constant.",
                    rests_on=(Symptom.LARGE,),
                )
            continue
        if _fine(run, gradients) or gradients.error is not None:
            continue
        if abs(seen.value) > 1e3 or not _fits(seen.base, seen.base_backward, 1e3):
            continue
        call = first_not_finite(there, there.point, dtype)
        by = f": `{call.name}` ({call.where}) breaks first" if call else ""
        many = call is not None and call.name in _SUMS
        cure = "Compute the sum in float32: `x.float()`." if many else None
        if not meant and _reference_bears(there, there.point, dtype):
            say = KIND.warning
        return say(
            f"Not finite in {name} at the inputs given, where float64 gives "
            f"{there.value:.4g}{by}.",
            cure=cure,
            evidence={"dtype": name, "float64": there.value},
            rests_on=(Symptom.LARGE,),
        )
    return None


_HALF = (torch.float16, torch.bfloat16)
_SUMS = ("sum", "mean", "cross_entropy", "nll_loss", "dot", "logsumexp", "cumsum")


def _meant_for_half(seen: Observation) -> bool:
    """Whether the loss is given half precision, computes in it, or is autocast."""
    device = seen.inputs[0].value.device.type
    return (
        seen.native in _HALF
        or is_autocast(device)
        or any(
            isinstance(call.result, Tensor) and call.result.dtype in _HALF
            for call in seen.graph.trace.calls
        )
    )


def _large_in_half(seen: Observation) -> Finding | None:
    """At logits of 10 and 20 in float16, where an eps of 1e-8 is 0."""
    for argument, size, point in large(seen):
        if size > 20 or argument is not seen.inputs[0]:
            continue
        run, gradients = tried(seen, point, torch.float16)
        if run.error is not None or gradients.error is not None or run.finite:
            continue
        exact, exact_gradients = tried(seen, point, torch.float32)
        if not _fits(exact, exact_gradients, 1e2):
            continue
        call = first_not_finite(seen, point, torch.float16)
        if call is None or call.name not in (
            "log",
            "div",
            "sqrt",
            "rsqrt",
            "reciprocal",
        ):
            continue
        say = KIND.warning if seen.native is torch.float16 else KIND.note
        return say(
            f"Not finite in float16 for `{argument.name}` up to {size:g}, where "
            f"float32 gives {exact.total:.4g}: `{call.name}` ({call.where}) breaks "
            "first. The smallest float16 is 6e-8: a smaller eps is 0.",
            where=call.where,
            evidence={"size": size},
            rests_on=(Symptom.LARGE,),
            aspect="small eps",
        )
    return None


def _fine(run: Run, gradients: Backward) -> bool:
    return run.finite and gradients.finite


def _fits(run: Run, gradients: Backward, limit: float) -> bool:
    """Whether value and gradients are finite and far from the largest number."""
    if not _fine(run, gradients) or not math.isfinite(run.total):
        return False
    arrived = [g.detach() for g in gradients.values if g is not None and g.numel()]
    sizes = [g.abs().max().item() for g in arrived]
    return max([abs(run.total), *sizes]) < limit
