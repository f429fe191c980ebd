"""One path from an input to the loss is cut, others are not."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ownloss.checker.arguments import Argument
from ownloss.checker.copies import cast
from ownloss.checker.errors import text_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.measures.gradient import GradientCheck
from ownloss.checker.observation import Observation
from ownloss.checker.roles import Role
from ownloss.checker.torch_insides import is_transformed
from ownloss.checker.trace import Call

KIND = Kind(
    slug="partial-detach",
    title="A part of the gradient is cut off",
    meaning="One path from the input to the loss is cut: a detached term, a normaliser "
    "taken by `.item()`, a gradient penalty without create_graph. The rest of the "
    "gradient is there, so nothing raises. A stop-gradient that is meant looks alike.",
    shows="The value is right, and the gradient is right once the cut is undone.",
    cure="If the cut is not meant, remove it. If it is, say so in a comment, and pass "
    "a reference with the same stop-gradient.",
)
CALLS = 1
GRADIENT = True

_SUMS = ("add", "sub", "__add__", "__sub__", "__radd__", "__rsub__", "rsub")
_NAMES = {
    "detach": "`.detach()`",
    "detach_": "`.detach_()`",
    "item": "`.item()`",
    "tolist": "`.tolist()`",
    "numpy": "`.numpy()`",
    "__array__": "NumPy",
    "__float__": "`float(...)`",
    "tensor": "`torch.tensor(...)`",
    "as_tensor": "`torch.as_tensor(...)`",
    "__get__:data": "`.data`",
    "no_grad": "`torch.no_grad()`",
}


# Written by whoever wants no gradient; the others are wanted for something else.
_WRITTEN = ("detach", "detach_", "no_grad")
_NUMBERS = ("item", "tolist", "numpy", "__array__", "__float__")
_AVERAGES = ("mean", "sum", "neg", "__neg__", "mul", "__mul__", "__rmul__", "div")
_ADDS = ("add", "__add__", "__radd__", "add_", "__iadd__", "sub", "__sub__", "__rsub__")


def find(seen: Observation) -> Iterator[Finding]:
    """Look for a gradient that is incomplete because of a call that detaches."""
    if not seen.graph.cuts or seen.base.error is not None:
        return
    penalty = [
        c
        for c in seen.graph.cuts
        if c.name == "grad"
        and not c.kwargs.get("create_graph")
        and not _is_held_constant(seen, c)
    ]
    if penalty and "a second time" in text_of(seen.base_backward.error):
        yield KIND.error(
            f"`autograd.grad` inside the loss ({penalty[-1].where}) lacks "
            "create_graph=True: it frees the graph, and its result is a constant.",
            cure="Pass create_graph=True to autograd.grad.",
            where=penalty[-1].where,
            rests_on=(Symptom.GRADIENT,),
            explains=(Symptom.FAILS,),
        )
        return
    checks = [c for c in seen.gradient.checks if not c.ok]
    checks = [c for c in checks if seen.intent.needs_gradient(c.argument)]
    apart = _unlike_reference(seen)
    if apart is not None:
        checks = [c for c in checks if c.argument in apart]
    wrong = [c for c in checks if c.analytic is not None and not _rounds(seen, c)]
    lost = [c for c in checks if c.analytic is None]
    if not wrong and not (lost and len(lost) < len(seen.gradient.checks)):
        return
    if seen.graph.handmade and not seen.intent.cuts_explain:
        return
    found = (wrong or lost)[0]
    if not wrong and found.argument.parameter:
        return  # it has no gradient at all: a missing one
    details = {
        "where": found.argument.name,
        "evidence": {
            "analytic": None if found.analytic is None else found.analytic.tolist(),
            "numeric": found.numeric.tolist(),
        },
        "rests_on": (Symptom.GRADIENT,),
        "explains": (Symptom.SECOND,),
    }
    if penalty and seen.intent.cuts_explain:
        yield KIND.error(
            f"{_missing(found)}: `autograd.grad` inside the loss "
            f"({penalty[0].where}) lacks create_graph=True.",
            cure="Pass create_graph=True to autograd.grad.",
            **details,
        )
        return
    cuts = [c for c in seen.graph.cuts if c.name != "grad"]
    if not cuts or (apart is None and _weighs_by_own_probability(seen)):
        return
    unlike = [
        c
        for c in cuts
        if c.name != "detach" or not _cancels(seen, c.tensors[0], c.result)
    ]
    cut = seen.intent.telling(unlike or cuts)
    place = f" ({cut.where})" if cut.where else ""
    message = f"{_missing(found)}: {_NAMES[cut.name]}{place} cuts one path"
    message += ". Is that meant?" if apart is None else "."
    say = KIND.warning if apart is None else KIND.error
    if apart is None and cut.name in _WRITTEN:
        # A target of another network, a teacher, a critic behind an advantage.
        leads = found.argument is seen.inputs[0]
        held = not wrong and (not leads or found.argument.role is Role.CONSTANT)
        weight = bool(wrong) and _is_a_part(found) and not _lost_term(seen)
        weight = weight and not _becomes_numbers(seen, found.argument)
        weight = weight and not _breaks_invariance(seen, found.argument)
        weight = weight and not _is_normaliser(seen)
        # A gradient of what the value does not depend on comes of nothing else.
        held = held or (bool(wrong) and not found.matters and not found.vanishes)
        if (cut.name == "detach" and (held or not unlike)) or weight:
            say = KIND.note
    yield say(message, **details)


def _is_held_constant(seen: Observation, gradient: Call) -> bool:
    """Whether what `autograd.grad` returns is also detached, by whoever knows that."""
    results = gradient.result if isinstance(gradient.result, tuple) else ()
    made = {id(result) for result in results}
    for call in seen.graph.trace.calls:
        if not any(id(t) in made for t in call.tensors):
            continue
        if call.name in ("detach", "detach_"):
            return True
        if isinstance(call.result, Tensor) and not call.result.requires_grad:
            made.add(id(call.result))
    return False


def _is_a_part(found: GradientCheck) -> bool:
    """Whether a part of the gradient arrives, of an input that matters."""
    return found.matters and not found.vanishes


def _becomes_numbers(seen: Observation, argument: Argument) -> bool:
    """Whether what was cut off goes on as plain numbers, as NumPy asks for.

    A number that is taken of what still learns, such as a width that tells how many
    steps to make, is another cut.
    """
    origins = seen.graph.origins
    return any(
        argument.name in origins.get(id(tensor), frozenset())
        and not tensor.requires_grad
        for call in seen.graph.trace.named(*_NUMBERS)
        for tensor in call.tensors
    )


def _is_normaliser(seen: Observation) -> bool:
    """Whether what was cut divides what learns so that it sums to 1, or is 1 long."""
    for call in seen.graph.trace.named("div", "__truediv__"):
        if len(call.tensors) < 2 or not isinstance(call.result, Tensor):
            continue
        learns, constant = call.tensors[:2]
        if not learns.requires_grad or constant.requires_grad:
            continue
        if is_transformed(call.result):
            continue  # its values cannot be read any more
        value = call.result.detach().double()
        dims = [dim for dim in range(value.dim()) if value.shape[dim] > 1]
        if any(
            bool((size - 1).abs().max() < 1e-5)
            for dim in dims
            for size in (value.sum(dim), value.norm(dim=dim))
        ):
            return True
    return False


def _breaks_invariance(seen: Observation, argument: Argument) -> bool:
    """Whether the value does not change with an input, and its gradient says it does.

    Where each row may be shifted, as logits may, or scaled, as what is divided by its
    norm or its sum: a weight keeps that, a normaliser without its gradient does not.
    """
    gradient = seen.base_backward.values[seen.inputs.index(argument)]
    value = cast(argument.value, seen.dtype)
    if gradient is None or value.dim() < 2 or value.is_complex():
        return False
    for dim in {1, value.dim() - 1}:
        rows = seen.random_like(value.narrow(dim, 0, 1), 21)
        for moved, direction in (
            (value + rows, rows.expand_as(value)),
            (value * rows.exp(), value * rows),
        ):
            there = seen.run(seen.with_values({argument: moved}))
            along = (gradient * direction).sum().abs()
            lost = along > 1e-3 * (gradient * direction).abs().sum()
            if lost and seen.precision.close(there.total, seen.value, 100):
                return True
    return False


def _lost_term(seen: Observation) -> bool:
    """Whether a whole term of the loss has no gradient, though it has inputs.

    Weights, targets and other factors are detached on purpose; what is added to the
    loss and cannot be trained has no purpose.
    """
    differentiable = {x.name for x in seen.inputs}
    for call in seen.graph.trace.named(*_ADDS):
        terms = [t for t in call.tensors if t.is_floating_point()]
        learn = [t for t in terms if t.requires_grad]
        if not call.recording or not _is_a_sum_of_terms(seen, call):
            continue  # a sum that is itself held constant is no term of the loss
        for term in terms if learn else ():
            names = seen.graph.origins.get(id(term), frozenset())
            constant = not term.requires_grad and bool(names & differentiable)
            if constant and not (
                _is_beside_itself(seen, term) or _is_also_a_factor(seen, term)
            ):
                return True
    return False


def _is_a_sum_of_terms(seen: Observation, call: Call) -> bool:
    """Whether a sum is one of numbers, or only averaged on its way to the loss."""
    if all(t.numel() == 1 for t in call.tensors):
        return True
    made = {id(call.result)}
    for later in seen.graph.trace.calls:
        if not isinstance(later.result, Tensor) or later is call:
            continue
        if any(id(t) in made for t in later.tensors):
            if later.name not in _ADDS and len(later.tensors) > 1:
                return False
            if later.name not in (*_ADDS, *_AVERAGES):
                return False
            made.add(id(later.result))
    return True


def _is_also_a_factor(seen: Observation, term: Tensor) -> bool:
    """Whether what a constant term was made of is used where gradients flow, too.

    The width of a kernel, of samples with one another and of targets with one another;
    a radius that is added, and that others are compared with.
    """
    origins = seen.graph.origins
    made = {id(term)}
    for call in reversed(seen.graph.trace.calls):
        if id(call.result) in made:
            cut = (t for t in call.tensors if not t.requires_grad)
            made |= {id(t) for t in cut if origins.get(id(t))}
    given = {id(tensor) for _, tensor in seen.pairs(seen.graph.traced)}
    made -= given
    for call in seen.graph.trace.calls:
        if not isinstance(call.result, Tensor) or not any(
            id(t) in made for t in call.tensors
        ):
            continue
        if not call.result.requires_grad:
            made.add(id(call.result))
        elif call.name not in _ADDS or not _is_a_sum_of_terms(seen, call):
            return True
    return False


def _rounds(seen: Observation, found: GradientCheck) -> bool:
    """Whether what is missing is no more than rounding."""
    if not found.matters or found.elsewhere_wrong:
        return False
    return found.missing < max(5e-4, 1e3 * seen.precision.noise)


def _weighs_by_own_probability(seen: Observation) -> bool:
    """Whether what was cut is the probability that weighs its own logarithm.

    Nobody detaches that by accident; `stop-gradient` is where it is forgotten.
    """
    for call in seen.graph.trace.named("mul", "__mul__", "__rmul__"):
        weights = [t for t in call.tensors if not t.requires_grad and t.numel() > 1]
        logs = [t.detach() for t in call.tensors if t.requires_grad]
        for weight in weights:
            for log in logs:
                if weight.shape == log.shape and torch.allclose(
                    log.exp(), weight.to(log.dtype)
                ):
                    return True
    return False


def _is_beside_itself(seen: Observation, term: Tensor) -> bool:
    """Whether a term is what a call that detaches made of another term."""
    return any(
        call.result is term and _cancels(seen, call.tensors[0], term)
        for call in seen.graph.trace.named("detach")
    )


def _cancels(seen: Observation, source: Tensor, constant: Tensor) -> bool:
    """Whether a constant is added to, or taken from, what it was made of.

    `x + (f(x) - x).detach()` and `f(x) - x.detach() + x` have the value of f and the
    gradient of x, and `(x - x.detach()).exp()` is 1 with a gradient: nobody writes
    that by accident.
    """
    made_of, made = {id(source)}, {id(constant)}
    for call in seen.graph.trace.named(*_SUMS):
        if call.result is source:
            made_of |= {id(t) for t in call.tensors}
    for call in seen.graph.trace.named(*_SUMS):
        own = any(id(t) in made_of and t.requires_grad for t in call.tensors)
        cut = any(id(t) in made for t in call.tensors)
        if own and cut:
            return True
        if own:
            made_of.add(id(call.result))
        elif cut and not call.attached:
            made.add(id(call.result))
    return False


def _missing(found: GradientCheck) -> str:
    """Say how much of the gradient is gone."""
    name = found.argument.name
    if found.analytic is None:
        return f"The whole gradient of `{name}` is missing"
    if not found.matters:
        return f"`{name}` gets a gradient although the loss does not change with it"
    if found.missing <= 1:
        return f"{found.missing:.0%} of the gradient of `{name}` is missing"
    return f"The gradient of `{name}` is not the derivative of the loss"


def _unlike_reference(seen: Observation) -> set[Argument] | None:
    """The inputs whose gradient is not that of the reference; None without one."""
    if seen.reference.loss is None:
        return None
    run = seen.reference.run()
    if len(run.tensors) < len(seen.arguments):
        return None  # its parameters are others
    trusted, own = seen.backward(run), seen.base_backward
    if trusted.error is not None or not seen.precision.close(run.total, seen.value):
        return None
    return {
        argument
        for argument, a, b in zip(seen.inputs, own.values, trusted.values, strict=False)
        if not _alike(a, b)
    }


def _alike(own: Tensor | None, trusted: Tensor | None) -> bool:
    if own is None or trusted is None:
        return own is trusted
    return torch.allclose(own.double(), trusted.double(), rtol=1e-4, atol=1e-7)
