"""A loss with all that can be measured of it: what a rule is given."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from torch import Tensor

from ownloss.checker.budget import Budget
from ownloss.checker.measures.batch import Batch
from ownloss.checker.measures.branches import Branches
from ownloss.checker.measures.departure import Comparison
from ownloss.checker.measures.determinism import Determinism
from ownloss.checker.measures.fit import Fit
from ownloss.checker.measures.gradient import Gradient
from ownloss.checker.measures.graph import Graph
from ownloss.checker.measures.influence import Influence
from ownloss.checker.measures.intent import Intent
from ownloss.checker.measures.layout import Layout
from ownloss.checker.measures.points import Points
from ownloss.checker.measures.precision import Precision
from ownloss.checker.measures.reference import Reference
from ownloss.checker.measures.selection import Selection
from ownloss.checker.smaller import smaller_inputs
from ownloss.checker.subject import Subject


class Observation(Subject):
    """A loss and its inputs, with a measure for each question that a rule may ask.

    Every number is computed when it is first asked for, and then kept.

    Attributes:
        whole: the same at the inputs given, where these are smaller ones; else None.
        mask: False where entries of the first input do not count; None if not given.
        points: other inputs to try.
        precision: the rounding error of its value.
        batch: its samples.
        graph: its calls of torch and its Functions.
        branches: what it chooses by comparisons.
        fit: predictions that fit, and predictions that do not.
        layout: whether dimension 0 holds samples, and dimension 1 parts of them.
        selection: which entries count.
        gradient: backward against differences.
        reference: the loss against a trusted one.
        influence: which entries of one input act on which of another.
        comparison: its calls of torch beside those of the reference.
        determinism: whether a call can be repeated.
        intent: signs that a wrong gradient is meant.
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        *,
        budget: Budget,
        reference: Callable[..., Any] | None = None,
        mask: Tensor | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(loss, args, kwargs, seed=seed, budget=budget)
        self.whole: Observation | None = None
        self.mask = mask
        self.points = Points(self)
        self.graph = Graph(self)
        self.branches = Branches(self, self.graph)
        self.precision = Precision(self, self.points, self.graph)
        self.batch = Batch(self, self.points, self.graph)
        self.fit = Fit(self, self.graph, self.batch, self.precision)
        self.layout = Layout(self, self.graph, self.batch)
        self.selection = Selection(self, self.graph, self.batch)
        self.gradient = Gradient(
            self, self.points, self.precision, self.graph, self.batch
        )
        self.reference = Reference(
            reference, self, self.points, self.precision, self.batch
        )
        self.influence = Influence(self, self.selection, self.reference)
        self.comparison = Comparison(self.reference, self.graph)
        self.determinism = Determinism(self, self.precision)
        self.intent = Intent(self, self.graph, self.gradient)

    @property
    def part_of_shapes(self) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
        """The shapes of smaller inputs, and of those given, by name; else empty."""
        if self.whole is None:
            return {}
        given = {x.name: tuple(x.value.shape) for x in self.whole.arguments}
        return {
            x.name: (tuple(x.value.shape), given[x.name])
            for x in self.arguments
            if given[x.name] != tuple(x.value.shape)
        }

    @property
    def stands_in(self) -> bool:
        """Whether a Function is there for its gradient alone, and no reference objects.

        One that hands its input on, or that has steps, has no other purpose.
        """
        meant = self.intent.reroutes or self.intent.surrogates
        return bool(meant) and self.reference.gradient_apart() is None

    @cached_property
    def functions_alone(self) -> "dict[str, Observation]":
        """Each hand-written Function as a loss of its own, at what it was given.

        By name, without those that are there for their gradient. In a larger loss what
        is wrong with one of them mixes with other gradients.
        """
        meant = [*self.intent.reroutes, *self.intent.surrogates]
        found = {}
        for call in self.graph.calls:
            if call in meant or call.name in found:
                continue
            apply, budget = call.function.apply, self.budget
            alone = Observation(apply, call.args, {}, budget=budget, seed=self.seed)
            if alone.inputs and alone.base.finite and alone.base_backward.finite:
                found[call.name] = alone
        return found

    def smaller(self) -> "Observation":
        """The same loss at smaller inputs, where those given are many; else itself."""
        if not self.base.finite or not self.base_backward.finite:
            return self
        for args, kwargs, mask in smaller_inputs(
            self, self.batch, self.graph, self.mask
        ):
            self.gradient.decide()  # for all the inputs, before others are paid for
            self.budget.begin_another()
            few = Observation(
                self.loss,
                args,
                kwargs,
                budget=self.budget,
                reference=self.reference.loss,
                mask=mask,
                seed=self.seed,
            )
            if few.base.finite and few.base_backward.finite:
                few.whole = self
                return few
        return self
