"""Proof, without the checker, that a case is what it says it is.

Every kind has its evidence: a function that takes a case and raises AssertionError
where the mistake does not show. Derivatives are central differences in float64, one
entry at a time: slow, simple, and unlike anything that the checker does.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from . import Case, Inputs, Loss

CLOSE = {"rtol": 1e-4, "atol": 1e-6}


# Running a loss.


def tensors(tree: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists and dictionaries."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, dict):
        yield from tensors(list(tree.values()))
    elif isinstance(tree, list | tuple):
        for branch in tree:
            yield from tensors(branch)


def mapped(change: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """The same nest with every tensor changed."""
    if isinstance(tree, Tensor):
        return change(tree)
    if isinstance(tree, dict):
        return {key: mapped(change, value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(mapped(change, branch) for branch in tree)
    return tree


def in_double(x: Tensor) -> Tensor:
    """A contiguous copy, in float64 where it is floating."""
    copy = x.detach().clone()
    copy = copy.double() if copy.is_floating_point() else copy
    return copy.requires_grad_(x.requires_grad)


def double(case: Case, inputs: Inputs | None = None) -> tuple[Loss, Inputs]:
    """The case's loss, or its own inputs, in float64."""
    loss, own = case.fresh()
    if isinstance(loss, nn.Module):
        loss = loss.double()
    return loss, mapped(in_double, own if inputs is None else inputs)


def leaves(loss: Loss, inputs: Inputs) -> list[Tensor]:
    """What is differentiated: inputs that ask for it, parameters; else the first."""
    floating = [x for x in tensors(inputs) if x.is_floating_point() or x.is_complex()]
    parameters = loss.parameters() if isinstance(loss, nn.Module) else ()
    learned = [p for p in parameters if p.requires_grad]
    chosen = [x for x in floating if x.requires_grad]
    if not chosen and not learned:
        chosen = floating[:1]
    for x in chosen:
        x.requires_grad_()
    return chosen + learned


def value(loss: Loss, inputs: Inputs) -> Tensor:
    """All outputs in one vector."""
    return torch.cat([x.reshape(-1).double() for x in tensors(loss(*inputs))])


def analytic(
    loss: Loss, inputs: Inputs, upstream: Tensor | None = None
) -> list[Tensor | None]:
    """What autograd returns for each leaf, None where it returns none."""
    wanted = leaves(loss, inputs)
    out = value(loss, inputs)
    if not out.requires_grad:
        return [None] * len(wanted)
    upstream = torch.ones_like(out) if upstream is None else upstream
    return list(torch.autograd.grad(out, wanted, upstream, allow_unused=True))


def numeric(
    loss: Loss, inputs: Inputs, upstream: Tensor | None = None, step: float = 1e-6
) -> list[Tensor]:
    """Central differences for each leaf."""

    def total() -> float:
        out = value(loss, inputs).detach()
        return ((out if upstream is None else upstream * out).sum()).item()

    gradients = []
    for leaf in leaves(loss, inputs):
        gradient = torch.zeros_like(leaf).detach()
        for index in torch.cartesian_prod(
            *(torch.arange(n) for n in leaf.shape), torch.arange(1)
        ).reshape(-1, leaf.dim() + 1)[:, : leaf.dim()]:
            place = tuple(index.tolist())
            at = leaf.detach()[place].item()
            ends = []
            for moved in (at + step, at - step):
                leaf.data[place] = moved
                ends.append(total())
            leaf.data[place] = at
            gradient[place] = (ends[0] - ends[1]) / (2 * step)
        gradients.append(gradient)
    return gradients


def close(a: Tensor | None, b: Tensor) -> bool:
    """Equal to the accuracy of a central difference."""
    a = torch.zeros_like(b) if a is None else a
    wide = torch.complex128 if b.is_complex() else torch.float64
    return a.shape == b.shape and torch.allclose(a.to(wide), b.to(wide), **CLOSE)


def finite(loss: Loss, inputs: Inputs) -> bool:
    """The value and all gradients are finite."""
    if not value(loss, inputs).isfinite().all():
        return False
    return all(g is None or g.isfinite().all() for g in analytic(loss, inputs))


def breaks(loss: Loss, inputs: Inputs) -> bool:
    """It raises, or something is not finite."""
    try:
        return not finite(loss, inputs)
    except (RuntimeError, IndexError, ValueError, TypeError, AttributeError):
        return True


def functions_in(outputs: Any) -> list[Any]:
    """The nodes of the graph of these outputs that belong to a Function."""
    pending = [x.grad_fn for x in tensors(outputs) if x.grad_fn is not None]
    seen: list[Any] = []
    while pending:
        node = pending.pop()
        if node is not None and node not in seen:
            seen.append(node)
            pending += [parent for parent, _ in node.next_functions]
    return [node for node in seen if hasattr(node, "_forward_cls")]


# Right losses.


def gradient_is_right(case: Case) -> None:
    """Every leaf's gradient is the numeric one, for a random upstream gradient."""
    loss, inputs = double(case)
    out = value(loss, inputs)
    upstream = torch.randn(
        out.shape, generator=torch.Generator().manual_seed(7), dtype=out.dtype
    )
    for by_autograd, by_differences in zip(
        analytic(loss, inputs, upstream), numeric(loss, inputs, upstream), strict=True
    ):
        assert close(by_autograd, by_differences)


def agrees_with_reference(case: Case) -> None:
    """Value and gradients of the inputs are the reference's."""
    agrees_in_value(case)
    loss, inputs = case.fresh()
    _, again = case.fresh()
    ours = analytic(loss, inputs)
    theirs = analytic(case.reference, again)
    for mine, trusted in zip(ours, theirs, strict=False):
        assert (mine is None) == (trusted is None)
        assert mine is None or torch.allclose(mine, trusted, **CLOSE)


def agrees_in_value(case: Case) -> None:
    """The reference returns the same value."""
    loss, inputs = case.fresh()
    _, again = case.fresh()
    ours, trusted = value(loss, inputs), value(case.reference, again)
    assert ours.shape == trusted.shape
    assert torch.allclose(ours, trusted, **CLOSE), (ours, trusted)


# Wrong losses, kind by kind.


def _at(case: Case) -> Inputs | None:
    return case.at() if case.at else None


def _gradients(case: Case) -> list[tuple[Tensor | None, Tensor]]:
    loss, inputs = double(case, _at(case))
    pairs = zip(analytic(loss, inputs), numeric(loss, inputs), strict=True)
    return list(pairs)


def _ratio(ours: Tensor, true: Tensor) -> float | None:
    """ours / true, None where it is not constant."""
    ratio = ((ours * true).sum() / (true * true).sum()).item()
    return ratio if close(ours, ratio * true) else None


def scale(case: Case) -> None:
    """Some gradient is a positive multiple of the true one."""
    ratios = [_ratio(a, n) for a, n in _gradients(case) if a is not None]
    assert any(r is not None and r > 0 and abs(r - 1) > 0.01 for r in ratios), ratios


def sign(case: Case) -> None:
    """Some gradient is minus the true one."""
    ratios = [_ratio(a, n) for a, n in _gradients(case) if a is not None]
    assert any(r is not None and abs(r + 1) < 1e-3 for r in ratios), ratios


def formula(case: Case) -> None:
    """Some gradient is no multiple of the true one."""
    ratios = [_ratio(a, n) for a, n in _gradients(case) if a is not None]
    assert any(r is None for r in ratios), ratios


def grad_output(case: Case) -> None:
    """Right for ones, wrong for a random upstream gradient."""
    assert all(close(a, n) for a, n in _gradients(case) if a is not None)
    loss, inputs = double(case)
    out = value(loss, inputs)
    upstream = torch.linspace(0.3, 2.7, out.numel(), dtype=out.dtype)
    pairs = zip(
        analytic(loss, inputs, upstream), numeric(loss, inputs, upstream), strict=True
    )
    assert any(not close(a, n) for a, n in pairs)


def missing_grad(case: Case) -> None:
    """A leaf that matters gets None or zeros, another gets its gradient."""
    pairs = _gradients(case)
    assert any((a is None or not a.any()) and n.abs().max() > 1e-3 for a, n in pairs)


def grad_count(case: Case) -> None:
    """backward cannot be run."""
    loss, inputs = case.fresh()
    try:
        analytic(loss, inputs)
    except (RuntimeError, TypeError) as error:
        text = str(error)
        assert "number of gradients" in text or "positional argument" in text, text
    else:
        raise AssertionError("backward runs")


def grad_meta(case: Case) -> None:
    """backward returns another shape or dtype than its input's."""
    loss, inputs = case.fresh()
    leaves(loss, inputs)
    outputs = loss(*inputs)  # in torch 2.5, a node without them names no parents
    nodes = functions_in(outputs)
    returned: list[Any] = []
    originals = [(node._forward_cls, node._forward_cls.backward) for node in nodes]
    for cls, original in originals:

        def spy(ctx: Any, *grads: Any, run: Any = original) -> Any:
            result = run(ctx, *grads)
            returned.append(result if isinstance(result, tuple) else (result,))
            return result

        cls.backward = staticmethod(spy)
    try:
        analytic(loss, inputs)
    except RuntimeError as error:
        assert "invalid gradient" in str(error), error
    finally:
        for cls, original in originals:
            cls.backward = staticmethod(original)
    parents = [parent for parent, _ in nodes[0].next_functions]
    wanted = [
        (p.variable.shape, p.variable.dtype) if p is not None else None for p in parents
    ]
    got = [(g.shape, g.dtype) if g is not None else None for g in returned[0]]
    assert any(
        w is not None and g is not None and w != g
        for w, g in zip(wanted, got, strict=False)
    ), (wanted, got)


def inplace_saved(case: Case) -> None:
    """backward fails, or a second backward fails or returns something else."""
    loss, inputs = case.fresh()
    wanted = leaves(loss, inputs)
    out = value(loss, inputs).sum()
    try:
        first = torch.autograd.grad(out, wanted, retain_graph=True, allow_unused=True)
        first = [None if g is None else g.clone() for g in first]
        second = torch.autograd.grad(out, wanted, allow_unused=True)
    except RuntimeError as error:
        assert "inplace operation" in str(error), error
    else:
        assert not all(
            torch.equal(a, b)
            for a, b in zip(first, second, strict=True)
            if a is not None
        )


def mutates_input(case: Case) -> None:
    """An argument or the upstream gradient is another after the call."""
    loss, inputs = case.fresh()
    inputs = case.at() if case.at else inputs
    before = mapped(lambda x: x.detach().clone(), inputs)
    wanted = leaves(loss, inputs)
    out = next(tensors(loss(*inputs)))
    upstream = torch.ones_like(out)
    torch.autograd.grad(out, wanted, upstream, allow_unused=True)
    pairs = zip(tensors(before), tensors(inputs), strict=True)
    changed = any(not torch.equal(a, b) for a, b in pairs)
    assert changed or not torch.equal(upstream, torch.ones_like(out))


def _another(x: Tensor) -> Tensor:
    """Other valid inputs of the same shape."""
    if x.is_floating_point():
        other = 1.5 * x.detach().flip(0)
        return other.requires_grad_(x.requires_grad)
    return x.clamp(max=int(x.max()) - 1)


def shared_state(case: Case) -> None:
    """A second call changes the first one's gradient, or depends on the first."""
    loss, a = case.fresh()
    b = mapped(_another, a)
    alone_a = analytic(loss, a)
    loss, _ = case.fresh()
    alone_b = value(loss, b)

    loss, a = case.fresh()
    wanted = leaves(loss, a)
    out = value(loss, a).sum()
    after_a = value(loss, b)
    mixed_a = torch.autograd.grad(out, wanted, allow_unused=True)
    assert not torch.allclose(after_a, alone_b) or not all(
        torch.allclose(x, y) for x, y in zip(alone_a, mixed_a, strict=True)
    )


def ctx_leak(case: Case) -> None:
    """A node of the graph, or the module, holds tensors that it should not."""
    loss, inputs = case.fresh()
    leaves(loss, inputs)
    outputs = loss(*inputs)
    on_ctx = [
        tensor
        for node in functions_in(outputs)
        for tensor in tensors(list(vars(node).values()))
    ]
    held = vars(loss) if isinstance(loss, nn.Module) else {}
    attached = [
        x
        for name, kept in held.items()
        if not name.startswith("_")
        for x in tensors(kept)
        if x.grad_fn is not None
    ]
    assert on_ctx or attached


def detached(case: Case) -> None:
    """The output has no graph that leads to a leaf, and depends on one."""
    pairs = _gradients_or_none(case)
    assert all(a is None for a, _ in pairs)
    assert any(n.abs().max() > 1e-4 for _, n in pairs)


def _gradients_or_none(case: Case) -> list[tuple[Tensor | None, Tensor]]:
    loss, inputs = double(case)
    wanted = leaves(loss, inputs)
    out = value(loss, inputs)
    ours: list[Tensor | None] = [None] * len(wanted)
    if out.requires_grad:
        ours = list(torch.autograd.grad(out.sum(), wanted, allow_unused=True))
    return list(zip(ours, numeric(loss, inputs), strict=True))


def partial_detach(case: Case) -> None:
    """A gradient is there and is not the whole one."""
    pairs = _gradients(case)
    assert all(a is None or a.any() for a, _ in pairs) or len(pairs) > 1
    assert any(a is not None for a, _ in pairs)
    assert any(not close(a, n) for a, n in pairs)


def flat(case: Case) -> None:
    """Numeric and analytic gradients are 0 or None."""
    for a, n in _gradients_or_none(case):
        assert a is None or not a.any()
        assert not n.any()


def nan_trap(case: Case) -> None:
    """Finite inputs lead to a value or a gradient that is not."""
    loss, inputs = double(case, _at(case))
    assert all(x.isfinite().all() for x in tensors(inputs))
    assert not finite(loss, inputs)
    loss, inputs = double(case)
    assert value(loss, inputs).isfinite().all()


def overflow(case: Case) -> None:
    """Not finite at large or half-precision inputs where the reference in double is."""
    loss, inputs = case.fresh()
    assert finite(loss, inputs)
    assert breaks(loss, case.at())
    assert finite(case.reference, mapped(in_double, case.at()))


def breaks_in_half(case: Case) -> None:
    """Raises or is not finite at the half-precision inputs that a user gives it."""
    loss, inputs = case.fresh()
    assert any(x.dtype == torch.float16 for x in tensors(inputs))
    assert breaks(loss, inputs)
    assert finite(case.reference, mapped(in_double, inputs))
    assert finite(*double(case))


def empty_batch(case: Case) -> None:
    """Breaks when nothing is selected; the reference does not."""
    loss, inputs = case.fresh()
    assert finite(loss, inputs)
    assert breaks(loss, case.at())
    assert finite(case.reference, case.at())


def other_value(case: Case) -> None:
    """The gradient is the value's own, and the value is not the reference's."""
    gradient_is_right(case)
    value_differs(case)


def value_differs(case: Case) -> None:
    """The value is not the reference's."""
    loss, inputs = double(case)
    _, again = double(case)
    ours, trusted = value(loss, inputs), value(case.reference, again)
    assert ours.shape != trusted.shape or not torch.allclose(ours, trusted, rtol=1e-3)


def _rows(inputs: Inputs, count: int) -> Inputs:
    size = max(x.shape[0] for x in tensors(inputs) if x.dim())

    def cut(x: Tensor) -> Tensor:
        kept = x.detach()[:count] if x.dim() and x.shape[0] == size else x.detach()
        return kept.clone().requires_grad_(x.requires_grad)

    return mapped(cut, inputs)


def batch_size(case: Case) -> None:
    """With another number of rows it fails, or parts from the reference."""
    _, inputs = case.fresh()
    size = max(x.shape[0] for x in tensors(inputs) if x.dim())
    for count in (size, size - 1, 1):
        loss, inputs = case.fresh()
        some = _rows(inputs, count)
        assert finite(case.reference, some)
        if breaks(loss, some):
            return
        if not torch.allclose(value(loss, some), value(case.reference, some), **CLOSE):
            return
    raise AssertionError("right for every number of rows")


def batch_order(case: Case) -> None:
    """Another order of the rows is another value; not so for the reference."""
    loss, inputs = case.fresh()
    size = next(tensors(inputs)).shape[0]
    order = torch.randperm(size, generator=torch.Generator().manual_seed(1))
    shuffled = mapped(lambda x: x.detach()[order], inputs)
    assert not torch.allclose(value(loss, inputs), value(loss, shuffled))
    if case.reference:
        assert torch.allclose(
            value(case.reference, inputs), value(case.reference, shuffled)
        )


def double_backward(case: Case) -> None:
    """The first derivative is right, the second is not, and nothing raises."""
    gradient_is_right(case)
    loss, inputs = double(case)

    def slope(*again: Any) -> Tensor:
        wanted = leaves(loss, again)
        out = value(loss, again).sum()
        grads = torch.autograd.grad(out, wanted, create_graph=True)
        return torch.cat([g.sin().reshape(-1) for g in grads]).sum()

    true = numeric(slope, inputs, step=1e-5)
    wanted = leaves(loss, inputs)
    out = slope(*inputs)
    ours = (
        torch.autograd.grad(out, wanted, allow_unused=True)
        if out.requires_grad
        else [None] * len(wanted)
    )
    assert any(not close(a, n) for a, n in zip(ours, true, strict=True))


def vmap_agrees(case: Case) -> bool:
    """torch.vmap gives what a loop gives, for several in_dims."""
    loss, inputs = case.fresh()
    samples = [
        mapped(lambda x, shift=shift: x.detach() + 0.1 * shift, inputs)
        for shift in range(3)
    ]
    looped = torch.stack([torch.as_tensor(loss(*sample)) for sample in samples])
    for dim in (0, 1):
        stacked = [torch.stack(group, dim) for group in zip(*samples, strict=True)]
        if not torch.allclose(torch.vmap(loss, in_dims=dim)(*stacked), looped):
            return False
    if len(inputs) == 1:
        return True
    first = torch.stack([sample[0] for sample in samples])
    one_target = torch.vmap(loss, in_dims=(0, None))(first, samples[0][1])
    looped = torch.stack([loss(sample[0], samples[0][1]) for sample in samples])
    return torch.allclose(one_target, looped)


def vmap(case: Case) -> None:
    """torch.vmap is refused, or parts from the loop."""
    try:
        agrees = vmap_agrees(case)
    except RuntimeError:
        agrees = False
    assert not agrees


def nondeterministic(case: Case) -> None:
    """Two calls of one loss with the same inputs differ."""
    loss, inputs = case.fresh()
    assert not torch.equal(value(loss, inputs), value(loss, inputs))


def noncontiguous(case: Case) -> None:
    """It fails or changes where only the memory layout of the inputs does."""
    loss, inputs = case.fresh()
    inputs = case.at() if case.at else inputs
    assert not all(x.is_contiguous() for x in tensors(inputs))
    contiguous = mapped(
        lambda x: x.detach().contiguous().requires_grad_(x.requires_grad), inputs
    )
    if breaks(loss, inputs) or breaks(loss, contiguous):
        return
    pairs = zip(analytic(loss, inputs), analytic(loss, contiguous), strict=True)
    assert not torch.allclose(value(loss, inputs), value(loss, contiguous)) or any(
        not torch.allclose(a, b) for a, b in pairs
    )


# Evidence of single cases.


def backward_never_runs(case: Case) -> None:
    """No backward that the loss brings along is called by autograd."""
    loss, inputs = case.fresh()
    called: list[type] = []
    modules = [type(m) for m in loss.modules()] if isinstance(loss, nn.Module) else []
    code = type(loss).forward if isinstance(loss, nn.Module) else loss
    near = inspect.getclosurevars(code).nonlocals.values()
    written = (Function, nn.Module)
    functions = [c for c in near if isinstance(c, type) and issubclass(c, written)]
    ours = [c for c in [*modules, *functions] if hasattr(c, "backward")]
    assert ours
    originals = [(c, c.backward) for c in ours]
    for c in ours:
        c.backward = staticmethod(lambda *grads, c=c: called.append(c))
    try:
        grads = analytic(loss, inputs)
    finally:
        for c, original in originals:
            c.backward = original
    assert grads[0] is not None and not called


def an_ignored_nan_spoils_the_loss(case: Case) -> None:
    """A NaN in a target that the mask excludes makes the loss NaN."""
    loss, (prediction, target, mask) = case.fresh()
    target = torch.where(mask.bool(), target, torch.nan)
    assert value(loss, (prediction, target, mask)).isnan().any()
    assert value(case.reference, (prediction, target, mask)).isfinite().all()


def ignored_rows_get_a_gradient(case: Case) -> None:
    """Entries that the mask or the labels exclude have a gradient."""
    loss, inputs = case.fresh()
    guide = inputs[-1]
    keep = guide != -100 if guide.dtype == torch.int64 else guide.bool()
    (grad, *_) = analytic(loss, inputs)
    (trusted, *_) = analytic(case.reference, case.fresh()[1])
    assert grad[~keep].any() and not trusted[~keep].any()


def transposed_grad_output_fails(case: Case) -> None:
    """An upstream gradient with other strides makes backward raise or differ."""
    loss, inputs = case.fresh()
    wanted = leaves(loss, inputs)
    out = loss(*inputs)
    dims = tuple(range(out.dim()))[::-1]
    upstream = torch.linspace(1, 2, out.numel(), dtype=out.dtype).reshape(out.shape)
    strided = upstream.permute(dims).contiguous().permute(dims)
    assert torch.equal(upstream, strided) and not strided.is_contiguous()
    torch.autograd.grad(out, wanted, upstream, retain_graph=True)
    try:
        torch.autograd.grad(out, wanted, strided)
    except RuntimeError as error:
        assert "view" in str(error), error
    else:
        raise AssertionError("backward takes any strides")


def stop_gradient(case: Case) -> None:
    """The value is the reference's, the gradient is not."""
    agrees_in_value(case)
    try:
        agrees_with_reference(case)
    except AssertionError:
        return
    raise AssertionError("value and gradient are the reference's")


def low_precision(case: Case) -> None:
    """In its own dtype the gradient is far from the reference's in double."""
    loss, inputs = case.fresh()
    own = torch.autograd.grad(loss(*inputs), leaves(loss, inputs))[0].double()
    wide = mapped(in_double, inputs)
    first = wide[0].detach().requires_grad_()
    true = torch.autograd.grad(double(case)[0](first, *wide[1:]), first)[0]
    assert (own - true).norm() > 0.2 * true.norm()


def needs_input_grad(case: Case) -> None:
    """With all inputs it is right; with one alone it raises or is another."""
    gradient_is_right(case)
    loss, inputs = double(case)
    together = analytic(loss, inputs)
    for i, expected in enumerate(together):
        alone = tuple(x.detach().requires_grad_(i == j) for j, x in enumerate(inputs))
        try:
            (found,) = torch.autograd.grad(loss(*alone), alone[i], allow_unused=True)
        except Exception:
            return
        if found is None or not torch.allclose(found, expected):
            return
    raise AssertionError("each alone is what it is together with the others")


EVIDENCE: dict[str, Callable[[Case], None]] = {
    "scale": scale,
    "sign": sign,
    "formula": formula,
    "grad-output": grad_output,
    "missing-grad": missing_grad,
    "grad-count": grad_count,
    "grad-meta": grad_meta,
    "inplace-saved": inplace_saved,
    "mutates-input": mutates_input,
    "shared-state": shared_state,
    "ctx-leak": ctx_leak,
    "detached": detached,
    "partial-detach": partial_detach,
    "flat": flat,
    "nan-trap": nan_trap,
    "overflow": overflow,
    "empty-batch": empty_batch,
    "broadcast": value_differs,
    "batch-size": batch_size,
    "reduction": other_value,
    "mean-of-means": other_value,
    "batch-order": batch_order,
    "double-backward": double_backward,
    "vmap": vmap,
    "nondeterministic": nondeterministic,
    "noncontiguous": noncontiguous,
    "wrong-value": other_value,
    "stop-gradient": stop_gradient,
    "unused-input": value_differs,
    "misaligned": value_differs,
    "wrong-axis": value_differs,
    "low-precision": low_precision,
    "needs-input-grad": needs_input_grad,
}

# Kinds whose value is right at the user's inputs: the reference must say so.
RIGHT_VALUE = {
    "scale",
    "sign",
    "formula",
    "grad-output",
    "missing-grad",
    "grad-count",
    "grad-meta",
    "ctx-leak",
    "detached",
    "partial-detach",
    "dead-backward",
    "nan-trap",
    "overflow",
    "empty-batch",
    "double-backward",
    "vmap",
}


def prove(case: Case) -> None:
    """Raises AssertionError where a case is not what it says it is."""
    if case.kind is None:
        if case.reference:
            agrees_with_reference(case)
        if case.proof == "gradcheck" and not case.intentional:
            gradient_is_right(case)
        proved = case.reference or case.shows or case.intentional
        assert proved or case.proof == "gradcheck"
        if case.shows:
            case.shows(case)
        return
    (case.shows or EVIDENCE[case.kind])(case)
    in_half = case.shows is breaks_in_half  # has nothing to compare
    if case.reference and case.kind in RIGHT_VALUE and not in_half:
        agrees_in_value(case)
