"""The command ``ownloss explain``."""

import difflib

import click
from rich.console import Console
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text


def complete(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[str]:
    """Complete the slug of a kind in the shell."""
    from ownloss.checker import kinds

    return [slug for slug in kinds() if slug.startswith(begun)]


@click.command()
@click.argument("kind", default="", shell_complete=complete)
def explain(kind: str) -> None:
    """Explain a KIND of mistake that a verdict names; without one, list them all.

    Printed are its meaning, how it shows, a small loss that has it, the same loss
    without it, and the cure.
    """
    from ownloss.checker import kinds

    known = kinds()
    if not kind:
        width = max(map(len, known))
        for slug, one in known.items():
            click.echo(f"{slug.ljust(width)}  {one.title}")
        return
    if kind not in known:
        nearest = difflib.get_close_matches(kind, known, n=3, cutoff=0)
        raise click.ClickException(
            f"no kind is named {kind!r}; the nearest: {', '.join(nearest)}; "
            "all: ownloss explain"
        )
    one = known[kind]
    console = Console()
    console.print(Text(f"{one.title} ({one.slug})", "bold"))
    for title, text in (
        ("", one.meaning),
        ("How it shows: ", one.shows),
        ("Cure: ", one.cure),
    ):
        console.print(Text.assemble("\n", (title, "bold"), text))
    for title, source in (("Wrong", one.wrong), ("Right", one.right)):
        console.print(Text(f"\n{title}:\n", "bold"))
        if console.is_terminal:
            code = Syntax(source.strip(), "python", background_color="default")
            console.print(Padding(code, (0, 0, 0, 4)))
        else:
            # In a pipe as it is: not wrapped, not padded.
            click.echo(
                "".join(
                    f"    {line}".rstrip() + "\n"
                    for line in source.strip().splitlines()
                ),
                nl=False,
            )
    if one.link:
        click.echo(f"\n{one.link}")
