"""Tensors are kept alive: as attributes of ctx, or in a list on the loss."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ownloss.checker.containers import tensors_in
from ownloss.checker.copies import modules_of
from ownloss.checker.findings import Finding, Kind, Symptom
from ownloss.checker.functions import function_nodes, nodes_of, tensors_on
from ownloss.checker.observation import Observation
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

_DETAILS = {"rests_on": (Symptom.KEPT,)}


def find(seen: Observation) -> Iterator[Finding]:
    """Look at ctx; count which inputs survive their calls."""
    if seen.base.error is not None:
        return
    run = seen.run(dtype=seen.native)
    for node in function_nodes(nodes_of(run.outputs)):
        for name, tensor in tensors_on(node).items():
            if tensor.numel() < 2 and not _is_in(tensor, run.outputs):
                continue
            function = function_of(node).__name__
            what = _what(tensor, run.outputs, run.tensors)
            message = f"`ctx.{name}` of `{function}` holds {what}"
            message += (
                ": memory is only freed by the garbage collector."
                if _is_in(tensor, run.outputs)
                else ": it is kept, unseen by autograd, as long as the graph is."
            )
            yield KIND.error(
                message + " Use save_for_backward.",
                where=f"{function}.forward",
                evidence={"attribute": name, "shape": list(tensor.shape)},
                **_DETAILS,
            )
            return
    yield from _cached(run.call)
    del run
    yield from _survivors(seen)


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
    watched: list[weakref.ref] = []
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
