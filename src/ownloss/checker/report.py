"""The verdict, and the forms in which it is read."""

import html
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ownloss.checker.features import Supports
from ownloss.checker.findings import UNEXPLAINED, Finding
from ownloss.checker.observation import Observation
from ownloss.checker.rules import Answers, rules

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console, ConsoleOptions, RenderResult

_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
_OUTCOMES = {"right": "bold green", "wrong": "bold red", "incomplete": "bold yellow"}


class LossError(AssertionError):
    """Raised by `Report.raise_for_errors`; its text is the whole verdict."""


@dataclass(frozen=True)
class GradientEntries:
    """What backward and differences say of some entries of one input's gradient.

    Attributes:
        name: the input.
        analytic: what backward says.
        numeric: what differences say.
        wrong: which of them differ by more than the numeric error.
    """

    name: str
    analytic: list[float]
    numeric: list[float]
    wrong: list[bool]


@dataclass
class Report:
    """What `ownloss.check` found out about a loss.

    It holds data only: it can be pickled, and keeps no graph alive.

    Attributes:
        name: the name of the loss.
        findings: what there is to say, the most telling first.
        ran: whether the loss and its backward ran at the inputs given.
        gradient: `'right'` or `'wrong'` at the inputs given, along random directions;
            `'unknown'` where there is a kink, or the loss gives none.
        skipped: the kinds of mistakes that were not looked for, to the end.
        cut: whether some entries of the gradient were not compared.
        crashes: why some kinds could not be looked for, by kind.
        shapes: of inputs of which most of the check looked at a part, as for very many
            samples or pixels: the shape of that part, and the one given.
        calls: how many calls of the loss were made.
        missing: about how many more calls a full check would make.
        seconds: how long the check took.
        cost: the seconds that one call and its backward took.
        gradients: the entries of gradients that were compared.
        supports: what works with this loss. A mapping from a feature (`'backward'`,
            `'double backward'`, `'torch.func.grad'`, `'vmap'`, `'jvp'`,
            `'torch.compile'`, `'autocast'`, `'checkpoint'`) to a `Support`: yes, no
            with the error, or silently wrong. Each feature is tried when it is looked
            up; `torch.compile` takes seconds.
    """

    name: str
    findings: list[Finding]
    ran: bool
    gradient: str
    skipped: list[str]
    cut: bool
    crashes: dict[str, str]
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    calls: int
    missing: int
    seconds: float
    cost: float
    gradients: list[GradientEntries]
    supports: Supports

    @classmethod
    def of(
        cls,
        name: str,
        seen: Observation,
        answers: Answers,
        findings: list[Finding],
        failures: list[Finding],
    ) -> "Report":
        """Take the data out of an observation."""
        whole = seen.whole or seen
        right = whole.gradient.decision.right
        return cls(
            name=name,
            findings=findings + failures,
            ran=not failures,
            gradient={True: "right", False: "wrong", None: "unknown"}[right],
            skipped=answers.skipped,
            cut=answers.cut,
            crashes=answers.crashes,
            shapes=seen.part_of_shapes,
            calls=seen.budget.calls,
            missing=answers.missing,
            seconds=seen.budget.elapsed,
            cost=seen.budget.cost,
            gradients=[
                GradientEntries(
                    check.argument.name,
                    check.analytic.tolist(),
                    check.numeric.tolist(),
                    check.wrong.tolist(),
                )
                for check in seen.gradient.checks
                if check.analytic is not None
            ],
            supports=Supports.of(seen),
        )

    @property
    def outcome(self) -> str:
        """`'right'`, `'wrong'` or `'incomplete'`.

        It is incomplete where no error was found, and something was not looked at: the
        time was over, a rule could not look, or the loss could not be run.
        """
        if not self.ran:
            return "incomplete"
        if any(f.severity == "error" for f in self.findings):
            return "wrong"
        left_out = self.skipped or self.crashes or self.cut
        return "incomplete" if left_out else "right"

    @property
    def ok(self) -> bool:
        """Whether the loss is right; no error was found, and all was looked at."""
        return self.outcome == "right"

    @property
    def verdict(self) -> str:
        """The report in one line."""
        if not self.ran:
            return f"{self.name}: incomplete, it could not be run"
        said = self.outcome
        left_out = len(self.skipped) + len(self.crashes)
        if said == "incomplete" and left_out:
            said += f", {left_out} of {len(rules())} kinds of mistakes not looked for"
        elif said == "incomplete":
            said += ", not all of the gradient compared"
        counts = {s: sum(f.severity == s for f in self.findings) for s in _STYLES}
        counted = ", ".join(f"{n} {s}{'s' * (n > 1)}" for s, n in counts.items() if n)
        return f"{self.name}: {said}" + (f" ({counted})" if counted else "")

    def raise_for_errors(self, *, allow_incomplete: bool = False) -> None:
        """Raise where the loss is not right.

        Args:
            allow_incomplete: whether a check that could not look at everything, and
                found no error, passes.

        Raises:
            LossError: the loss is wrong, or the check incomplete; its text is the
                whole verdict.
        """
        wrong = any(f.severity == "error" for f in self.findings)
        if wrong or not (self.ok or allow_incomplete):
            raise LossError(str(self))

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, JSON-ready."""
        found: dict[str, Any] = plain(
            {
                "loss": self.name,
                "outcome": self.outcome,
                "ok": self.ok,
                "ran": self.ran,
                "gradient": self.gradient,
                "findings": [f.to_dict() for f in self.findings],
                "skipped": self.skipped,
                "cut": self.cut,
                "crashes": self.crashes,
                "shapes": self.shapes,
                "calls": self.calls,
            }
        )
        return found

    def _lines(self) -> Iterator[tuple[str, str]]:
        """The parts of the text, each with what it is."""
        for part, text in self._parts():
            yield part, printable(text)

    def _parts(self) -> Iterator[tuple[str, str]]:
        yield "verdict", self.verdict
        for finding in self.findings:
            yield finding.severity, f"{finding.severity}: {finding.kind}"
            yield "text", finding.message
            yield "cure", finding.cure
            if finding.kind != UNEXPLAINED:
                # The web address is there only where the site is published.
                more = f"ownloss explain {finding.kind}"
                yield "more", f"{more}  {finding.link}".rstrip()
        if self.skipped or self.cut:
            yield "rest", self._decided()
            if self.skipped:
                yield "rest", f"Out of time to look for {', '.join(self.skipped)}."
            yield "rest", self._needs()
        for slug, said in self.crashes.items():
            yield "rest", f"Could not look for {slug}: {said}"
        for name, (part, given) in [*self.shapes.items()][:1]:
            yield (
                "rest",
                "The gradient was compared with all of the inputs; the rest was looked "
                f"at with a part of them, such as {part} of `{name}`, {given}.",
            )

    def _decided(self) -> str:
        """What is known of the gradient as a whole."""
        if self.gradient == "unknown":
            return "Whether the gradient at the inputs given is right is not known."
        no = "" if self.gradient == "right" else "not "
        return (
            f"Along a random direction, the gradient at the inputs given is {no}the "
            "derivative of the loss."
        )

    def _needs(self) -> str:
        """What a full check would take."""
        seconds = math.ceil(1.2 * (self.seconds + self.missing * self.cost))
        return (
            f"A full check makes about {self.calls + self.missing} calls, of "
            f"{self.cost:.2g} seconds each: pass seconds={seconds}."
        )

    def __str__(self) -> str:
        indent = {"text": "  ", "rest": "  ", "cure": "  Cure: ", "more": "  More: "}
        return "\n".join(indent.get(part, "") + line for part, line in self._lines())

    def __repr__(self) -> str:
        return f"<Report {self.verdict}>"

    def __rich_console__(
        self, console: "Console", options: "ConsoleOptions"
    ) -> "RenderResult":
        """Render with colour and to the width of the terminal."""
        from rich.padding import Padding
        from rich.text import Text

        for part, line in self._lines():
            if part == "verdict":
                yield Text(line, _OUTCOMES[self.outcome])
            elif part in _STYLES:
                yield Text(line, _STYLES[part])
            elif part == "cure":
                cure = Text.assemble(("Cure: ", "green"), line)
                yield Padding(cure, (0, 0, 0, 2))
            elif part == "more":
                yield Padding(Text(f"More: {line}", "dim"), (0, 0, 0, 2))
            else:
                yield Padding(Text(line), (0, 0, 0, 2))

    def _repr_html_(self) -> str:
        items = []
        for f in self.findings:
            kind = f"<a href='{html.escape(f.link)}'>{f.kind}</a>" if f.link else f.kind
            said = (
                f"{html.escape(printable(f.message))}<br><i>{html.escape(f.cure)}</i>"
            )
            items.append(f"<li><b>{f.severity}: {kind}</b><br>{said}</li>")
        rest = [line for part, line in self._lines() if part == "rest"]
        items += [f"<li>{html.escape(line)}" for line in rest]
        listed = f"<ul>{''.join(items)}</ul>" if items else ""
        return f"<div><b>{html.escape(self.verdict)}</b>{listed}</div>"

    def plot(self) -> "Figure":
        """Plot the analytic against the numeric gradient, an axes an input.

        Entries that agree lie on the diagonal; the ones that do not are marked.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: there is no gradient to plot.
        """
        import matplotlib.pyplot as plt

        if not self.gradients:
            raise ValueError(f"{self.name} gives no gradient to plot")
        figure, axes = plt.subplots(
            1,
            len(self.gradients),
            squeeze=False,
            figsize=(4 * len(self.gradients), 4),
        )
        for ax, found in zip(axes[0], self.gradients, strict=True):
            ends = [min(found.numeric), max(found.numeric)]
            ax.plot(ends, ends, color="0.7", zorder=0, label="equal")
            for wrong, mark, label in ((False, "o", "agrees"), (True, "x", "differs")):
                pairs = [
                    pair
                    for *pair, it in zip(
                        found.numeric, found.analytic, found.wrong, strict=True
                    )
                    if it is wrong
                ]
                if pairs:
                    ax.plot(*zip(*pairs, strict=True), mark, label=label)
            ax.set(
                title=found.name,
                xlabel="numeric gradient",
                ylabel="analytic gradient",
            )
            ax.legend()
        # So pyplot forgets it: whoever asked for it shows it.
        plt.close(figure)
        return figure


def plain(value: Any) -> Any:
    """Make data JSON-ready: what JSON has no word for becomes text."""
    if isinstance(value, Mapping):
        return {str(key): plain(held) for key, held in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(held) for held in value]
    if isinstance(value, str):
        return printable(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return str(value)


def printable(text: str) -> str:
    r"""Show what a terminal would obey, such as an escape, instead of sending it.

    >>> printable("red: \x1b[31m")
    'red: \\x1b[31m'
    """
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode()
        for c in text
    )
