"""Turns observations into findings: what a rule is, and which finding comes first.

A rule is a file in `ownloss.check.rules`. It describes one kind of mistake (`KIND`)
and says where it sees one (`explain`). No rule knows another: a finding names the
symptoms that it rests on and the symptoms that it explains, and a finding whose
symptoms are all explained by a stronger one is left out.
"""

import enum
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ownloss.check.observing import Observation

PAGE = "https://ownloss.readthedocs.io/en/latest/reference/kinds.html"
"""The page that explains every kind; `Kind.link` adds the anchor."""


class Symptom(enum.Enum):
    """What can be seen of a mistake, whatever its cause."""

    FAILS = "the loss or its gradient raises at the inputs given"
    GRADIENT = "backward and differences disagree"
    NO_GRADIENT = "no gradient arrives"
    UPSTREAM = "backward is not linear in grad_output"
    SECOND = "the second derivative is wrong"
    VALUE = "the value is not the reference's"
    PERFECT = "a perfect prediction is not the minimum"
    GROWTH = "the value grows with the batch as neither a mean nor a sum does"
    FEWER = "fewer samples raise or do not fit"
    ORDER = "the value depends on the order of the samples"
    AGAIN = "two calls differ"
    TWICE = "two backward calls differ"
    LAYOUT = "the memory layout matters"
    NOT_FINITE = "not finite at the inputs given"
    SPECIAL = "not finite at special inputs"
    EMPTY = "not finite where nothing is selected"
    LARGE = "not finite at large inputs or in a small dtype"
    MASKED = "masked entries count"
    KEPT = "tensors are kept alive"
    CHANGED = "an argument is changed"


@dataclass(frozen=True)
class Finding:
    """One thing that the checker has to say.

    Attributes:
        kind: the slug of its kind, such as `'scale'`.
        severity: `'error'` (reproduced: it is wrong), `'warning'` (it may be meant)
            or `'note'`.
        message: what is wrong, with its number.
        cure: what to do about it.
        where: the input, Function or line that it is about; may be empty.
        evidence: the numbers behind it, as plain data.
        link: the page that explains the kind.
        rests_on: the symptoms that it was seen by.
        explains: the symptoms that follow from it.
        weight: how specific it is; the highest comes first.
    """

    kind: str
    severity: str
    message: str
    cure: str
    where: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    link: str = PAGE
    rests_on: frozenset[Symptom] = frozenset()
    explains: frozenset[Symptom] = frozenset()
    weight: float = 50.0

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain data, JSON-ready."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "message": self.message,
            "cure": self.cure,
            "where": self.where,
            "evidence": dict(self.evidence),
            "link": self.link,
        }

    def __str__(self) -> str:
        return f"{self.severity}: {self.kind}\n  {self.message}\n  Cure: {self.cure}"


@dataclass(frozen=True)
class Kind:
    """One kind of mistake, as the reference page tells it.

    Attributes:
        slug: its name in `Finding.kind`.
        title: its name for a reader.
        meaning: what is wrong, in one or two sentences.
        shows: how it shows itself numerically.
        cure: what to do about it.
        wrong: the source of a tiny loss with the mistake; it defines `loss` and
            `inputs`, a tuple.
        right: the source of the same loss, cured.
    """

    slug: str
    title: str
    meaning: str
    shows: str
    cure: str
    wrong: str
    right: str

    @property
    def link(self) -> str:
        """The anchor of this kind on the page of all kinds."""
        return f"{PAGE}#{self.slug}"

    def error(self, message: str, **details: Any) -> Finding:
        """A finding: this is wrong, it was reproduced."""
        return self._finding("error", message, **details)

    def warning(self, message: str, **details: Any) -> Finding:
        """A finding: this may be wrong, or meant."""
        return self._finding("warning", message, **details)

    def note(self, message: str, **details: Any) -> Finding:
        """A finding: good to know."""
        return self._finding("note", message, **details)

    def _finding(
        self,
        severity: str,
        message: str,
        *,
        cure: str | None = None,
        rests_on: tuple[Symptom, ...] = (),
        explains: tuple[Symptom, ...] = (),
        **details: Any,
    ) -> Finding:
        return Finding(
            self.slug,
            severity,
            message,
            cure or self.cure,
            link=self.link,
            rests_on=frozenset(rests_on),
            explains=frozenset(explains) | frozenset(rests_on),
            **details,
        )


@dataclass(frozen=True)
class Rule:
    """A kind of mistake and the function that finds it."""

    kind: Kind
    explain: Callable[[Observation], Iterator[Finding]]


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, found by looking into `ownloss.check.rules`."""
    package = importlib.import_module("ownloss.check.rules")
    modules = [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
    ]
    return tuple(Rule(m.KIND, m.explain) for m in modules if hasattr(m, "KIND"))


def kinds() -> dict[str, Kind]:
    """Every kind of mistake, by slug.

    >>> kinds()["scale"].title
    'Off by a constant'
    """
    return {rule.kind.slug: rule.kind for rule in rules()}


_SEVERITIES = {"error": 2, "warning": 1, "note": 0}


def most_telling(findings: list[Finding]) -> list[Finding]:
    """Sort findings, and leave out what a stronger one explains."""
    order = sorted(
        findings, key=lambda f: (_SEVERITIES[f.severity], f.weight), reverse=True
    )
    kept: list[Finding] = []
    explained: set[Symptom] = set()
    for finding in order:
        same = any(f.kind == finding.kind for f in kept)
        if finding.rests_on and finding.rests_on <= explained and not same:
            continue
        kept.append(finding)
        explained |= finding.explains
    return kept


def explain(seen: Observation) -> list[Finding]:
    """Ask every rule; the most telling finding comes first."""
    found: list[Finding] = []
    for rule in rules():
        if seen.time_left() < 0:
            seen.skipped.append(rule.kind.slug)
            continue
        try:
            found.extend(rule.explain(seen))
        except Exception as error:  # one rule that fails must not hide the others
            seen.failures[rule.kind.slug] = error
    return most_telling(found)
