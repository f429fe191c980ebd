"""Tensors are kept alive: as attributes of ctx, or in a list on the loss."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ownloss.checker.containers import tensors_in
from ownloss.checker.copies import modules_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.functions import function_nodes, nodes_of, tensors_on
from ownloss.checker.observation import Observation
from ownloss.checker.runs import Run
from ownloss.checker.torch_insides import function_of

KIND = Kind(
    slug="ctx-leak",
    title="Memory is kept",
    meaning="Outputs or intermediate results are attributes of ctx, where they live as "
    "long as the graph and can form a cycle that only the garbage collector frees; or "
    "losses with their graphs are collected on a module.",
    shows="There are tensors in the attributes of grad_fn, or the inputs of several "
    "calls are still alive when nobody uses them.",
    cure="Keep tensors with ctx.save_for_backward; collect `loss.detach()`.",
)
CALLS = 5

_DETAILS = {"rests_on": (Symptom.KEPT,)}


def find(seen: Observation) -> Iterator[Finding]:
    """Look at ctx; count which inputs survive their calls."""
    if seen.base.error is not None:
        return
    run = seen.run(dtype=seen.native)
    found = sorted(_on_ctx(seen, run), key=lambda f: f.severity != "error")
    if found:
        yield found[0]
        return
    yield from _cached(run.call)
    del run
    yield from _survivors(seen)


def _on_ctx(seen: Observation, run: Run) -> Iterator[Finding]:
    """Look for tensors among the attributes of contexts.

    The output itself is a cycle. An input or what is computed from it is hidden from
    autograd, which would notice if it was written to. Labels, options and what a
    Function is handed in a container are as safe there as anywhere.
    """
    nodes = function_nodes(nodes_of(run.outputs))
    moved = seen.run(seen.points.jittered(0.3, 1), dtype=seen.native)
    others = function_nodes(nodes_of(moved.outputs))
    given = [
        tensor
        for call in seen.graph.calls
        for argument in call.args
        if not isinstance(argument, Tensor)
        for _, tensor in tensors_in(argument)
    ]
    for place, node in enumerate(nodes):
        cls = function_of(node)
        other = tensors_on(others[place]) if len(others) == len(nodes) else {}
        for name, tensor in tensors_on(node).items():
            itself = _is_in(tensor, run.outputs)
            if cls.__module__.startswith("torch.") or (
                tensor.numel() < 2 and not itself
            ):
                continue
            safe = not tensor.is_floating_point() and not tensor.is_complex()
            safe = safe or _equal(tensor, other.get(name))
            if not itself and (safe or any(_equal(tensor, t) for t in given)):
                continue
            message = f"`ctx.{name}` of `{cls.__name__}` holds "
            message += _what(tensor, run.outputs, run.tensors)
            message += (
                ": memory is only freed by the garbage collector."
                if itself
                else ": autograd does not see it, neither a write to it nor hooks that "
                "move saved tensors."
            )
            say = KIND.error if itself else KIND.warning
            yield say(
                message + " Use save_for_backward.",
                where=f"{cls.__name__}.forward",
                evidence={"attribute": name, "shape": list(tensor.shape)},
                **_DETAILS,
            )


def _equal(tensor: Tensor, other: Tensor | None) -> bool:
    return (
        other is not None
        and other.shape == tensor.shape
        and torch.equal(tensor.detach(), other.detach().to(tensor.dtype))
    )


def _cached(loss: Any) -> Iterator[Finding]:
    """Look for results with their graph among what a module holds."""
    for module in modules_of(loss):
        for part in module.modules():
            for name, value in vars(part).items():
                held = [] if name.startswith("_") else list(tensors_in(value))
                if any(t.grad_fn is not None for _, t in held):
                    collected = not isinstance(value, Tensor)
                    say = KIND.error if collected else KIND.warning
                    yield say(
                        f"`{type(part).__name__}.{name}` holds a result of the last "
                        "call with its whole graph.",
                        cure="Keep `x.detach()` where only the numbers are needed.",
                        where=name,
                        aspect="module",
                        **_DETAILS,
                    )
                    return


def _is_in(tensor: Tensor, others: list[Tensor]) -> bool:
    return any(tensor.data_ptr() == o.data_ptr() and o.numel() for o in others)


def _what(tensor: Tensor, outputs: list[Tensor], inputs: list[Tensor]) -> str:
    if _is_in(tensor, outputs):
        return "the output itself"
    if _is_in(tensor, inputs):
        return "an input"
    return f"an intermediate result of shape {tuple(tensor.shape)}"


def _survivors(seen: Observation, calls: int = 3) -> Iterator[Finding]:
    """Call several times, let go of everything, and see which inputs are alive."""
    watched: list[weakref.ref[Tensor]] = []
    session = seen.run().call
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(calls):
            run = seen.run(on=session)
            if run.error is not None or not run.tensors:
                return
            watched += [weakref.ref(run.tensors[seen.index(seen.inputs[0])])]
            del run
        alive = sum(w() is not None for w in watched)
        if not alive:
            return
        gc.collect()
        kept = sum(w() is not None for w in watched)
    finally:
        if collecting:
            gc.enable()
    if seen.inputs[0].parameter:
        return
    if kept >= 2:
        yield KIND.error(
            f"After {calls} calls the inputs of {kept} are still in memory: the loss "
            "collects losses or tensors with their graphs.",
            evidence={"calls": calls, "kept": kept},
            aspect="calls",
            **_DETAILS,
        )
    elif alive >= 2:
        yield KIND.error(
            f"After {calls} calls the inputs of {alive} are in memory until the "
            "garbage collector runs: a cycle holds them.",
            evidence={"calls": calls, "alive": alive},
            **_DETAILS,
        )
