"""Check every loss of a file, a folder or a package, one after the other."""

import difflib
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ownloss
from ownloss.checker import Report
from ownloss.discovery.constructing import build, constructions
from ownloss.discovery.declared import (
    declared,
    inputs_in_pyproject,
    inputs_of_module,
    name_in,
)
from ownloss.discovery.finding import (
    CannotGuessError,
    Found,
    Left,
    NoLossError,
    losses_in,
    module_named,
    modules_of,
)
from ownloss.discovery.guessing import guesses
from ownloss.discovery.sandbox import first_line, quiet
from ownloss.discovery.specs import make_all
from ownloss.discovery.trying import Guess

__all__ = ["Checked", "check_all"]


@dataclass(frozen=True)
class Checked:
    """A loss and what the checker says of it.

    Attributes:
        found: The loss.
        expression: How it was made, such as ``Focal(gamma=2)``.
        report: The verdict.
        inputs: What it was called with, for a reader.
        pin: The line of ``[tool.ownloss.inputs]`` that says so for ever; empty where
            the inputs were given or declared.
    """

    found: Found
    expression: str
    report: Report
    inputs: str = ""
    pin: str = ""


def check_all(
    target: str,
    *,
    specs: Sequence[str] = (),
    seed: int = 0,
    seconds: float = 8.0,
) -> Iterator[Checked | Left]:
    """Check what a target names; where no inputs are given or declared, guess them.

    Args:
        target: A file, a folder or a package, or a single loss of a file or module:
            ``my_losses.py``, ``losses/``, ``kornia``, ``my_losses.py:Focal(gamma=2)``.
        specs: The inputs of the single loss; by default declared or guessed.
        seed: Seed of the inputs.
        seconds: After so long, the checker leaves out what it has not looked at.

    Yields:
        Each loss with its report, and what was not checked and why.

    Raises:
        ValueError: The target or a specification makes no sense.
        ImportError: The single file that is meant cannot be run.
    """
    where, expression = split(target)
    pinned = inputs_in_pyproject(Path(where) if Path(where).exists() else Path())
    if expression:
        found = named(module_named(where), where, expression)
        yield from check_one(found, expression, specs, pinned, seed, seconds)
        return
    everything = where.endswith(".py") and Path(where).is_file()
    losses = unread = 0
    for module in modules_of(where):
        if isinstance(module, Left):
            unread += 1
            yield module
            continue
        for one in losses_in(module, everything=everything or Path(where).is_dir()):
            if isinstance(one, Left):
                yield one
                continue
            losses += 1
            yield from check_one(one, "", (), pinned, seed, seconds)
    if not losses and not unread:
        yield Left(where, "has no loss in it: no Module, Function or function like one")


def split(target: str) -> tuple[str, str]:
    """Cut ``my_losses.py:Focal(gamma=2)`` in two.

    >>> split("my_losses.py:Focal(gamma=2)"), split("kornia")
    (('my_losses.py', 'Focal(gamma=2)'), ('kornia', ''))
    """
    where, colon, expression = target.partition(".py:")
    if colon:
        return f"{where}.py", expression
    if Path(target).exists():
        return target, ""
    where, _, expression = target.partition(":")
    return where, expression


def named(module: Any, where: str, expression: str) -> Found:
    """Find the one loss that is meant."""
    name = name_in(expression)
    if not callable(getattr(module, name, None)):
        known = [
            key
            for key, value in vars(module).items()
            if callable(value) and not key.startswith("_")
        ]
        if len(known) > 9:
            known = difflib.get_close_matches(name, known, n=9, cutoff=0)
        raise ValueError(
            f"{where} has no {name!r}; it has {', '.join(known) or 'nothing'}"
        )
    loss = getattr(module, name)
    try:
        line = inspect.getsourcelines(inspect.unwrap(loss))[1]
    except (TypeError, OSError):
        line = 1
    try:
        path = Path(inspect.getsourcefile(inspect.unwrap(loss)) or where)
    except TypeError:
        path = Path(where)
    return Found(name, loss, module, path, line)


def check_one(
    found: Found,
    expression: str,
    specs: Sequence[str],
    pinned: dict[str, list[str]],
    seed: int,
    seconds: float,
) -> Iterator[Checked | Left]:
    """Check a loss with the inputs given, declared or guessed, in this order."""

    def left(reason: str) -> Left:
        return Left(expression or found.name, reason, found.path, found.line)

    def verdict(
        how: str, positional: tuple[Any, ...], named_inputs: dict[str, Any]
    ) -> Report:
        # The checker keeps time itself; this ends what would never come back.
        with quiet(seconds=4 * seconds + 20):
            return ownloss.check(
                build(found, how),
                *positional,
                seed=seed,
                seconds=seconds,
                **named_inputs,
            )

    chosen: list[tuple[str, Any, str]] = []
    if specs:
        chosen = [(expression, make_all(specs, seed), "")]
    else:
        try:
            beside = list(inputs_of_module(found))
        except Exception as error:
            yield left(f"example_inputs() beside it raises {first_line(error)}")
            return
        chosen = [(key, (given, {}), "example_inputs()") for key, given in beside]
        if not chosen:
            chosen = [
                (key, make_all(given, seed), f"pyproject.toml: {', '.join(given)}")
                for key, given in declared(found, pinned)
            ]
    if chosen:
        for key, (positional, named_inputs), inputs in chosen:
            how = expression or key or found.name
            try:
                if "(" not in how:
                    how = next(constructions(found))
                report = verdict(how, positional, named_inputs)
            except (Exception, SystemExit) as error:
                if specs and isinstance(error, (TypeError, ValueError)):
                    raise
                if specs:
                    raise ValueError(f"{how}: {first_line(error)}") from error
                yield left(str(error) or first_line(error))
                continue
            yield Checked(found, how, report, inputs)
        return
    try:
        found_guesses = guesses(found, expression if "(" in expression else "")
    except NoLossError as error:
        yield replace(left(str(error)), doubtful=False)
        return
    except CannotGuessError as error:
        yield left(str(error))
        return
    yield checked_by_guess(found, found_guesses, verdict, seed)


def checked_by_guess(
    found: Found, found_guesses: list[Guess], verdict: Any, seed: int
) -> Checked | Left:
    """Check with the best guess that the checker can use."""
    last: BaseException | None = None
    for guess in found_guesses[:3]:
        try:
            report = verdict(guess.expression, *make_all(guess.specs, seed))
        except (Exception, SystemExit) as error:
            last = error
            continue
        pin = f"{quoted(guess.expression)} = [{', '.join(map(quoted, guess.specs))}]"
        return Checked(found, guess.expression, report, guess.said(found), pin)
    return Left(found.name, first_line(last), found.path, found.line)


def quoted(text: str) -> str:
    """A text as TOML writes it."""
    return f'"{text}"' if '"' not in text and "\\" not in text else f"'{text}'"
