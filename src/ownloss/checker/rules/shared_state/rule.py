"""What backward or a later call needs lies where other calls overwrite it."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from ownloss.checker.copies import cast
from ownloss.checker.domains import Domain
from ownloss.checker.errors import first_line, text_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.wording import apart

KIND = Kind(
    slug="shared-state",
    title="State shared between calls",
    meaning="What backward needs is kept on the class, the module or in a global "
    "instead of on ctx: a second call before backward overwrites it. Or a later call "
    "uses what an earlier one left behind.",
    shows="Two calls, then backward of the first: its gradient is not the one it has "
    "alone. Or a value changes with what was computed before.",
    cure="Keep it on ctx, with save_for_backward; compute it again in every call.",
)
CALLS = 9
_SIZED = (Domain.REAL, Domain.POSITIVE, Domain.NONNEGATIVE)


def find(seen: Observation) -> Iterator[Finding]:
    """Take two steps; call twice before one backward; call on b after a."""
    if seen.base.error is not None or not seen.determinism.reproducible:
        return
    second_step = _second_step(seen)
    if second_step is not None:
        yield second_step
        return
    left = _left_in_common(seen)
    if left is not None:
        yield left
        return
    stale = _kept_of_another_size(seen)
    if stale is not None:
        yield stale
        return
    other = seen.batch.other
    alone = seen.run(other)
    first = seen.run()
    second = seen.run(other, on=first.call)
    gradients = seen.backward(first)
    kept = _kept_on(seen)
    if seen.base_backward.error is None:
        for argument, own, now in zip(
            seen.inputs, seen.base_backward.values, gradients.values, strict=True
        ):
            changed = gradients.error is not None or (
                own is not None
                and (
                    now is None
                    or not torch.allclose(own, now, rtol=1e-5, equal_nan=True)
                )
            )
            if changed:
                message = (
                    "A second call before backward changes the gradient of the first"
                )
                message += f": {kept}." if kept else "."
                if gradients.error is not None:
                    message = "After a second call, backward of the first raises: "
                    message += first_line(gradients.error)
                yield KIND.error(
                    message,
                    where=argument.name,
                    rests_on=(Symptom.AGAIN,),
                    explains=(Symptom.GRADIENT, Symptom.SECOND, Symptom.KEPT),
                    aspect="gradient",
                )
                return
    loud = _after_larger_ones(seen)
    if loud is not None:
        yield loud
        return
    again = seen.run(on=seen.run().call)
    if (
        not alone.finite
        or not second.finite
        or not seen.precision.close(again.total, seen.value)
    ):
        return
    _, registered = seen.determinism.changes
    if registered and not seen.reference.differs:
        return  # a buffer is meant to last
    if not seen.precision.close(alone.total, second.total):
        after, before = apart(second.total, alone.total)
        yield KIND.error(
            f"The loss of the same inputs is {after} after a call with "
            f"others, and {before} alone: something computed in the first "
            "call is used again in the second.",
            rests_on=(Symptom.AGAIN,),
            explains=(Symptom.KEPT,),
        )


def _after_larger_ones(seen: Observation) -> Finding | None:
    """Whether inputs of a larger size stay in mind, as the largest one met so far."""
    if seen.determinism.changes[0]:
        return None  # the same inputs again are enough to tell
    larger = seen.with_values(
        {
            x: 10 * cast(x.value, seen.dtype)
            for x in seen.arguments
            if x.domain in _SIZED and x.floating and not x.parameter
        }
    )
    before = seen.run(larger)
    later = seen.run(on=before.call)
    if not before.finite or not later.finite:
        return None
    if seen.precision.close(later.total, seen.value, 100):
        return None
    name, registered = seen.determinism.changed_by(larger)
    if not name or (registered and not seen.reference.differs):
        return None
    after, alone = apart(later.total, seen.value)
    return KIND.error(
        f"After a call with inputs ten times as large the loss is {after}, and {alone} "
        f"where it comes first: `{name}` keeps what was met before.",
        where=name,
        rests_on=(Symptom.AGAIN,),
        explains=(Symptom.KEPT,),
    )


def _left_in_common(seen: Observation) -> Finding | None:
    """Whether the first call leaves something behind that later calls use."""
    other = seen.batch.other
    for (owner, name), before in seen.left_in_common.items():
        left = getattr(owner, name)
        later = seen.run(other)
        try:
            setattr(owner, name, before)
            first = seen.run(other)
        finally:
            setattr(owner, name, left)
        if not later.finite or not first.finite:
            continue
        if not seen.precision.close(later.total, first.total, 100):
            after, alone = apart(later.total, first.total)
            where = (
                f"`{owner.__name__}.{name}` on the class, for all later calls and all "
                "instances"
                if isinstance(owner, type)
                else f"`{name}`, a global variable, for all later calls"
            )
            return KIND.error(
                f"The first call leaves {where}: the loss of the same inputs is "
                f"{after} after a call with others, and {alone} where they come first.",
                where=name,
                rests_on=(Symptom.AGAIN,),
                explains=(Symptom.KEPT, Symptom.VALUE),
            )
    return None


def _kept_of_another_size(seen: Observation) -> Finding | None:
    """Whether the first call keeps something that fits its own batch size only."""
    size = seen.batch.size
    if not seen.stateful or size < 3:
        return None
    fewer = seen.batch.rows([*range(size - 1)])
    alone, later = seen.run(fewer), seen.run(fewer, on=seen.run().call)
    if not alone.finite or later.error is None:
        return None
    return KIND.error(
        f"After a call with {size} samples, a call with {size - 1} raises: "
        f"{first_line(later.error)} The first call keeps what fits its own size.",
        cure="Make it again where the size is another one, or in every call.",
        rests_on=(Symptom.AGAIN,),
        explains=(Symptom.KEPT, Symptom.FEWER),
    )


def _second_step(seen: Observation) -> Finding | None:
    """Whether backward of a second step goes into the graph of the first one."""
    name, _ = seen.determinism.changes
    if not name:
        return None
    trained = seen.fresh_copy(seen.dtype)
    first, second = _step(seen, trained), _step(seen, trained)
    if first is not None or "the graph a second time" not in text_of(second):
        return None
    return KIND.error(
        f"Backward of the second training step raises: the first call keeps `{name}` "
        "with its graph, and backward has freed that graph.",
        cure="Keep it detached: `self.state = state.detach()`, best in a buffer.",
        where=name,
        rests_on=(Symptom.AGAIN,),
        explains=(Symptom.AGAIN, Symptom.GRADIENT, Symptom.SECOND, Symptom.KEPT),
        aspect="gradient",
    )


def _step(seen: Observation, trained: Callable[..., Any]) -> Exception | None:
    """What a training step raises; `backward()` goes wherever the graph leads."""
    run = seen.run(on=trained)
    attached = [output for output in run.outputs if output.requires_grad]
    try:
        with seen.budget.backward():
            torch.autograd.backward([output.abs().sum() for output in attached])
    except Exception as error:  # whatever backward of the loss raises
        return error
    return None


def _kept_on(seen: Observation) -> str:
    for cls in seen.graph.functions:
        for name, value in vars(cls).items():
            if isinstance(value, torch.Tensor):
                return f"`{cls.__name__}.{name}` is stored on the class"
    return ""
