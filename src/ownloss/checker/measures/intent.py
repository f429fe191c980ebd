"""Signs that a gradient which is no derivative is meant."""

import math
from functools import cached_property

import torch
from torch import Tensor, nn

from ownloss.checker.arguments import Argument
from ownloss.checker.containers import tensors_in
from ownloss.checker.copies import copy_of, modules_of
from ownloss.checker.functions import FunctionCall
from ownloss.checker.measures.gradient import Gradient
from ownloss.checker.measures.graph import Graph
from ownloss.checker.randomness import seed_everything
from ownloss.checker.runs import as_real
from ownloss.checker.subject import Subject
from ownloss.checker.trace import Call, WithoutCuts

_SAMPLERS = (
    "multinomial",
    "randint",
    "randperm",
    "normal",
    "_standard_gamma",
    "_sample_dirichlet",
    "poisson",
)
_NOISES = ("randn", "randn_like", "normal_", "rand", "rand_like")
_SCALES = ("mul", "__mul__", "__rmul__", "matmul", "__matmul__", "mm", "einsum")
_READS = ("size", "dim", "numel", "__len__")
_KEEPS = ("normalize", "div", "__truediv__", "to", "mul", "__mul__", "__rmul__", "qr")


class Intent:
    """What the author of a loss may have meant."""

    def __init__(self, subject: Subject, graph: Graph, gradient: Gradient) -> None:
        self._subject = subject
        self._graph = graph
        self._gradient = gradient

    @cached_property
    def _learns(self) -> bool:
        """Whether no input asks for a gradient, and parameters get one."""
        found = zip(
            self._subject.inputs, self._subject.base_backward.values, strict=False
        )
        given = tensors_in((self._subject.args, self._subject.kwargs))
        if any(tensor.requires_grad for _, tensor in given):
            return False
        held = (*self._subject.args, *self._subject.kwargs.values())
        models = [x for x in held if isinstance(x, nn.Module)]
        attached = any(output.requires_grad for output in self._subject.base.outputs)
        if attached and any(p.requires_grad for m in models for p in m.parameters()):
            return True
        return any(
            x.parameter and gradient is not None and bool((gradient != 0).any())
            for x, gradient in found
        )

    def needs_gradient(self, argument: Argument) -> bool:
        """Whether an argument is to be trained; not if only parameters are."""
        return argument.parameter or not self._learns

    def held_constant(self, argument: Argument) -> bool:
        """Whether all that is made of an argument is made without a gradient.

        A model's view of other data gives targets, and requires a gradient only because
        the same model made it.
        """
        cut = False
        for call in self._graph.trace.calls:
            alive = any(
                tensor.requires_grad and self._graph.comes_from(tensor, argument)
                for tensor in call.tensors
            )
            if not alive or call.name in _READS or call.name.startswith("__get__"):
                continue
            if call.recording and call.name not in ("detach", "detach_"):
                return False
            cut = True
        return cut

    @cached_property
    def reroutes(self) -> list[FunctionCall]:
        """Functions that hand their input on: only there to change the gradient."""
        return [call for call in self._graph.calls if call.identity or call.bounds]

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
            with self._subject.budget.call():
                again = call.function.apply(
                    *[a.detach() if isinstance(a, Tensor) else a for a in call.args]
                )
            with self._subject.budget.call():
                other = call.function.apply(*moved)
        except Exception:
            return False
        # Of several outputs, the first is what the gradient is for.
        again, other = (x[0] if isinstance(x, tuple) else x for x in (again, other))
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
    def samples(self) -> bool:
        """Whether random numbers are drawn as a method wants it.

        It has a model with parameters that draws or drops out; scales noise by, or
        projects onto noise, what is differentiated; draws places (a subset, an order
        of what is equal); or samples from a distribution.
        """
        held = (*self._subject.args, *self._subject.kwargs.values())
        models = [*modules_of(self._subject.loss)]
        models += [x for x in held if isinstance(x, nn.Module)]
        if any(True for model in models for _ in model.parameters()):
            return True
        drawn: set[int] = set()
        for call in self._graph.trace.calls:
            if call.name in _SAMPLERS:
                return True
            if call.name in _NOISES and isinstance(call.result, Tensor):
                drawn.add(id(call.result))
            elif any(id(t) in drawn for t in call.tensors):
                if call.name in _SCALES and call.attached:
                    return True
                if call.name in _KEEPS and isinstance(call.result, Tensor):
                    drawn.add(id(call.result))
        return False

    @cached_property
    def cuts_explain(self) -> bool:
        """Whether the gradient is the numeric one once nothing is detached."""
        errors = self._errors_without(WithoutCuts())
        return bool(errors) and all(within for _, within in errors)

    def telling(self, cuts: list[Call]) -> Call:
        """The cut without which the gradient is nearest to the numeric one."""
        places = {cut.where: cut for cut in cuts}  # the last one of each place
        if len(places) == 1:
            return cuts[-1]

        def rest(where: str) -> float:
            errors = self._errors_without(WithoutCuts(where))
            return sum(size for size, _ in errors) if errors else math.inf

        # In doubt the last one: it comes first here, and only less is better.
        return min(reversed(list(places.values())), key=lambda cut: rest(cut.where))

    def _errors_without(self, cutting: WithoutCuts) -> list[tuple[float, bool]]:
        """How far wrong gradients still are, and whether that is within tolerance."""
        with cutting:
            run = self._subject.run(on=copy_of(self._subject.loss, self._subject.dtype))
            found = self._subject.backward(run)
        if found.error is not None:
            return []
        errors = []
        for check in self._gradient.checks:
            if check.ok:
                continue
            gradient = found.values[self._subject.inputs.index(check.argument)]
            if gradient is None:
                errors.append((check.numeric.norm().item(), False))
                continue
            entries = as_real(gradient).double().reshape(-1)[check.indices]
            within = torch.allclose(entries, check.numeric, atol=check.tolerance)
            errors.append(((entries - check.numeric).norm().item(), within))
        return errors
