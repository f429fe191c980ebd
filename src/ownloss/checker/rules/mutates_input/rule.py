"""The loss changes its arguments, or backward changes its grad_output."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.containers import places_in
from ownloss.checker.errors import first_line, text_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.signatures import parameter_names
from ownloss.checker.subject import Point

KIND = Kind(
    slug="mutates-input",
    title="An argument is changed",
    meaning="The loss writes into the tensors that it was given, or backward into its "
    "grad_output: the caller's data are no longer what they were.",
    shows="The arguments are compared with copies, before and after, in every dtype.",
    cure="Compute a new tensor instead of writing into an argument; call .clone() "
    "first where you must write.",
)
CALLS = 10

_DETAILS = {
    "rests_on": (Symptom.CHANGED,),
    "explains": (Symptom.AGAIN, Symptom.TWICE, Symptom.FAILS, Symptom.GRADIENT),
}


def find(seen: Observation) -> Iterator[Finding]:
    """Compare the arguments before and after, forward and backward."""
    error = seen.given.error
    if error is not None and "leaf Variable that requires grad" in text_of(error):
        yield KIND.error(
            "The loss changes an input in place, which autograd refuses for an input "
            "that requires a gradient.",
            evidence={"error": first_line(error)},
            **_DETAILS,
        )
        return
    taken = _taken_out(seen)
    if taken is not None:
        yield taken
        return
    points = [("", seen.point), (" at larger inputs", seen.points.scaled(5.0))]
    for at, point in points:
        for dtype in dict.fromkeys((seen.native, torch.float32, seen.dtype)):
            for grad in (True, False):
                found = _changed(seen, point, dtype, at, grad)
                if found is not None:
                    yield found
                    return
    for call in seen.graph.recorded(weights=_weights(seen)):
        if call.changed_grad_output:
            yield KIND.error(
                f"`{call.name}.backward` changes its grad_output in place; other parts "
                "of the graph may use it too.",
                cure="Multiply into a new tensor: `grad_output * x`, not "
                "`grad_output.mul_(x)`.",
                where=f"{call.name}.backward",
                **_DETAILS,
            )
            return


def _taken_out(seen: Observation) -> Finding | None:
    """Whether a call takes entries out of a container, or puts others in."""
    args, kwargs = seen.inputs_again([value.clone() for value in seen.point])
    names = parameter_names(seen.loss)
    given = dict(zip(names, args, strict=False)) | kwargs
    before = {name: places_in(value) for name, value in given.items()}
    try:
        seen.call(seen.fresh_copy(seen.native), args, kwargs)
    except (Exception, SystemExit):  # whatever the loss raises, other rules say
        return None
    for name, value in given.items():
        after = places_in(value)
        gone = [place for place in before[name] if place not in after]
        new = [place for place in after if place not in before[name]]
        if gone or new:
            what = f"takes `{gone[0]}` out of" if gone else f"puts `{new[0]}` into"
            return KIND.error(
                f"The loss {what} `{name}`, which is the caller's: the next call finds "
                "it like that.",
                cure='Read without changing, `target["valid"]` in place of '
                '`target.pop("valid")`, or work on a copy.',
                where=name,
                **_DETAILS,
            )
    return None


def _weights(seen: Observation) -> list[Tensor]:
    return [seen.random_like(o.detach(), 5) for o in seen.base.outputs]


def _changed(
    seen: Observation, point: Point, dtype: torch.dtype, at: str, grad: bool
) -> Finding | None:
    run = seen.run(point, dtype=dtype, grad=grad)
    if run.error is not None:
        return None
    if grad:
        seen.backward(run)
    for argument, now in seen.pairs(run):
        if argument.parameter:
            continue
        before = point[seen.index(argument)].to(now.dtype)
        same = (now.detach() == before) | (now.isnan() & before.isnan())
        if bool(same.all()):
            continue
        changed = int((~same).sum())
        values = now.detach()[~same]
        what = f"{changed} of {now.numel()} entries"
        alike = bool((values == values[0]).all())
        became = f" became {values[0].item():g}" if alike else " changed"
        where = (
            f" in {str(dtype).removeprefix('torch.')}" if dtype != seen.native else ""
        )
        return KIND.error(
            f"The loss changes its input {argument.label.rstrip(',')} in place"
            f"{where}{at}: {what}{became}.",
            where=argument.name,
            evidence={"changed": changed},
            **_DETAILS,
        )
    return None
