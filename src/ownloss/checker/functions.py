"""Hand-written Functions: those in a graph, and what they do while it is built."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import BackwardCFunction

from ownloss.checker.containers import tensors_in
from ownloss.checker.signatures import parameter_names

# What is clamped on both sides has two values there.
BOUNDS = 2
_WRAPPED = ("forward", "setup_context", "backward")


def nodes_of(outputs: list[Tensor], limit: int = 20_000) -> list[Any]:
    """The nodes of the graph behind some tensors."""
    waiting = [t.grad_fn for t in outputs if t.grad_fn is not None]
    seen: dict[Any, None] = dict.fromkeys(waiting)
    while waiting and len(seen) < limit:
        for node, _ in waiting.pop().next_functions:
            if node is not None and node not in seen:
                seen[node] = None
                waiting.append(node)
    return list(seen)


def function_nodes(nodes: list[Any]) -> list[Any]:
    """The nodes of hand-written `autograd.Function`s."""
    return [node for node in nodes if isinstance(node, BackwardCFunction)]


@dataclass(eq=False)
class FunctionCall:
    """One use of a hand-written Function, forward and backward.

    Attributes:
        function: the class.
        ctx: its context, which is also its node in the graph.
        args: what `apply` was given.
        outputs: what forward returned, as tensors.
        overwritten: saved tensors that forward changed after saving them.
        grad_outputs: what backward was given.
        returned: what backward returned; None where it did not run or returned None.
        ran_backward: whether backward ran.
        changed_grad_output: whether backward changed what it was given.
    """

    function: type[Function]
    ctx: Any
    args: tuple[Any, ...]
    outputs: list[Tensor]
    overwritten: bool = False
    grad_outputs: tuple[Any, ...] = ()
    returned: Any = None
    ran_backward: bool = False
    changed_grad_output: bool = False

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.function.__name__

    def argument_name(self, index: int) -> str:
        """The name of an argument of forward."""
        names = parameter_names(self.function.apply)
        return names[index] if index < len(names) else f"argument {index}"

    @property
    def gradients(self) -> list[Any]:
        """What backward returned, one entry an argument."""
        if isinstance(self.returned, (tuple, list)):
            return list(self.returned)
        return [self.returned]

    @property
    def identity(self) -> bool:
        """Whether forward hands its first tensor on unchanged."""
        tensors = [a for a in self.args if isinstance(a, Tensor)]
        return bool(
            tensors
            and self.outputs
            and tensors[0].shape == self.outputs[0].shape
            and torch.equal(
                tensors[0].detach().double(), self.outputs[0].detach().double()
            )
        )

    @property
    def bounds(self) -> bool:
        """Whether forward clamps, and backward lets some of what it clamped return.

        Where the output is the input the gradient is handed on; beyond a bound only one
        that leads back is.
        """
        given = [a for a in self.args if isinstance(a, Tensor)][:1]
        four = [*given, *self.outputs[:1], *self.grad_outputs[:1], *self.gradients[:1]]
        if len(four) < 4 or not all(map(_holds_real_numbers, four)):
            return False
        x, y, upstream, gradient = (tensor.detach() for tensor in four)
        if not x.shape == y.shape == upstream.shape == gradient.shape:
            return False
        inside, passes = x == y, gradient == upstream
        clamped = y[~inside].unique().numel() <= BOUNDS
        hands_on = bool(inside.any()) and bool(passes[inside].all())
        some_pass = bool((passes & (upstream != 0))[~inside].any())
        others_stop = bool((gradient[~passes] == 0).all()) and not bool(passes.all())
        return clamped and hands_on and some_pass and others_stop


def _holds_real_numbers(held: Any) -> bool:
    real = isinstance(held, Tensor) and held.is_floating_point()
    return real and held.itemsize > 1  # of one byte, torch only stores them


def _tensors_of(tree: Any) -> list[Tensor]:
    return [tensor for _, tensor in tensors_in(tree)]


@dataclass(eq=False)
class Recorder:
    """Wraps forward and backward of Function classes while it is entered."""

    calls: list[FunctionCall] = field(default_factory=list)

    @contextmanager
    def watching(self, classes: list[type[Function]]) -> Iterator["Recorder"]:
        """Wrap these classes; put everything back afterwards."""
        before = [(c, dict(vars(c))) for c in classes]
        try:
            for cls in classes:
                self._wrap(cls)
            yield self
        finally:
            for cls, attributes in before:
                for name in _WRAPPED:
                    if name in attributes:
                        setattr(cls, name, attributes[name])
                    elif name in vars(cls):
                        delattr(cls, name)

    def _wrap(self, cls: type[Function]) -> None:
        forward, backward = cls.forward, cls.backward
        setup_context = cls.setup_context

        def watched_forward(ctx: Any, *inputs: Any) -> Any:
            saved: list[tuple[Tensor, Tensor]] = []
            save = ctx.save_for_backward

            def save_and_remember(*tensors: Any) -> None:
                saved.extend((t, t.clone()) for t in tensors if isinstance(t, Tensor))
                save(*tensors)

            ctx.save_for_backward = save_and_remember
            try:
                outputs = forward(ctx, *inputs)
            finally:
                del ctx.save_for_backward
            call = FunctionCall(cls, ctx, inputs, _tensors_of(outputs))
            call.overwritten = any(
                not torch.equal(now.nan_to_num(), then.nan_to_num())
                for now, then in saved
            )
            self.calls.append(call)
            return outputs

        def watched_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
            self.calls.append(FunctionCall(cls, ctx, inputs, _tensors_of(output)))
            return setup_context(ctx, inputs, output)

        def watched_backward(ctx: Any, *grad_outputs: Any) -> Any:
            call = next((c for c in self.calls if c.ctx is ctx), None)
            if call is None:
                call = FunctionCall(cls, ctx, (), [])
                self.calls.append(call)
            given = [g.clone() if isinstance(g, Tensor) else g for g in grad_outputs]
            call.ran_backward, call.grad_outputs = True, tuple(given)
            call.returned = backward(ctx, *grad_outputs)
            call.changed_grad_output = any(
                isinstance(g, Tensor) and not torch.equal(g, old)
                for g, old in zip(grad_outputs, given, strict=True)
            )
            return call.returned

        # To watch a class is to put other methods in it: what mypy takes for a mistake
        # is meant, and `watching` puts the old ones back.
        if setup_context is torch.autograd.Function.setup_context:
            cls.forward = staticmethod(watched_forward)  # type: ignore[method-assign]
        else:
            cls.setup_context = staticmethod(watched_setup)  # type: ignore[method-assign]
        if backward is not torch.autograd.Function.backward:
            cls.backward = staticmethod(watched_backward)  # type: ignore[method-assign]


def tensors_on(ctx: Any) -> dict[str, Tensor]:
    """The tensors kept as plain attributes of a context."""
    return {
        f"{name}{path}": tensor
        for name, value in vars(ctx).items()
        for path, tensor in tensors_in(value)
    }
