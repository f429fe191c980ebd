"""The commands ``ownloss diff``, ``update`` and ``status``."""

import difflib
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.syntax import Syntax

from ownloss import copies
from ownloss.copies import Copied, State

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("folder", default=".", type=FILE)
def status(folder: Path) -> None:
    """List the copied losses of FOLDER, and what has changed since they were copied.

    Exit status: 0 none has changed upstream, 1 one has.
    """
    try:
        found = list(copies.copied_in(folder))
    except OSError as error:
        raise click.ClickException(str(error)) from error
    if not found:
        click.echo(f"no loss in {folder} was copied from ownloss")
        return
    width = max(len(str(copied.path)) for copied in found)
    for copied in found:
        path = str(copied.path).ljust(width)
        click.echo(f"{path}  {copied.version}  {copied.state}")
    if any(copied.state in (State.BEHIND, State.BOTH) for copied in found):
        raise SystemExit(1)


@click.command()
@click.argument("files", nargs=-1, type=FILE, metavar="[FILE...]")
def diff(files: tuple[Path, ...]) -> None:
    """Show what has changed in copied losses: by you, and upstream.

    Without a FILE, all of this folder. Exit status: 0 nothing has changed upstream, 1
    something has, 2 a file cannot be compared.
    """
    status = 0
    for copied in _all(files):
        if isinstance(copied, str):
            click.echo(f"Error: {copied}", err=True)
            status = 2
            continue
        try:
            status = max(status, _show(copied))
        except LookupError as error:
            click.echo(f"Error: {error}", err=True)
            status = 2
    raise SystemExit(status)


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option(
    "--conflicts",
    is_flag=True,
    help="Write a file also where you and upstream have changed the same lines; they "
    "are marked as git marks them.",
)
def update(files: tuple[Path, ...], conflicts: bool) -> None:
    """Bring copied losses up to date; what you have changed in them is kept.

    A file is left as it is where both have changed the same lines, unless --conflicts
    is given. Exit status: 0 all are up to date, 1 one has conflicts, 2 one cannot be
    updated.
    """
    status = 0
    for copied in _all(files):
        if isinstance(copied, str):
            click.echo(f"Error: {copied}", err=True)
            status = 2
            continue
        try:
            status = max(status, _update(copied, conflicts))
        except LookupError as error:
            click.echo(f"Error: {error}", err=True)
            status = 2
        except OSError as error:
            why = error.strerror or error
            click.echo(f"Error: {copied.path} was not written: {why}", err=True)
            status = 2
    raise SystemExit(status)


def _all(files: tuple[Path, ...]) -> Iterator[Copied | str]:
    """Read the files, or all copied ones of this folder; else say what is wrong."""
    if not files:
        yield from copies.copied_in(Path())
    for path in files:
        try:
            yield copies.read(path)
        except ValueError as error:
            yield str(error)
        except OSError as error:
            yield f"{path} cannot be read: {error.strerror or error}"


def _show(copied: Copied) -> int:
    """Show the two changes of a file; give the exit status."""
    state = copied.state
    click.echo(f"{copied.path}: {state}")
    if state in (State.SAME, State.GONE):
        return 0
    if state is State.AHEAD:
        raise LookupError(copied.too_new())
    base = copied.base()
    changes = []
    if copied.changed:
        changes.append(("by you", base, copied.loss))
    if copied.today and copied.today.loss != base:
        changes.append(("upstream", base, copied.today.loss))
    for who, before, after in changes:
        lines = difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            "published",
            who,
        )
        _print("".join(lines))
    return 1 if state in (State.BEHIND, State.BOTH) else 0


def _print(text: str) -> None:
    console = Console()
    if console.is_terminal:
        console.print(Syntax(text, "diff", background_color="default"))
    else:
        click.echo(text, nl=not text.endswith("\n"))


def _update(copied: Copied, conflicts: bool) -> int:
    """Update a file; give the exit status."""
    state = copied.state
    if state in (State.SAME, State.YOURS):
        click.echo(f"{copied.path}: nothing has changed upstream")
        return 0
    found = copies.merged(copied)
    places = f"{found.conflicts} conflict{'s' * (found.conflicts != 1)}"
    if found.conflicts and not conflicts:
        click.echo(
            f"{copied.path}: {places}, and the file was left as it is; "
            "--conflicts writes them into it, marked",
            err=True,
        )
        return 1
    copies.write(copied.path, found.text)
    if found.conflicts:
        click.echo(f"{copied.path}: {places}, marked with <<<<<<<", err=True)
        return 1
    kept = "; what you have changed was kept" if copied.changed else ""
    click.echo(f"{copied.path}: up to date{kept}")
    return 0
