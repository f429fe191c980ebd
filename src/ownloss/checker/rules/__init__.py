"""One kind of mistake a folder: its rule, and a tiny loss with and without it.

`rule.py` has a `KIND`, which describes the mistake, a function `find(seen)`, which
yields findings, and `CALLS`, about how many calls of the loss that takes, without those
for the gradient's checks, which all rules share; a rule that uses these says
`GRADIENT = True`. `wrong.py` and `right.py` each define `loss` and `inputs`, a tuple.
A long rule has a module beside it for each of its questions, and `KIND` in `kind.py`.

No rule knows another, and nothing else knows them: a new kind is a new folder, and a
place in `ownloss.checker.precedence.ORDER`.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ownloss.checker.budget import OutOfBudgetError
from ownloss.checker.errors import first_line
from ownloss.checker.findings import Finding, Kind
from ownloss.checker.observation import Observation

# So many calls it takes to compare one entry of a gradient, with the run itself.
ENTRY = 6


@dataclass(frozen=True)
class Rule:
    """A kind of mistake and the function that finds it.

    Attributes:
        kind: the kind.
        find: yields findings.
        calls: about how many calls of the loss that takes.
        gradient: whether it takes the calls for the gradient's checks as well.
    """

    kind: Kind
    find: Callable[[Observation], Iterator[Finding]]
    calls: int
    gradient: bool


@dataclass
class Answers:
    """What the rules have to say.

    Attributes:
        findings: what they found, in no order.
        skipped: the kinds that were not looked for, or not to the end.
        crashes: what the rules raised that could not look, by kind.
        cut: whether some entries of the gradient were not compared.
        missing: about how many more calls of the loss a full check would make.
    """

    findings: list[Finding] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    crashes: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    missing: int = 0


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, found by looking at the folders beside this file."""
    folders = sorted(
        path.parent.name for path in Path(__file__).parent.glob("*/rule.py")
    )
    modules = [importlib.import_module(f"{__name__}.{name}.rule") for name in folders]
    return tuple(
        Rule(module.KIND, module.find, module.CALLS, getattr(module, "GRADIENT", False))
        for module in modules
    )


def kinds() -> dict[str, Kind]:
    """Every kind of mistake, by slug.

    >>> kinds()["scale"].title
    'Off by a constant'
    """
    return {rule.kind.slug: rule.kind for rule in rules()}


def ask_all(seen: Observation) -> Answers:
    """Ask every rule, those first that tell most for what they cost.

    Where the gradient is not known to be right, what is wrong with it comes first.
    """
    answers = Answers()
    of_gradient = seen.gradient.calls
    if not seen.gradient.decision.right and seen.budget.calls_left > ENTRY:
        with suppress(OutOfBudgetError):
            seen.intent.deliberate  # noqa: B018 - what most of its rules ask first
        of_gradient = 0 if seen.gradient.checks else of_gradient
    asked = sorted(rules(), key=lambda r: r.calls + r.gradient * of_gradient)
    for rule in asked:
        try:
            for finding in rule.find(seen):
                answers.findings.append(finding)
        except OutOfBudgetError:
            answers.skipped.append(rule.kind.slug)
            answers.missing += rule.calls
        except Exception as error:  # one rule that fails must not hide the others
            said = f"{type(error).__name__}: {first_line(error)}"
            answers.crashes[rule.kind.slug] = said
    if not seen.gradient.complete:
        answers.cut = True
        answers.missing += seen.gradient.calls
    return answers
