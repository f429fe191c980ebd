"""A tensor that backward needs is overwritten."""

from collections.abc import Iterator

import torch

from ownloss.checker.errors import first_line, text_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation

KIND = Kind(
    slug="inplace-saved",
    title="A saved tensor is overwritten",
    meaning="Forward saves a tensor for backward and then changes it in place, or "
    "backward itself changes what was saved.",
    shows="Autograd raises that a variable was modified in place, or a second "
    "backward through the same graph gives another gradient. A change in forward "
    "itself raises nothing.",
    cure="Compute a new tensor instead of changing the saved one: `a * b`, not "
    "`a.mul_(b)`.",
)
CALLS = 2


def find(seen: Observation) -> Iterator[Finding]:
    """Run backward twice through one graph; compare what was saved."""
    details = {"rests_on": (Symptom.TWICE,)}
    error = seen.base_backward.error
    if error is not None and "modified by an inplace operation" in text_of(error):
        names = ", ".join(f"`{c.__name__}`" for c in seen.graph.functions)
        yield KIND.error(
            "Backward raises: a tensor that it needs was changed in place"
            + (f" after {names} saved it." if names else " after torch saved it."),
            where=names.strip("`"),
            explains=(Symptom.FAILS, Symptom.GRADIENT),
            evidence={"error": first_line(error)},
            **details,
        )
        return
    for call in seen.graph.calls:
        if call.overwritten:
            yield KIND.error(
                f"`{call.name}.forward` changes a tensor in place after it saved it "
                "for backward, which then sees the changed one.",
                where=f"{call.name}.forward",
                explains=(Symptom.GRADIENT,),
                **details,
            )
            return
    if error is not None or not seen.graph.functions:
        return
    run = seen.run()
    weights = [seen.random_like(o.detach(), 3).abs() + 1.5 for o in run.outputs]
    first = seen.backward(run, weights, retain=True)
    first.values = [g if g is None else g.clone() for g in first.values]
    second = seen.backward(run, weights, retain=True)
    if first.error is not None:
        return
    if second.error is not None:
        if "modified by an inplace operation" not in text_of(second.error):
            return
        yield KIND.error(
            "Backward changes what it saved in place: a second backward through the "
            "same graph raises.",
            evidence={"error": first_line(second.error)},
            **details,
        )
        return
    for argument, a, b in zip(seen.inputs, first.values, second.values, strict=True):
        if a is not None and b is not None and not torch.allclose(a, b, equal_nan=True):
            yield KIND.error(
                f"A second backward through the same graph gives `{argument.name}` "
                "another gradient: backward changes what it saved in place.",
                where=argument.name,
                **details,
            )
            return
