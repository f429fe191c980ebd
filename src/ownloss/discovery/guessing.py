"""Guess what a loss wants, and try until it runs and moves."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ownloss.discovery.calling import arguments, needed, roles_of
from ownloss.discovery.constructing import constructions
from ownloss.discovery.docstrings import calls_in_examples
from ownloss.discovery.finding import CannotGuessError, Found, NoLossError
from ownloss.discovery.ranking import (
    MORE_SAMPLES,
    asked_for,
    grants,
    likeness,
    recipes_of_docs,
    wishes,
)
from ownloss.discovery.recipes import RECIPES, Recipe
from ownloss.discovery.sandbox import first_line
from ownloss.discovery.specs import spec_of
from ownloss.discovery.trying import Guess, attempt, tiny

__all__ = ["guesses"]

TRIALS = 60
"""So many calls are tried for a loss."""


def guesses(found: Found, made: str = "") -> list[Guess]:
    """Try calls of a loss until one runs and moves.

    Args:
        found: The loss.
        made: How it is made, such as ``Focal(gamma=2)``; guessed by default.

    Returns:
        The calls that run, the one to be checked first; one of them moves if any does.

    Raises:
        CannotGuessError: Nothing that was tried runs, and why.
    """
    ranked: list[tuple[int, Guess]] = []
    last: BaseException | None = None
    tried: set[tuple[str, tuple[str, ...]]] = set()

    def goes(guess: Guess) -> bool:
        nonlocal last
        if (guess.expression, guess.specs) in tried:
            return False
        tried.add((guess.expression, guess.specs))
        trial = attempt(found, guess)
        last = trial.error
        if trial.rank and tiny(guess):
            ranked.append((1, guess))
        elif trial.rank:
            ranked.append((trial.rank, guess))
        return trial.rank == 3 and not tiny(guess)

    for guess in guesses_of_examples(found):
        guess = replace(guess, expression=made or guess.expression)
        if goes(guess):
            return [guess]

    expressions = [made] if made else list(constructions(found))
    wanted = needed(found)
    if not wanted:
        raise CannotGuessError("its call takes no argument")
    compares = "target" in roles_of(wanted)
    pool = [*recipes_of_docs(found, wanted), *RECIPES]
    scores = [likeness(recipe, i, found, wanted) for i, recipe in enumerate(pool)]
    refused: BaseException | None = None
    bases: BaseException | None = None
    slow = 0
    asked_before: set[str] = set()
    while pool and len(tried) < TRIALS:
        best = max(range(len(pool)), key=scores.__getitem__)
        recipe = pool.pop(best)
        scores.pop(best)
        title = recipe.title if compares else recipe.title_of_prediction
        wish: dict[str, Any] = {}
        shape: str | None = None
        for expression in expressions:
            for specs in arguments(found, wanted, recipe):
                if goes(Guess(expression, specs, title)):
                    return best_first(ranked)
                if isinstance(last, NotImplementedError):
                    bases = last
                refused = last or refused
                more, named = wishes(last)
                wish |= more
                shape = shape or named
        if isinstance(last, OSError) and "download" in str(last):
            raise CannotGuessError("it wants to download something")
        if isinstance(last, TimeoutError):
            slow += 1
            if slow > 1:
                raise CannotGuessError(str(last))
        if bases and not ranked:
            raise NoLossError("is a base class: its forward is not implemented")
        if MORE_SAMPLES.search(str(last)) and recipe.shape[0] != "256":
            first, rest = r"^\d+", "256"
            prediction = re.sub(first, rest, recipe.prediction)
            target = re.sub(first, rest, recipe.target)
            pool.append(Recipe(recipe.title, prediction, target))
            scores.append(8.0)
        if shape and shape not in asked_before:
            asked_before.add(shape)
            for asked in asked_for(shape, recipe):
                pool.append(asked)
                scores.append(8.0)
        if wish:
            scores = [s + grants(r, wish) for s, r in zip(scores, pool, strict=True)]
    if not found.sure and not any(rank == 3 for rank, _ in ranked):
        raise NoLossError("does not look like a loss")
    if not ranked:
        raise CannotGuessError(
            f"nothing that was tried fits it; the last error: {first_line(refused)}"
        )
    return best_first(ranked)


def guesses_of_examples(found: Found) -> Iterator[Guess]:
    """Read guesses out of the examples of the docstrings."""
    for made, positional, named in calls_in_examples(found.doc, found.loss, found.name):
        specs = [spec_of(value) for value in positional]
        specs += [
            spec and (f"{name}{spec}" if spec.startswith("=") else f"{name}={spec}")
            for name, spec in ((name, spec_of(value)) for name, value in named.items())
        ]
        if not specs or None in specs or (found.constructed and not made):
            continue
        expression = made or found.name
        written = tuple(map(str, specs))
        if all(re.match(r"1,|=", spec) for spec in written):
            # A batch of one hides what goes wrong between samples.
            several = tuple(re.sub(r"^1,", "3,", spec) for spec in written)
            yield Guess(expression, several, "as in its docstring, of 3 samples")
        small = tuple(map(smaller, written))
        if small != written:
            yield Guess(expression, small, "as in its docstring, but smaller")
        yield Guess(expression, written, "as in its docstring")


def smaller(spec: str) -> str:
    """Shrink a matrix of an example: thousands of numbers take time and show no more.

    Sizes that were equal stay equal, and labels fit what they choose from.

    >>> smaller("32,1000"), smaller("32:labels:994"), smaller("32,10"), smaller("=100")
    ('32,16', '32:labels:16', '32,10', '=100')
    """
    matrix = re.fullmatch(r"(\w+=)?(\d+(?:,\d+)?)((?::[\w-]+)*)", spec)
    if not matrix:
        return spec
    name, sizes, kind = matrix.groups(default="")
    fewer = ",".join(str(16 if int(n) > 64 else n) for n in sizes.split(","))
    return name + fewer + re.sub(r"(?<=labels:)\d{3,}", "16", kind)


def best_first(ranked: list[tuple[int, Guess]]) -> list[Guess]:
    """Order calls by how well they went, then by when they were tried."""
    return [guess for _, guess in sorted(ranked, key=lambda pair: -pair[0])]
