"""The command ``ownloss check``."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ownloss.discovery.specs import FORMS

EPILOG = "\b\nA SPEC is one of\n" + "\n".join(
    f"  {line}" for line in FORMS.splitlines()
)


@click.command(epilog=EPILOG)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="SPEC",
    help="An argument of the loss, in order; repeat it for more. Without it, inputs "
    "are those declared beside the loss or in pyproject.toml, or they are guessed.",
)
@click.option("--target", multiple=True, metavar="SPEC", help="The same, after inputs.")
@click.option(
    "--seed", default=0, show_default=True, help="Seed of the random tensors."
)
@click.option(
    "--seconds",
    default=8.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="After so long, what has not been looked at is left out; for each loss.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="'github' annotates the lines of the losses in a pull request.",
)
@click.pass_context
def check(
    context: click.Context,
    targets: tuple[str, ...],
    inputs: tuple[str, ...],
    target: tuple[str, ...],
    seed: int,
    seconds: float,
    form: str,
) -> None:
    """Check the gradients of losses, and say in words what is wrong with them.

    A TARGET is a file, a folder or an installed package, whose losses are all checked,
    or one loss: 'my_losses.py:Focal', 'my_losses.py:Focal(gamma=2)', 'kornia.losses:
    DiceLoss'. Exit status: 0 all are right, 1 one is wrong, 2 one could not be
    checked.
    """
    from ownloss.discovery.checking import check_all, split
    from ownloss.discovery.finding import Left

    specs = (*inputs, *target)
    printer = PRINTERS[form]()
    try:
        if specs and (len(targets) > 1 or not split(targets[0])[1]):
            raise ValueError(
                "--input belongs to one loss, such as my_losses.py:Focal; got "
                + " ".join(targets)
            )
        for one in targets:
            results = check_all(one, specs=specs, seed=seed, seconds=seconds)
            for result in results:
                if isinstance(result, Left):
                    printer.left(result)
                else:
                    printer.checked(result)
    except (Exception, SystemExit) as error:
        printer.end()
        known = isinstance(error, (TypeError, ValueError, OSError, ImportError))
        said = str(error) if known else f"{type(error).__name__}: {error}"
        click.echo(f"Error: {said}", err=True)
        context.exit(2)
    printer.end()
    context.exit(printer.status)


class Printer:
    """Prints what was checked, and remembers how it went."""

    def __init__(self) -> None:
        self.right = self.wrong = self.undecided = 0
        self.not_checked: list[Any] = []

    @property
    def status(self) -> int:
        """The exit status: 0 right, 1 wrong, 2 not decided."""
        undecided = self.undecided or any(left.doubtful for left in self.not_checked)
        nothing = not (self.right or self.wrong)
        return 1 if self.wrong else 2 if undecided or nothing else 0

    def checked(self, result: Any) -> None:
        """Count a loss that was checked, and print its verdict."""
        if result.report.outcome == "right":
            self.right += 1
        elif result.report.outcome == "wrong":
            self.wrong += 1
        else:
            self.undecided += 1
        self.print(result)

    def left(self, left: Any) -> None:
        """Remember what was not checked."""
        self.not_checked.append(left)

    def print(self, result: Any) -> None:
        """Print the verdict of a loss."""

    def end(self) -> None:
        """Print what comes last."""


class TextPrinter(Printer):
    """For a reader."""

    def __init__(self) -> None:
        super().__init__()
        self.console = Console()

    def print(self, result: Any) -> None:
        """Print the report, with the inputs where they were not given."""
        self.console.print(result.report)
        if result.pin:
            say = f"  Inputs guessed, {result.inputs}"
            self.console.print(say, style="dim", markup=False, highlight=False)
            # Not wrapped: it is there to be copied.
            click.echo(f"  To pin them: {result.pin}")
        elif result.inputs:
            say = f"  Inputs from {result.inputs}"
            self.console.print(say, style="dim", markup=False, highlight=False)

    def end(self) -> None:
        """List what was not checked, and count."""
        count = self.right + self.wrong + self.undecided
        if count < 2 and not self.not_checked:
            return
        doubtful = [left for left in self.not_checked if left.doubtful]
        for title, listed in (
            ("Not checked:", doubtful),
            ("Taken for no loss:", [x for x in self.not_checked if not x.doubtful]),
        ):
            if listed:
                click.echo(f"\n{title}")
            for left in listed:
                click.echo(f"  {left.name}: {left.reason}")
        said = [f"{self.right} right", f"{self.wrong} wrong"]
        if self.undecided:
            said.append(f"{self.undecided} incomplete")
        losses = "loss" if count == 1 else "losses"
        click.echo(
            f"\n{count} {losses} checked: {', '.join(said)}; "
            f"{len(doubtful)} not checked"
        )


class JsonPrinter(Printer):
    """For a program."""

    def __init__(self) -> None:
        super().__init__()
        self.results: list[dict[str, Any]] = []

    def print(self, result: Any) -> None:
        """Collect the report."""
        self.results.append(
            {
                **result.report.to_dict(),
                "expression": result.expression,
                "path": str(result.found.path),
                "line": result.found.line,
                "inputs": result.inputs,
                "pin": result.pin,
            }
        )

    def end(self) -> None:
        """Print all at once."""
        left = [
            {"loss": left.name, "reason": left.reason, "is_a_loss": left.doubtful}
            for left in self.not_checked
        ]
        everything = {"checked": self.results, "not_checked": left}
        click.echo(json.dumps(everything, indent=2, ensure_ascii=False))


class GithubPrinter(Printer):
    """For a workflow on GitHub, as annotations of the lines of the losses."""

    def print(self, result: Any) -> None:
        """Annotate the line that the loss is defined on."""
        for finding in result.report.findings:
            level = {"note": "notice"}.get(finding.severity, finding.severity)
            text = f"{result.report.name}: {finding.message}\nCure: {finding.cure}"
            if result.inputs:
                text += f"\nInputs: {result.inputs}"
            annotate(level, result.found.path, result.found.line, finding.kind, text)

    def end(self) -> None:
        """Say of what was not checked why not."""
        for left in self.not_checked:
            if left.doubtful and left.path is not None:
                text = f"{left.name} was not checked: {left.reason}"
                annotate("warning", left.path, left.line, "not checked", text)
            elif left.doubtful:
                click.echo(f"::warning title=ownloss::{escaped(left.reason)}")


PRINTERS = {"text": TextPrinter, "json": JsonPrinter, "github": GithubPrinter}


def annotate(level: str, path: Path, line: int, kind: str, text: str) -> None:
    """Print a workflow command, with the path as the repository has it."""
    resolved = path.resolve()
    here = Path.cwd()
    name = resolved.relative_to(here) if resolved.is_relative_to(here) else path
    values = (("file", name.as_posix()), ("line", line), ("title", f"ownloss: {kind}"))
    settings = ",".join(f"{key}={escaped(str(value), ',:')}" for key, value in values)
    click.echo(f"::{level} {settings}::{escaped(text)}")


def escaped(text: str, more: Iterable[str] = ()) -> str:
    r"""Escape a text for a workflow command.

    >>> escaped("50 %, twice\n", ",")
    '50 %25%2C twice%0A'
    """
    for character in ("%", "\r", "\n", *more):
        text = text.replace(character, f"%{ord(character):02X}")
    return text
