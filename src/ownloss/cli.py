"""The command line: ``ownloss list``, ``show``, ``copy`` and ``check``."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from ownloss import catalogue

__all__ = ["main"]

DTYPES = {
    *("float16", "bfloat16", "float32", "float64"),
    *("complex64", "complex128", "int32", "int64", "bool"),
}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ownloss")
def main() -> None:
    """Losses to copy, and a check that says what is wrong with yours."""


@main.command("list")
@click.argument("word", default="")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_examples(word: str, as_json: bool) -> None:
    """List the losses; with WORD, those that have it in name, title or summary."""
    found = catalogue.search(word)
    if as_json:
        fields = ("name", "topic", "title", "summary")
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
        raise click.ClickException(f"no loss has {word!r} in name, title or summary")


@main.command()
@click.argument("name")
def show(name: str) -> None:
    """Print the loss NAME: what stands above the line of its example."""
    loss = _find(name).loss
    console = Console()
    if console.is_terminal:
        console.print(Syntax(loss, "python", background_color="default"))
    else:
        click.echo(loss, nl=False)


@main.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
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


@main.command()
@click.argument("loss", metavar="FILE.py:NAME")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    required=True,
    metavar="SPEC",
    help="A tensor argument, in order: a shape, '8,3', a shape and a dtype, "
    "'8,3:float64', or class labels, '8:labels:3'. Repeat it for more arguments.",
)
@click.option("--target", multiple=True, metavar="SPEC", help="The same, after inputs.")
@click.option(
    "--seed", default=0, show_default=True, help="Seed of the random tensors."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def check(
    context: click.Context,
    loss: str,
    inputs: tuple[str, ...],
    target: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Check the gradient of your loss, and say in words what is wrong with it.

    NAME is a function, a Module or an autograd.Function of FILE.py; a Module whose
    constructor takes arguments is given as a call: 'my_loss.py:MyLoss(delta=2)'.
    Exit status: 0 right, 1 an error was found, 2 the check could not run.
    """
    import ownloss

    try:
        checked = _load(loss)
        report = ownloss.check(checked, *_tensors([*inputs, *target], seed))
    except (TypeError, ValueError, OSError, ImportError) as error:
        click.echo(f"Error: {error}", err=True)
        context.exit(2)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        Console().print(report)
    if not report.ran:
        context.exit(2)
    context.exit(0 if report.ok else 1)


def _find(name: str) -> catalogue.Example:
    try:
        return catalogue.find(name)
    except LookupError as error:
        raise click.ClickException(str(error)) from error


def _load(where: str) -> Any:
    """Take a loss from a file: ``my_loss.py:MyLoss`` or ``my_loss.py:MyLoss(2)``."""
    import torch

    path, colon, expression = where.partition(".py:")
    file = Path(f"{path}.py")
    if not colon or not expression:
        raise ValueError(
            f"expected FILE.py:NAME, such as my_loss.py:MyLoss; got {where!r}"
        )
    if not file.is_file():
        raise ValueError(f"there is no file {str(file)!r}")
    module = _import(file)
    name = re.match(r"\w*", expression)[0]
    if not hasattr(module, name):
        known = [key for key, value in vars(module).items() if callable(value)]
        raise ValueError(
            f"{file} has no {name!r}; it has {', '.join(known) or 'nothing'}"
        )
    # The reader's own expression, in the reader's own file.
    loss = eval(expression, vars(module))
    if isinstance(loss, type) and issubclass(loss, torch.autograd.Function):
        return loss.apply
    if isinstance(loss, type) and issubclass(loss, torch.nn.Module):
        try:
            return loss()
        except TypeError as error:
            raise ValueError(
                f"{name} wants arguments ({error}); give them: '{file}:{name}(...)'"
            ) from error
    return loss


def _import(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # What stands beside the file can be imported by it, as when it is run.
    sys.path.insert(0, str(file.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ImportError(f"{file} cannot be run: {error!r}") from error
    finally:
        sys.path.pop(0)
    return module


def _tensors(specs: list[str], seed: int) -> list[Any]:
    """Make a random tensor from each specification."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    tensors: list[torch.Tensor] = []
    for spec in specs:
        shape_text, _, kind = spec.partition(":")
        if shape_text == "labels" and tensors:
            # One label for each row of the first tensor.
            shape_text, kind = str(len(tensors[0])), spec
        kind = kind or "float32"
        classes = re.fullmatch(r"labels:([1-9]\d*)", kind)
        try:
            shape = [int(size) for size in shape_text.split(",") if size]
        except ValueError:
            shape = None
        if shape is None or not (classes or kind in DTYPES):
            raise ValueError(
                f"expected a shape such as 8,3, with a dtype such as 8,3:float64, or "
                f"classes such as 8:labels:3 or labels:3 after a first tensor; "
                f"got {spec!r}"
            )
        if classes:
            tensor = torch.randint(int(classes[1]), shape, generator=generator)
        elif kind == "bool" or kind.startswith("int"):
            tensor = torch.randint(2, shape, generator=generator)
        else:
            wide = torch.complex128 if kind.startswith("complex") else torch.float64
            tensor = torch.randn(shape, generator=generator, dtype=wide)
        tensors.append(tensor if classes else tensor.to(getattr(torch, kind)))
    if tensors[0].is_floating_point() or tensors[0].is_complex():
        tensors[0].requires_grad_()
    return tensors
