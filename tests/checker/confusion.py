"""What `ownloss.check` says of every loss of the corpus: its confusion table.

    python -m tests.checker.confusion [--kind scale] [--case mse_forgets_the_mean]

runs the checker twice over the wrong and the right losses, with a trusted reference
where the case has one and without, and prints what a change to a rule costs or brings.
"""

import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import mean, median
from types import FrameType
from typing import Any

import click
import torch
from rich import box
from rich.console import Console
from rich.table import Table

from tests.checker.losses import KINDS, Case, cases

# Of the processor's time: other work on the machine changes no figure.
TIME_LIMIT = 10.0
# Kinds that may be meant: a warning is all that a checker can say of them.
WARNED_ABOUT = {"batch-order", "partial-detach"}


class TimeLimitError(BaseException):
    """A case took too long; no `except Exception` of the checker may swallow it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TimeLimitError in the block after `seconds` of the processor's time."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise TimeLimitError

    previous = signal.signal(signal.SIGPROF, interrupt)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


@dataclass
class Outcome:
    """What the checker said of one case."""

    case: Case
    seconds: float = 0.0
    findings: list[Any] = field(default_factory=list)
    crash: str = ""

    def kinds(self, *severities: str) -> list[str]:
        """Distinct kinds found, in the order of the report; notes do not count."""
        wanted = severities or ("error", "warning")
        found = [f.kind for f in self.findings if f.severity in wanted]
        return list(dict.fromkeys(found))

    @property
    def detected(self) -> bool:
        """Something of the kind was found, or any error where errors are due."""
        return self.named or (
            self.case.kind not in WARNED_ABOUT and bool(self.kinds("error"))
        )

    @property
    def named(self) -> bool:
        """The mistake is among the kinds found."""
        return self.case.kind in self.kinds()

    @property
    def first(self) -> bool:
        """The mistake is the first kind found."""
        return self.kinds()[:1] == [self.case.kind]

    def __str__(self) -> str:
        said = self.crash or ", ".join(
            f"{f.kind} ({f.severity})" for f in self.findings if f.severity != "note"
        )
        return f"{self.case.kind or 'right'}/{self.case.name}: {said or 'nothing'}"


def judge(case: Case, check: Callable[..., Any], *, with_reference: bool) -> Outcome:
    """Runs the checker on one case; a crash is an outcome like any other."""
    loss, inputs = case.fresh()
    options = {"reference": case.reference} if with_reference else {}
    outcome = Outcome(case)
    start = time.process_time()
    try:
        with time_limit(TIME_LIMIT), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = check(loss, *inputs, seconds=1e3, **options)
        outcome.findings = list(report.findings)
        if report.skipped or report.cut or report.crashes:
            outcome.crash = f"{report.verdict}: {report.skipped} {report.crashes}"
    except TimeLimitError:
        outcome.crash = f"stopped after {TIME_LIMIT:.0f} s"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        outcome.crash = f"{type(error).__name__} at {place.filename}:{place.lineno}"
        outcome.crash += f": {str(error).splitlines()[0] if str(error) else ''}"
    outcome.seconds = time.process_time() - start
    return outcome


def judge_all(corpus: Iterable[Case], *, with_reference: bool) -> list[Outcome]:
    """Judges every case; with a reference, only the cases that have one."""
    from ownloss.checker import check

    chosen = [case for case in corpus if case.reference or not with_reference]
    return [judge(case, check, with_reference=with_reference) for case in chosen]


@dataclass(frozen=True)
class Rates:
    """The figures that the checker is judged by."""

    detected: float
    named: float
    first: float
    kinds: float
    errors_on_right: int
    warned_right: float
    crashes: int
    median_seconds: float
    max_seconds: float

    @classmethod
    def of(cls, outcomes: list[Outcome]) -> "Rates":
        """Computes them; a rate over nothing is NaN."""
        wrong = [o for o in outcomes if o.case.kind]
        right = [o for o in outcomes if not o.case.kind]
        plain = [o for o in right if not o.case.intentional]
        return cls(
            detected=_mean(o.detected for o in wrong),
            named=_mean(o.named for o in wrong),
            first=_mean(o.first for o in wrong if o.detected),
            kinds=_mean(len(o.kinds()) for o in wrong if o.detected),
            errors_on_right=sum(bool(o.kinds("error")) for o in right),
            warned_right=_mean(bool(o.kinds("warning")) for o in plain),
            crashes=sum(bool(o.crash) for o in outcomes),
            median_seconds=median(o.seconds for o in outcomes),
            max_seconds=max(o.seconds for o in outcomes),
        )


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return mean(values) if values else float("nan")


def confusion_table(outcomes: list[Outcome], title: str) -> Table:
    """Kind by kind: how many were detected, named, named first, and what it took."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("kind", no_wrap=True)
    for column in ("cases", "detected", "named", "first", "kinds", "crashes"):
        table.add_column(column, justify="right")
    table.add_column("median s", justify="right")
    table.add_column("max s", justify="right")
    table.add_column("said of right losses", justify="right", no_wrap=True)
    claimed_of_right = [
        (kind, o.case.intentional)
        for o in outcomes
        if o.case.kind is None
        for kind in o.kinds()
    ]
    for kind in KINDS:
        group = [o for o in outcomes if o.case.kind == kind]
        alarms = sum(k == kind and not meant for k, meant in claimed_of_right)
        if group:
            table.add_row(
                kind,
                str(len(group)),
                *(
                    str(sum(getattr(o, what) for o in group))
                    for what in ("detected", "named", "first")
                ),
                f"{_mean(len(o.kinds()) for o in group):.1f}",
                str(sum(bool(o.crash) for o in group) or ""),
                f"{median(o.seconds for o in group):.2f}",
                f"{max(o.seconds for o in group):.2f}",
                str(alarms or ""),
            )
    for label, meant in (("right", False), ("right, intentional", True)):
        group = [o for o in outcomes if not o.case.kind and o.case.intentional == meant]
        if group:
            errors = sum(bool(o.kinds("error")) for o in group)
            warned = sum(bool(o.kinds("warning")) for o in group)
            table.add_row(
                label,
                str(len(group)),
                *("" for _ in range(4)),
                str(sum(bool(o.crash) for o in group) or ""),
                f"{median(o.seconds for o in group):.2f}",
                f"{max(o.seconds for o in group):.2f}",
                f"{errors} errors, {warned} warned",
            )
    return table


def summary_table(rates: Rates, *, with_reference: bool) -> Table:
    """The figures against their aims."""
    table = Table("figure", "reached", "aim", box=None, pad_edge=False)
    detected, named = (0.95, 0.90) if with_reference else (0.85, 0.80)
    for label, value, aim in (
        ("mistakes detected", f"{rates.detected:.1%}", f"at least {detected:.0%}"),
        ("mistakes named", f"{rates.named:.1%}", f"at least {named:.0%}"),
        ("named first, of those detected", f"{rates.first:.1%}", "at least 80%"),
        ("kinds on a wrong loss", f"{rates.kinds:.2f}", "at most 3"),
        ("right losses with an error", f"{rates.errors_on_right}", "0"),
        ("right losses with a warning", f"{rates.warned_right:.1%}", "at most 5%"),
        ("crashes and hangs", f"{rates.crashes}", "0"),
        ("median seconds", f"{rates.median_seconds:.2f}", "at most 0.5"),
        ("longest, seconds", f"{rates.max_seconds:.2f}", "at most 10"),
    ):
        table.add_row(label, value, aim)
    return table


def misses(outcomes: list[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes that somebody should look at, by what is the matter."""
    wrong = [o for o in outcomes if o.case.kind and not o.crash]
    right = [o for o in outcomes if not o.case.kind]
    return {
        "crashes": [o for o in outcomes if o.crash],
        "not detected": [o for o in wrong if not o.detected],
        "detected, not named": [o for o in wrong if o.detected and not o.named],
        "named, not first": [o for o in wrong if o.named and not o.first],
        "errors on right losses": [o for o in right if o.kinds("error")],
        "warnings on right losses": [
            o
            for o in right
            if o.kinds("warning") and not o.kinds("error") and not o.case.intentional
        ],
    }


@click.command(help=__doc__)
@click.option("--kind", type=click.Choice(KINDS), help="Only mistakes of this kind.")
@click.option("--case", "name", help="Only this case.")
@click.option(
    "--with-reference/--without-reference",
    default=None,
    help="Only one of the two runs; by default, both.",
)
@click.option("--verbose", is_flag=True, help="Also print every report.")
def main(
    kind: str | None, name: str | None, with_reference: bool | None, verbose: bool
) -> None:
    """Prints the confusion table."""
    torch.set_num_threads(1)
    console = Console(soft_wrap=True, width=max(120, Console().width))
    corpus = [
        case
        for case in cases()
        if (kind is None or case.kind == kind) and (name is None or case.name == name)
    ]
    if not corpus:
        raise click.UsageError(f"the corpus has no case {name!r}")
    for given in (True, False) if with_reference is None else (with_reference,):
        outcomes = judge_all(corpus, with_reference=given)
        if not outcomes:
            continue
        title = f"{'With' if given else 'Without'} a reference"
        console.print(confusion_table(outcomes, title))
        console.print(summary_table(Rates.of(outcomes), with_reference=given))
        for label, group in misses(outcomes).items():
            if group:
                console.print(f"\n[bold]{label}[/bold] ({len(group)})")
            for outcome in group:
                console.print(f"  {outcome}", highlight=False, markup=False)
        if verbose:
            for outcome in outcomes:
                console.print(f"\n{outcome}", markup=False)
                console.print(f"  case: {outcome.case.description}", markup=False)
                for finding in outcome.findings:
                    text = f"  {finding.severity} {finding.kind}: {finding.message}"
                    console.print(text, markup=False)
        console.print()


if __name__ == "__main__":
    main()
