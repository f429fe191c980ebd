"""The commands ``ownloss exercise ...``."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.syntax import Syntax
from rich.table import Table

from ownloss import exercises
from ownloss.exercises import DIFFICULTIES, Exercise


def complete(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[str]:
    """Complete the name of an exercise in the shell."""
    return [x.name for x in exercises.exercises() if x.name.startswith(begun)]


NAME = click.argument("name", shell_complete=complete)


@click.group()
def exercise() -> None:
    """Exercises, and a judge that says in words what is wrong with an answer."""


@exercise.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_exercises(as_json: bool) -> None:
    """List the exercises; a file of this folder that answers one is named, too."""
    found = exercises.exercises()
    if as_json:
        rows = [
            {
                "name": one.name,
                "title": one.title,
                "kind": one.kind,
                "difficulty": DIFFICULTIES[one.difficulty],
                "page": one.page,
            }
            for one in found
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif Console().is_terminal:
        table = Table("name", "what it is", "how hard", "page", "here", box=None)
        for one in found:
            table.add_row(*_row(one))
        Console().print(table)
    else:
        for one in found:
            click.echo("\t".join(_row(one)))


def _row(one: Exercise) -> tuple[str, ...]:
    here = one.file_name if Path(one.file_name).is_file() else ""
    return one.name, one.title, DIFFICULTIES[one.difficulty], one.page, here


@exercise.command()
@NAME
@click.option("--to", default=".", metavar="DIR", help="Folder to write to.")
def start(name: str, to: str) -> None:
    """Write the stub of the exercise NAME, which holds the task.

    A file that is there already is left as it is.
    """
    one = _find(name)
    if (path := Path(to) / one.file_name).exists():
        raise click.ClickException(f"{path} is there already, and is left as it is")
    try:
        exercises.start(one.name, to)
    except OSError as error:
        where = f"{to}: {error.strerror}" if error.strerror else error
        raise click.ClickException(f"nothing was written: {where}") from error
    click.echo(f"wrote {path}; the judge: ownloss exercise check {path}")


@exercise.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="The exercise; by default the file says it.")
@click.pass_context
def check(context: click.Context, file: Path, name: str | None) -> None:
    """Judge the answer in FILE, and say in words what is wrong with it.

    Exit status: 0 it is right, 1 it is wrong, 2 it could not be judged.
    """
    try:
        one = exercises.find(name) if name else exercises.exercise_of(file)
    except LookupError as error:
        all_ = "" if name else "; --name says which"
        click.echo(f"Error: {error}{all_}; all: ownloss exercise list", err=True)
        context.exit(2)
    except OSError as error:
        click.echo(f"Error: {file} cannot be read: {error.strerror}", err=True)
        context.exit(2)
    verdict = exercises.judge(one.name, file)
    Console().print(verdict)
    context.exit({"right": 0, "wrong": 1, "undecided": 2}[verdict.outcome])


@exercise.command()
@NAME
@click.option("--second", is_flag=True, help="The second hint, which says more.")
def hint(name: str, second: bool) -> None:
    """Print a hint for the exercise NAME."""
    one = _find(name)
    _print_markdown(one.hints[1 if second else 0])
    after = "answer" if second else "hint"
    click.echo(
        f"\nMore: ownloss exercise {after} {one.name}{' --second' * (not second)}"
    )


def _print_markdown(text: str) -> None:
    console = Console()
    if console.is_terminal:
        console.print(Markdown(text))
    else:
        click.echo(text)


@exercise.command()
@NAME
def answer(name: str) -> None:
    """Print an answer to the exercise NAME."""
    text = _find(name).answer
    console = Console()
    if console.is_terminal:
        console.print(Syntax(text, "python", background_color="default"))
    else:
        click.echo(text, nl=False)


def _find(name: str) -> Exercise:
    try:
        return exercises.find(name)
    except LookupError as error:
        raise click.ClickException(f"{error}; all: ownloss exercise list") from error
