"""What happens inside a loss: its calls of torch, its graph, its Functions."""

from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ownloss.checker.arguments import Argument
from ownloss.checker.functions import (
    FunctionCall,
    Recorder,
    function_nodes,
    nodes_of,
)
from ownloss.checker.roles import Role
from ownloss.checker.runs import Run
from ownloss.checker.subject import Subject
from ownloss.checker.torch_insides import function_of
from ownloss.checker.trace import CUTS, Call, Trace

_DRAWS = (
    *("rand", "rand_like", "randn", "randn_like", "randint", "randperm"),
    *("bernoulli", "multinomial", "normal", "poisson", "dropout"),
    *("bernoulli_", "exponential_", "normal_", "uniform_", "random_"),
)


_RANKINGS = ("sort", "argsort", "topk", "nonzero")
_SUMS = ("sum", "add", "__add__", "__radd__", "flatten", "view", "reshape", "squeeze")


class Graph:
    """The inside of a loss at the inputs given."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    @cached_property
    def _watched(self) -> tuple[Trace, Run, list[FunctionCall]]:
        """One run at the inputs given, in their own dtype, with all that it did."""
        trace, recorder = Trace(self._subject.budget), Recorder()
        dtype = self._subject.native
        # A copy of its own, whose parameters no later run moves.
        twin = self._subject.fresh_copy(dtype)
        with recorder.watching(self.functions):
            with trace:
                run = self._subject.run(dtype=dtype, on=twin)
            self._subject.backward(run)
        return trace, run, recorder.calls

    @property
    def trace(self) -> Trace:
        """The calls of torch made by the loss, in the dtype of its inputs."""
        return self._watched[0]

    @property
    def traced(self) -> Run:
        """The run that the trace is of."""
        return self._watched[1]

    @property
    def calls(self) -> list[FunctionCall]:
        """What each Function did, in the same run."""
        return self._watched[2]

    @cached_property
    def origins(self) -> dict[int, frozenset[str]]:
        """Which arguments each tensor of the trace was computed from, by its id."""
        found = {
            id(tensor): frozenset({argument.name})
            for argument, tensor in self._subject.pairs(self.traced)
            if not argument.parameter
        }
        for call in self.trace.calls:
            names = frozenset().union(*(found.get(id(t), ()) for t in call.tensors))
            results = call.result if isinstance(call.result, (tuple, list)) else ()
            for result in results or (call.result,):
                if isinstance(result, Tensor):
                    found[id(result)] = names | found.get(id(result), frozenset())
        return found

    def comes_from(self, tensor: Tensor | None, argument: Argument) -> bool:
        """Whether a tensor of the trace was computed from one argument alone."""
        return self.origins.get(id(tensor), frozenset()) == {argument.name}

    def uses(self, argument: Argument) -> bool:
        """Whether any call of torch takes what comes from an argument."""
        return any(
            self.comes_from(t, argument) for c in self.trace.calls for t in c.tensors
        )

    def is_sum_of(self, tensor: Tensor, given: Tensor) -> bool:
        """Whether a tensor is made of another one by sums alone, of it and others."""
        made = {id(given)}
        for call in self.trace.calls:
            if call.name in _SUMS and any(id(t) in made for t in call.tensors):
                made.add(id(call.result))
        return tensor is not given and id(tensor) in made

    def calls_on(self, argument: Argument, *names: str) -> list[Call]:
        """The calls of these functions on what comes from one argument alone."""
        return [
            call
            for call in self.trace.named(*names)
            if any(self.comes_from(t, argument) for t in call.tensors)
        ]

    @cached_property
    def draws(self) -> list[Call]:
        """The calls that draw random numbers, from a generator of their own or not."""
        drawn = self.trace.named(*_DRAWS)
        return [call for call in drawn if isinstance(call.result, Tensor)]

    @cached_property
    def misplaced(self) -> list[tuple[Call, str | float]]:
        """The losses of torch that are given an option in the place of an old one.

        Their third argument by position is `size_average`, of which only the truth
        counts: neither the name of a reduction nor a number does anything there.
        """
        found = [(c, c.kwargs.get("size_average")) for c in self.trace.calls]
        return [
            (call, value)
            for call, value in found
            if isinstance(value, (str, int, float)) and not isinstance(value, bool)
        ]

    def picks_rows(self, argument: Argument) -> bool:
        """Whether an argument says which rows to take, of as many as an input has.

        Neighbours of nodes and the members of a set are such places, and no classes.
        """
        value = argument.value
        if value.is_floating_point() or value.is_complex() or value.dtype is torch.bool:
            return False
        counts = [x.value.shape[:1] for x in self._subject.inputs if x.value.dim()]
        ranks = {
            id(rank)
            for call in self.calls_on(argument, *_RANKINGS)
            for rank in (
                call.result if isinstance(call.result, tuple) else (call.result,)
            )
        }
        for call in self.calls_on(argument, "__getitem__", "index_select", "gather"):
            index = call.args[-1] if len(call.args) > 1 else None
            first = index[0] if isinstance(index, tuple) and index else index
            rows = call.name == "__getitem__" or call.args[1:2] == (0,)
            if not rows or not isinstance(first, Tensor) or not first.dim():
                continue
            if first.dtype is torch.bool or id(first) in ranks:
                continue  # it says which ones, or in which order, and names none
            if call.shapes[0][:1] in counts and self.comes_from(first, argument):
                # Means of classes are made of the labels that pick them; degrees of
                # nodes of the pairs that are the edges.
                of = self.origins.get(id(call.args[0]), frozenset())
                edges = value.dim() == 2 and 2 in value.shape
                return bool(of) and (argument.name not in of or edges)
        return False

    def goes_through(self, argument: Argument) -> bool:
        """Whether a loop takes one row after the other, as a recurrence over time."""
        count = argument.value.shape[0] if argument.value.dim() else 0
        if argument.floating and self.calls_on(argument, "unbind", "__iter__"):
            labels = (
                x
                for x in self._subject.arguments
                if x.role is Role.LABELS and x.value.shape == (count,)
            )
            # Rows that come with a label each are samples.
            taken_with = any(self.calls_on(x, "unbind", "__iter__") for x in labels)
            return count > 2 and not taken_with
        taken = set()
        for call in self.calls_on(argument, "__getitem__"):
            index = call.args[1]
            row = index[0] if isinstance(index, tuple) and index else index
            if type(row) is int and call.shapes[0][:1] == (count,):
                taken.add(row)
        return argument.floating and len(taken) >= max(3, count - 1)

    @cached_property
    def nodes(self) -> list[Any]:
        """The nodes of the loss's graph."""
        return nodes_of(self._subject.base.outputs)

    @cached_property
    def functions(self) -> list[type[Function]]:
        """The classes of the hand-written Functions in the graph."""
        classes = [function_of(n) for n in function_nodes(self.nodes)]
        return list(dict.fromkeys(classes))

    @cached_property
    def cuts(self) -> list[Call]:
        """The calls that cut a path of the graph, outside of Functions."""
        found: list[Call] = []
        for call in self.trace.calls:
            if call.name not in CUTS:
                continue
            # A tensor made of numbers goes on with what was cut off before.
            numbers = call.name in ("tensor", "as_tensor") and not call.tensors
            cuts = call.attached or (numbers and bool(found))
            if call.name == "no_grad" or (call.recording and cuts):
                found.append(call)
        return found

    @cached_property
    def rounds_to_single(self) -> bool:
        """Whether a part of the loss is cast to float32, whatever its inputs are."""
        return any(
            call.name == "float"
            or any(x is torch.float32 for x in (*call.args, *call.kwargs.values()))
            for call in self.trace.named("float", "to", "type")
            if call.attached
        )

    @cached_property
    def hooked(self) -> bool:
        """Whether the loss registers a hook that may change a gradient."""
        return bool(self.trace.named("register_hook"))

    @cached_property
    def handmade(self) -> bool:
        """Whether anything but torch's own derivatives is in the gradient."""
        return bool(self.functions) or self.hooked

    def recorded(
        self, dtype: torch.dtype | None = None, weights: list[Tensor] | None = None
    ) -> list[FunctionCall]:
        """Run forward and backward once, and write down what each Function did."""
        recorder = Recorder()
        with recorder.watching(self.functions):
            run = self._subject.run(dtype=dtype)
            self._subject.backward(run, weights)
        return recorder.calls
