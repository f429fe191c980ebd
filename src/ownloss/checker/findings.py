"""What the checker says: kinds of mistakes, findings, and the symptoms they rest on."""

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ownloss.address import page, site

UNEXPLAINED = "raises"
"""What a finding is called that no rule explains; there is no such kind."""


def link_to(kind: str) -> str:
    """The web address that explains a kind; empty where no site is configured."""
    return (
        page(f"reference/kinds/{kind}.html") if site() and kind != UNEXPLAINED else ""
    )


class Symptom(enum.Enum):
    """What can be seen of a mistake, whatever its cause."""

    FAILS = "the loss or its gradient raises at the inputs given"
    GRADIENT = "backward and differences disagree"
    NO_GRADIENT = "no gradient arrives"
    UPSTREAM = "backward is not linear in grad_output"
    SOME_ALONE = "the gradient depends on which inputs require one"
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
    PLACE = "a label acts on the prediction of another place"
    AXIS = "a softmax runs over the samples"
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
        rests_on: the symptoms that it was seen by.
        explains: the symptoms that follow from it.
        aspect: which of the findings of its kind it is, where `ORDER` in
            `ownloss.checker.precedence` tells them apart; may be empty.
    """

    kind: str
    severity: str
    message: str
    cure: str
    where: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    rests_on: frozenset[Symptom] = frozenset()
    explains: frozenset[Symptom] = frozenset()
    aspect: str = ""

    @property
    def link(self) -> str:
        """The web address that explains its kind, where one is configured."""
        return link_to(self.kind)

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
    """

    slug: str
    title: str
    meaning: str
    shows: str
    cure: str

    @property
    def folder(self) -> Path:
        """Where its rule and its two examples lie."""
        return Path(__file__).parent / "rules" / self.slug.replace("-", "_")

    @property
    def wrong(self) -> str:
        """The source of a tiny loss with the mistake; it has `loss` and `inputs`."""
        return (self.folder / "wrong.py").read_text(encoding="utf-8")

    @property
    def right(self) -> str:
        """The source of the same loss, cured."""
        return (self.folder / "right.py").read_text(encoding="utf-8")

    @property
    def link(self) -> str:
        """The web address that explains it; empty where no site is configured."""
        return link_to(self.slug)

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
            rests_on=frozenset(rests_on),
            explains=frozenset(explains) | frozenset(rests_on),
            **details,
        )
