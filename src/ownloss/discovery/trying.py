"""Call a loss, and look whether it runs and moves."""

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from ownloss.discovery import sandbox
from ownloss.discovery.constructing import build
from ownloss.discovery.finding import Found
from ownloss.discovery.specs import make_all

__all__ = ["Guess", "attempt", "tiny"]


@dataclass(frozen=True)
class Guess:
    """How a loss can be called.

    Attributes:
        expression: The loss as Python writes it, such as ``Focal(gamma=2.0)``.
        specs: One specification for each argument.
        title: What the arguments are.
    """

    expression: str
    specs: tuple[str, ...]
    title: str

    def said(self, found: Found) -> str:
        """Name the arguments with their specifications, on one line."""
        names = [parameter.name for parameter in found.parameters]
        parts = [
            spec if re.match(r"\w+=", spec) else f"{name} {spec.removeprefix('=')}"
            for name, spec in itertools.zip_longest(names, self.specs, fillvalue="")
            if spec
        ]
        return f"{self.title}: {', '.join(parts)}"


@dataclass(frozen=True)
class Trial:
    """How a call went.

    Attributes:
        rank: 3 where it runs and moves, 2 where only the value does, 1 where it runs,
            0 where it raises.
        error: What was raised, if anything.
    """

    rank: int
    error: BaseException | None = None


def attempt(found: Found, guess: Guess) -> Trial:
    """Call a loss twice with different numbers, and look at value and gradient."""
    values: list[float] = []
    moved = []
    try:
        with sandbox.quiet(), torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(0)
            loss = build(found, guess.expression)
            for seed in (0, 1):
                positional, named = make_all(guess.specs, seed)
                result = loss(*positional, **named)
                total = total_of(result)
                if total is None:
                    return Trial(0, TypeError("it returns no floating tensor"))
                values.append(total.item().real if total.is_complex() else total.item())
                if not total.requires_grad:
                    moved.append(False)
                    continue
                leaves = [t for t in tensors((positional, named)) if t.requires_grad]
                wanted = leaves[:1] and leaves
                gradients = torch.autograd.grad(total.real, wanted, allow_unused=True)
                known = [g for g in gradients if g is not None]
                finite = all(bool(torch.isfinite(g).all()) for g in known)
                moved.append(finite and any(bool((g != 0).any()) for g in known))
    except (Exception, SystemExit) as error:
        return Trial(0, error)
    finite = all(abs(value) < float("inf") for value in values)
    if not finite or values[0] == values[1]:
        return Trial(1)
    return Trial(3 if all(moved) else 2)


def total_of(result: Any) -> torch.Tensor | None:
    """The sum of all floating numbers of a result; None where there is none."""
    floats = [
        t
        for t in tensors(result)
        if (t.is_floating_point() or t.is_complex()) and t.numel()
    ]
    with_graph = [t for t in floats if t.requires_grad]
    chosen = with_graph or floats
    return sum(t.sum() for t in chosen) if chosen else None  # type: ignore[return-value]


def tensors(tree: Any) -> Iterator[torch.Tensor]:
    """All tensors of nested containers."""
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, dict):
        for branch in tree.values():
            yield from tensors(branch)
    elif isinstance(tree, (tuple, list)):
        for branch in tree:
            yield from tensors(branch)


def tiny(guess: Guess) -> bool:
    """Whether an example of a docstring has a number or two: nothing to check with."""
    sizes = re.match(r"[\d,]*", guess.specs[0])
    numbers = [int(size) for size in sizes[0].split(",") if size] if sizes else []
    return math.prod(numbers) < 4
