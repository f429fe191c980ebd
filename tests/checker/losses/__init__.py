"""The corpus: losses with a known mistake, and losses that are right.

A case is a function that builds a fresh loss and the inputs that a user would give:

    @mistake("scale", reference=F.mse_loss)
    def forgets_the_mean():
        \"\"\"backward lacks the 1 / numel of the mean that forward takes.\"\"\"
        ...
        return MSE.apply, (prediction, target)

The file name is the kind of the mistakes in it; a right twin stands beside its wrong
loss under `@right`. Cases come from how people write losses, never from what the
checker can see: do not look at a rule while you write one.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ownloss.checker import kinds

KINDS = tuple(kinds())

Loss = Callable[..., Any]
Inputs = tuple[Any, ...]


@dataclass(frozen=True)
class Case:
    """One loss of the corpus.

    Attributes:
        name: unique over the whole corpus.
        kind: the slug of its mistake; None for a right loss.
        build: returns a fresh loss and its inputs, the same ones every time.
        reference: a trusted loss over the same inputs, where a user could have one.
        intentional: right, though its gradient is not the derivative of its value.
        at: inputs that bring the mistake to light where the user's do not.
        shows: proves the mistake where the evidence of its kind does not apply; it
            takes the case and raises AssertionError if the mistake is not there.
        proof: how a right loss is proved: "gradcheck" in float64, or "reference" or
            "shows" alone where it cannot run in float64 or has no plain derivative.
    """

    name: str
    kind: str | None
    build: Callable[[], tuple[Loss, Inputs]]
    reference: Loss | None = None
    intentional: bool = False
    at: Callable[[], Inputs] | None = None
    shows: Callable[["Case"], None] | None = None
    proof: str = "gradcheck"

    @property
    def description(self) -> str:
        """What is wrong with it, or why it is right, in one line."""
        return self.build.__doc__ or ""

    def fresh(self) -> tuple[Loss, Inputs]:
        """A new loss and new inputs; random parameters are the same every time."""
        torch.manual_seed(0)
        return self.build()


_cases: dict[str, Case] = {}


def _register(case: Case) -> None:
    if case.name in _cases:
        raise ValueError(f"two cases are named {case.name!r}")
    if not case.description:
        raise ValueError(f"{case.name} does not say in a docstring what it is")
    _cases[case.name] = case


def mistake(kind: str, **options: Any) -> Callable[[Callable], Callable]:
    """Registers a loss that is wrong in the way that `kind` names."""
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of mistake")

    def register(build: Callable) -> Callable:
        _register(Case(build.__name__, kind, build, **options))
        return build

    return register


def right(**options: Any) -> Callable[[Callable], Callable]:
    """Registers a loss that is right."""

    def register(build: Callable) -> Callable:
        _register(Case(build.__name__, None, build, **options))
        return build

    return register


def cases() -> list[Case]:
    """Every case, in the order of the kinds; right losses last."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    order = {kind: place for place, kind in enumerate(KINDS)}
    return sorted(_cases.values(), key=lambda c: order.get(c.kind, len(KINDS)))
