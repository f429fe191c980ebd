"""The command line. A command that is more than a few lines has a module here."""

import io
import json
import sys
from typing import Any

import click
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from ownloss import catalogue
from ownloss.cli.checking import check
from ownloss.cli.copied import diff, status, update
from ownloss.cli.exercising import exercise
from ownloss.cli.explaining import explain
from ownloss.tags import GROUPS, WORDS

__all__ = ["main"]


class Group(click.Group):
    """Commands that end as a shell expects it of a program."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command; Ctrl-C gives the exit status that a shell knows it by."""
        for stream in (sys.stdout, sys.stderr):
            # A name or an error may have letters that a narrow terminal lacks.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            context.exit(130)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(catalogue.version())
def main() -> None:
    """Losses to copy, and a check that says what is wrong with yours."""


main.add_command(check)
main.add_command(diff)
main.add_command(exercise)
main.add_command(explain)
main.add_command(status)
main.add_command(update)


def complete_tag(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[str]:
    """Complete a tag in the shell."""
    return [tag for tag in WORDS if tag.startswith(begun)]


@main.command(
    "list",
    epilog="\n\n".join(
        ["A TAG is one of", *(f"{x}: {', '.join(tags)}" for x, tags in GROUPS.items())]
    ),
)
@click.argument("words", nargs=-1, metavar="[WORD...]")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    shell_complete=complete_tag,
    help="Only losses with this tag; repeat it for more.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_examples(words: tuple[str, ...], tags: tuple[str, ...], as_json: bool) -> None:
    """List the losses; with WORDs, those that have them all.

    Looked through are names, topics, titles, summaries, and what people call the task,
    the target and the properties that a loss is tagged with: outliers, imbalanced,
    uncertainty, preference, padding, scipy.
    """
    try:
        found = catalogue.search(" ".join(words), tags)
    except LookupError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        fields = ("name", "topic", "title", "summary", "tags")
        rows = [{field: getattr(one, field) for field in fields} for one in found]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif found and Console().is_terminal:
        table = Table("name", "topic", "what it does to the gradient", box=None)
        for one in found:
            table.add_row(one.name, one.topic, one.summary)
        Console().print(table)
    elif found:
        for one in found:
            click.echo(f"{one.name}\t{one.topic}\t{one.summary}")
    else:
        said = " and ".join(map(repr, (*words, *tags)))
        raise click.ClickException(f"no loss has {said}; all: ownloss list")


def complete(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[str]:
    """Complete the name of a loss in the shell."""
    names = [example.name for example in catalogue.examples()]
    return [name for name in names if name.startswith(begun)]


@main.command()
@click.argument("name", shell_complete=complete)
def show(name: str) -> None:
    """Print the loss NAME: what stands above the line of its example."""
    loss = _find(name).loss
    console = Console()
    if console.is_terminal:
        console.print(Syntax(loss, "python", background_color="default"))
    else:
        click.echo(loss, nl=False)


@main.command()
@click.argument(
    "names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete
)
@click.option(
    "--to", default=".", metavar="DIR", help="Folder to write to; '-' to print."
)
@click.option("--force", is_flag=True, help="Write over files that exist.")
def copy(names: tuple[str, ...], to: str, force: bool) -> None:
    """Copy losses into your project, where they are yours."""
    chosen = [_find(name) for name in names]
    if to == "-":
        click.echo("\n\n".join(map(catalogue.published, chosen)), nl=False)
        return
    try:
        paths = catalogue.copy(names, to, force=force)
    except OSError as error:
        # Not its filename, which may be that of a draft.
        where = f"{to}: {error.strerror}" if error.strerror else error
        raise click.ClickException(f"nothing was written: {where}") from error
    for path in paths:
        click.echo(f"wrote {path}; its proof: python -m doctest {path}")


def _find(name: str) -> catalogue.Example:
    try:
        return catalogue.find(name)
    except LookupError as error:
        raise click.ClickException(str(error)) from error
