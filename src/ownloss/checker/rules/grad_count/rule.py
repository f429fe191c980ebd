"""Backward returns fewer or more gradients than forward has arguments."""

import dis
import re
from collections.abc import Iterator

from torch.autograd import Function

from ownloss.checker.errors import text_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.signatures import parameter_names

KIND = Kind(
    slug="grad-count",
    title="Wrong number of gradients",
    meaning="Backward returns one gradient for every argument of forward, None for "
    "those that need none, and takes one upstream gradient for every output. One is "
    "missing, one is too many, or the return statement was forgotten.",
    shows="Autograd raises as soon as backward runs. Surplus values that are None, "
    "and a forgotten return of a single gradient, are silent.",
    cure="Return as many values as forward takes arguments, `None` for labels, "
    "options and the like.",
)
CALLS = 2


def find(seen: Observation) -> Iterator[Finding]:
    """Read the error that backward raises; look for a forgotten return."""
    error = seen.base_backward.error
    said = text_of(error)
    details = {
        "rests_on": (Symptom.FAILS,),
        "explains": (Symptom.GRADIENT,),
    }
    counts = re.search(
        r"(\w+)Backward returned an incorrect number of gradients "
        r"\(expected (\d+), got (\d+)\)",
        said,
    )
    if counts:
        name, expected, got = counts[1], int(counts[2]), int(counts[3])
        cls = next((c for c in seen.graph.functions if c.__name__ == name), None)
        arguments = parameter_names(cls.apply) if cls else []
        missing = ", ".join(f"`{a}`" for a in arguments[got:expected])
        message = (
            f"`{name}.forward` takes {expected} arguments, "
            f"`{name}.backward` returns {got} gradient{'s' * (got != 1)}"
        )
        if missing:
            add = ", None" * (expected - got)
            message += f": add `{add}` for {missing}"
        yield KIND.error(
            message + ".",
            where=name,
            evidence={"expected": expected, "got": got},
            **details,
        )
        return
    arity = re.search(r"(\w+)\.?backward\(\) takes (\d+) positional .* (\d+) w", said)
    arity = arity or re.search(r"backward\(\) missing (\d+) required", said)
    if isinstance(error, TypeError) and arity:
        yield KIND.error(
            "Backward does not take one upstream gradient for each output of forward: "
            f"{said}.",
            cure="Give backward one argument after ctx for each value that forward "
            "returns.",
            **details,
        )
        return
    for call in seen.graph.calls if error is None else ():
        if (
            call.ran_backward
            and call.returned is None
            and _never_returns(call.function)
        ):
            yield KIND.error(
                f"`{call.name}.backward` computes a gradient and does not return it: "
                "the return statement is missing.",
                cure="End backward with `return` and the gradients.",
                where=call.name,
                **details,
            )
            return


def _never_returns(cls: type[Function]) -> bool:
    """Whether no path through backward returns anything but None."""
    code = getattr(cls.backward, "__code__", None)
    if code is None:
        return False
    previous: dis.Instruction | None = None
    for instruction in dis.get_instructions(code):
        if instruction.opname == "RETURN_VALUE":
            constant = previous is not None and previous.opname == "LOAD_CONST"
            if not constant or (previous is not None and previous.argval is not None):
                return False
        elif instruction.opname == "RETURN_CONST" and instruction.argval is not None:
            return False
        previous = instruction
    return len(list(dis.get_instructions(code))) > 8
