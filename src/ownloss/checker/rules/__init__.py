"""One kind of mistake a folder: its rule, and a tiny loss with and without it.

`rule.py` has a `KIND`, which describes the mistake, and a function `find(seen)`, which
yields findings. `wrong.py` and `right.py` each define `loss` and `inputs`, a tuple.
No rule knows another, and nothing else knows them: a new kind is a new folder, and a
place in `ownloss.checker.precedence.ORDER`.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ownloss.checker.findings import Finding, Kind
from ownloss.checker.observation import Observation


@dataclass(frozen=True)
class Rule:
    """A kind of mistake and the function that finds it."""

    kind: Kind
    find: Callable[[Observation], Iterator[Finding]]


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, found by looking at the folders beside this file."""
    folders = sorted(
        path.parent.name for path in Path(__file__).parent.glob("*/rule.py")
    )
    modules = [importlib.import_module(f"{__name__}.{name}.rule") for name in folders]
    return tuple(Rule(module.KIND, module.find) for module in modules)


def kinds() -> dict[str, Kind]:
    """Every kind of mistake, by slug.

    >>> kinds()["scale"].title
    'Off by a constant'
    """
    return {rule.kind.slug: rule.kind for rule in rules()}


def findings_of(seen: Observation) -> tuple[list[Finding], dict[str, Exception]]:
    """Ask every rule.

    Returns:
        What they found, and what the rules raised that could not look, by kind.
    """
    found: list[Finding] = []
    crashes: dict[str, Exception] = {}
    for rule in rules():
        if seen.budget.time_left < 0:
            seen.budget.skip(rule.kind.slug)
            continue
        try:
            found.extend(rule.find(seen))
        except Exception as error:  # one rule that fails must not hide the others
            crashes[rule.kind.slug] = error
    return found, crashes
