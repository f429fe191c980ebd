"""A loss with all that can be measured of it: what a rule is given."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from ownloss.checker.budget import Budget
from ownloss.checker.measures.batch import Batch
from ownloss.checker.measures.determinism import Determinism
from ownloss.checker.measures.gradient import Gradient
from ownloss.checker.measures.graph import Graph
from ownloss.checker.measures.intent import Intent
from ownloss.checker.measures.points import Points
from ownloss.checker.measures.precision import Precision
from ownloss.checker.measures.reference import Reference
from ownloss.checker.measures.selection import Selection
from ownloss.checker.subject import Subject

# Above so many elements, the first samples stand for all where they can.
MANY_ELEMENTS = 10_000


class Observation(Subject):
    """A loss and its inputs, with a measure for each question that a rule may ask.

    Every number is computed when it is first asked for, and then kept.

    Attributes:
        whole: the same with all samples, where this is a few of very many; else None.
        mask: False where entries of the first input do not count; None if not given.
        points: other inputs to try.
        precision: the rounding error of its value.
        batch: its samples.
        graph: its calls of torch and its Functions.
        selection: which entries count.
        gradient: backward against differences.
        reference: the loss against a trusted one.
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
        self.precision = Precision(self, self.points)
        self.batch = Batch(self, self.points)
        self.graph = Graph(self)
        self.selection = Selection(self.graph, self.batch)
        self.gradient = Gradient(
            self, self.points, self.precision, self.graph, self.batch
        )
        self.reference = Reference(
            reference, self, self.points, self.precision, self.batch
        )
        self.determinism = Determinism(self, self.precision)
        self.intent = Intent(self, self.graph, self.gradient)

    def of_few_samples(self) -> "Observation":
        """The same loss on the first samples, where there are very many; else itself.

        Most of what is looked for shows in a few samples, and costs what they cost.
        """
        batch = self.batch
        elements = sum(argument.value.numel() for argument in batch.arguments)
        if elements <= MANY_ELEMENTS or batch.size < 16 or not self.base.finite:
            return self
        count = max(8, batch.size * MANY_ELEMENTS // elements)
        args, kwargs = self.inputs_again(
            [
                x.value[:count] if x in batch.arguments else x.value
                for x in self.arguments
            ]
        )
        few = Observation(
            self.loss,
            args,
            kwargs,
            budget=self.budget,
            reference=self.reference.loss,
            mask=self.mask[:count] if self.mask is not None else None,
            seed=self.seed,
        )
        if few.base.error is not None or not few.base.finite:
            return self
        few.whole = self
        return few
