"""The graph is cut: no gradient reaches an input that the loss depends on."""

from collections.abc import Iterator

from ownloss.checker.errors import first_line, text_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.observation import Observation
from ownloss.checker.trace import Call

KIND = Kind(
    slug="detached",
    title="The graph is cut",
    meaning="The loss depends on its input, but `.detach()`, `.item()`, `.data`, "
    "NumPy, `torch.tensor(...)` or `no_grad` copies numbers and not the graph. Setting "
    "`loss.requires_grad = True` only hides it.",
    shows="The output has no grad_fn, or none that leads to the input, while the "
    "numeric gradient is not zero.",
    cure="Compute with the tensors themselves; put scalars together by torch.stack, "
    "and tensors of one dimension or more by torch.cat.",
)
CALLS = 1
GRADIENT = True

_SAYS = {
    "detach": "`.detach()` cuts the graph",
    "detach_": "`.detach_()` cuts the graph",
    "item": "`.item()` takes the number out of the graph",
    "tolist": "`.tolist()` takes the numbers out of the graph",
    "numpy": "`.numpy()` takes the numbers out of the graph",
    "__array__": "NumPy takes the numbers out of the graph",
    "__float__": "`float(...)` takes the number out of the graph",
    "tensor": "`torch.tensor(...)` copies numbers, not the graph",
    "as_tensor": "`torch.as_tensor(...)` of a list copies numbers, not the graph",
    "__get__:data": "`.data` cuts the graph",
    "no_grad": "`torch.no_grad()` records no graph",
    "grad": "`autograd.grad` without create_graph=True returns a constant",
}

_DETAILS = {
    "rests_on": (Symptom.NO_GRADIENT,),
    "explains": (Symptom.GRADIENT, Symptom.FAILS),
}


def find(seen: Observation) -> Iterator[Finding]:
    """Look for inputs that matter and that no gradient reaches."""
    if seen.base.error is not None:
        said = text_of(seen.base.error)
        needs = "that requires grad" in said and "numpy" in said
        if needs or ("can't convert" in said.lower() and "grad" in said):
            call = seen.graph.cuts[-1] if seen.graph.cuts else None
            yield KIND.error(
                "The loss takes its numbers out of the graph for NumPy, which torch "
                f"refuses{_place(call)}: {first_line(seen.base.error)}",
                **_DETAILS,
            )
        return
    checks = [c for c in seen.gradient.checks if not c.argument.parameter]
    if any(c.analytic is not None for c in checks):
        return
    cut = [c for c in checks if c.matters and seen.intent.needs_gradient(c.argument)]
    if not cut:
        return
    names = " and ".join(f"`{c.argument.name}`" for c in cut[:3])
    message = f"No gradient reaches {names}, although the loss depends on it"
    telling = _telling(seen.graph.cuts)
    message += f": {_SAYS[telling.name]}{_place(telling)}." if telling else "."
    outputs = seen.base.outputs
    if isinstance(seen.base.raw, float):
        message += " The loss returns a Python number, which has no graph."
    elif any(o.requires_grad and o.grad_fn is None for o in outputs):
        message += " Setting requires_grad on the result only hides it."
    yield KIND.error(
        message,
        where=telling.where if telling else cut[0].argument.name,
        evidence={"numeric": {c.argument.name: c.numeric.tolist() for c in cut}},
        **_DETAILS,
    )


def _telling(cuts: list[Call]) -> Call | None:
    """The call that cut: the last one, an explicit one before a plain `no_grad`.

    The point that a penalty differentiates at is detached on purpose; not so the result
    of `autograd.grad`.
    """
    constant = [c for c in cuts if c.name == "grad" and not c.kwargs["create_graph"]]
    if constant:
        return constant[-1]
    explicit = [c for c in cuts if c.name not in ("no_grad", "grad")]
    return explicit[-1] if explicit else (cuts[-1] if cuts else None)


def _place(call: Call | None) -> str:
    return f" ({call.where})" if call is not None and call.where else ""
