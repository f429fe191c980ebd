"""What a fixed batch size is, and the numbers that a loss holds as one."""

from types import FunctionType
from typing import Any

from ownloss.checker.copies import modules_of
from ownloss.checker.findings import Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.roles import is_batch_size

KIND = Kind(
    slug="batch-size",
    title="A fixed batch size",
    meaning="The loss divides by a configured batch size, keeps buffers of one, or "
    "squeezes a batch of one away: the last, smaller batch of an epoch is wrong.",
    shows="Samples are dropped, repeated, and passed alone: a mean stays, a sum "
    "doubles, anything else is suspicious.",
    cure="Take the batch size from the input: `prediction.shape[0]`; name the "
    "dimension in squeeze(dim).",
)

DETAILS = {
    "rests_on": (Symptom.FEWER,),
    "explains": (Symptom.VALUE, Symptom.GROWTH),
}


def configured(seen: Observation) -> dict[float, str]:
    """Numbers that the loss holds under a name with "batch" in it."""
    held: dict[str, Any] = {}
    for module in modules_of(seen.loss):
        for part in module.modules():
            held.update(vars(part))
    function = getattr(seen.loss, "__func__", seen.loss)
    if isinstance(function, FunctionType):
        code, known = function.__code__, function.__globals__
        held.update({n: known[n] for n in code.co_names if n in known})
        for name, cell in zip(
            code.co_freevars, function.__closure__ or (), strict=True
        ):
            held[name] = getattr(cell, "cell_contents", None)
    held.update(getattr(seen.loss, "__dict__", {}))
    return {
        float(value): name
        for name, value in held.items()
        if isinstance(value, (int, float))
        and not isinstance(value, bool)
        and is_batch_size(name)
        and value
    }
