"""The verdict, and the forms in which it is read."""

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ownloss.checker.findings import UNEXPLAINED, Finding
from ownloss.checker.observation import Observation

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console, ConsoleOptions, RenderResult

_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}


class LossError(AssertionError):
    """Raised by `Report.raise_for_errors`; its text is the whole verdict."""


class Report:
    """What `ownloss.check` found out about a loss.

    Attributes:
        name: the name of the loss.
        findings: what there is to say, the most telling first.
        skipped: what was not looked at because the loss is slow.
        crashes: what the rules raised that could not look, by kind.
        ran: whether the loss could be run at all.
    """

    def __init__(
        self,
        name: str,
        findings: list[Finding],
        seen: Observation,
        crashes: dict[str, Exception],
        *,
        ran: bool,
    ) -> None:
        self.name = name
        self.findings = findings
        self.skipped = list(seen.budget.skipped)
        self.crashes = crashes
        self.ran = ran
        self._seen = seen
        self._supports: dict[str, Any] | None = None

    @property
    def ok(self) -> bool:
        """Whether no error was found."""
        return not any(f.severity == "error" for f in self.findings)

    @property
    def supports(self) -> Any:
        """What works with this loss, tried when it is first asked for.

        A mapping from a feature (`'backward'`, `'double backward'`,
        `'torch.func.grad'`, `'vmap'`, `'jvp'`, `'torch.compile'`, `'autocast'`,
        `'checkpoint'`) to a `Support`: yes, no with the error, or silently wrong. Each
        feature is tried when it is looked up; `torch.compile` takes seconds.
        """
        if self._supports is None:
            from ownloss.checker.features import Supports

            self._supports = Supports(self._seen)
        return self._supports

    @property
    def verdict(self) -> str:
        """The report in one line."""
        count = {s: sum(f.severity == s for f in self.findings) for s in _STYLES}
        if not self.ran:
            return f"{self.name}: could not be run"
        said = [
            f"{n} {severity}{'s' if n > 1 else ''}"
            for severity, n in count.items()
            if n
        ]
        if count["error"]:
            return f"{self.name}: " + ", ".join(said)
        return f"{self.name}: no error found" + (
            f" ({', '.join(said)})" if said else ""
        )

    def raise_for_errors(self) -> None:
        """Raise `LossError` with the whole verdict if there is an error."""
        if not self.ok:
            raise LossError(str(self))

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, JSON-ready."""
        return {
            "loss": self.name,
            "ok": self.ok,
            "ran": self.ran,
            "findings": [f.to_dict() for f in self.findings],
            "skipped": list(self.skipped),
        }

    def _lines(self) -> Iterator[tuple[str, str]]:
        yield "verdict", self.verdict
        for finding in self.findings:
            yield finding.severity, f"{finding.severity}: {finding.kind}"
            yield "text", finding.message
            yield "cure", finding.cure
            if finding.kind != UNEXPLAINED:
                # The web address is there only where the site is published.
                more = f"ownloss explain {finding.kind}"
                yield "more", f"{more}  {finding.link}".rstrip()
        if self.skipped:
            yield "text", "Not looked at, to save time: " + ", ".join(self.skipped)
        for slug, error in self.crashes.items():
            yield "text", f"Could not look for {slug}: {type(error).__name__}: {error}"

    def __str__(self) -> str:
        indent = {"text": "  ", "cure": "  Cure: ", "more": "  More: "}
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
                yield Text(line, "bold green" if self.ok and self.ran else "bold red")
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
            items.append(
                f"<li><b>{f.severity}: {kind}</b>"
                f"<br>{html.escape(f.message)}<br><i>{html.escape(f.cure)}</i></li>"
            )
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

        checks = [c for c in self._seen.gradient.checks if c.analytic is not None]
        if not checks:
            raise ValueError(f"{self.name} gives no gradient to plot")
        figure, axes = plt.subplots(
            1, len(checks), squeeze=False, figsize=(4 * len(checks), 4)
        )
        for ax, found in zip(axes[0], checks, strict=True):
            numeric, analytic = found.numeric.numpy(), found.analytic.numpy()
            ends = [numeric.min(), numeric.max()]
            ax.plot(ends, ends, color="0.7", zorder=0, label="equal")
            fine = ~found.wrong.numpy()
            ax.plot(numeric[fine], analytic[fine], "o", label="agrees")
            if not fine.all():
                ax.plot(numeric[~fine], analytic[~fine], "x", label="differs")
            ax.set(
                title=found.argument.name,
                xlabel="numeric gradient",
                ylabel="analytic gradient",
            )
            ax.legend()
        return figure
