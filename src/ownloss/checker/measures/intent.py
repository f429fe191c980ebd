"""Signs that a gradient which is no derivative is meant."""

from functools import cached_property

import torch
from torch import Tensor

from ownloss.checker.copies import copy_of
from ownloss.checker.functions import FunctionCall
from ownloss.checker.measures.gradient import Gradient
from ownloss.checker.measures.graph import Graph
from ownloss.checker.randomness import seed_everything
from ownloss.checker.runs import as_real
from ownloss.checker.subject import Subject
from ownloss.checker.trace import WithoutCuts


class Intent:
    """What the author of a loss may have meant."""

    def __init__(self, subject: Subject, graph: Graph, gradient: Gradient) -> None:
        self._subject = subject
        self._graph = graph
        self._gradient = gradient

    @cached_property
    def reroutes(self) -> list[FunctionCall]:
        """Functions that hand their input on: only there to change the gradient."""
        return [call for call in self._graph.calls if call.identity]

    @cached_property
    def surrogates(self) -> list[FunctionCall]:
        """Functions with a step function in front and a gradient nevertheless."""
        return [call for call in self._graph.calls if self._is_step(call)]

    def _is_step(self, call: FunctionCall) -> bool:
        moved, real = [], False
        for arg in call.args:
            if isinstance(arg, Tensor) and arg.is_floating_point():
                real = True
                size = arg.detach().abs().mean()
                arg = arg.detach() + 1e-4 * size * torch.rand_like(arg)
            moved.append(arg)
        if not real or not call.outputs:
            return False
        try:
            seed_everything(self._subject.seed)
            again = call.function.apply(
                *[a.detach() if isinstance(a, Tensor) else a for a in call.args]
            )
            other = call.function.apply(*moved)
        except Exception:
            return False
        if not isinstance(again, Tensor) or not isinstance(other, Tensor):
            return False
        gradients = [g for g in call.gradients if isinstance(g, Tensor)]
        alive = any(bool((g != 0).any()) for g in gradients)
        same = (again == other).double().mean().item() if again.numel() else 0.0
        return alive and same > 0.8 and bool(again.numel())

    @cached_property
    def deliberate(self) -> str:
        """Why a gradient that is no derivative looks meant; empty if it does not."""
        if self._graph.hooked:
            return "a hook changes the gradient"
        if self.reroutes:
            name = self.reroutes[0].name
            return f"`{name}` hands its input on and only changes the gradient"
        if self.surrogates:
            name = self.surrogates[0].name
            return f"`{name}` has steps, and a gradient in their place"
        return ""

    @cached_property
    def cuts_explain(self) -> bool:
        """Whether the gradient is the numeric one once nothing is detached."""
        wrong = [c for c in self._gradient.checks if not c.ok]
        with WithoutCuts():
            run = self._subject.run(on=copy_of(self._subject.loss, self._subject.dtype))
            found = self._subject.backward(run)
        if found.error is not None:
            return False
        for check in wrong:
            gradient = found.values[self._subject.inputs.index(check.argument)]
            if gradient is None:
                return False
            entries = as_real(gradient).double().reshape(-1)[check.indices]
            if not torch.allclose(entries, check.numeric, atol=check.tolerance):
                return False
        return bool(wrong)
