"""``python -m benchmarks [NAME...]``: measure, print a table, keep the figures.

The page of figures in the reference is made from the file that is written.
"""

from pathlib import Path

import click
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.losses import CASES, Case
from benchmarks.measuring import keep, peak_mebibytes, times_longer
from ownloss import catalogue

FIGURES = Path(__file__).with_name("figures.json")


def measure(case: Case, seconds: float) -> dict[str, object]:
    """Measure one case at both sizes."""
    example = catalogue.load(case.name)
    row: dict[str, object] = {"name": case.name, "rival": case.rival}
    for label, size in (("small", case.small), ("large", case.large)):
        torch.manual_seed(0)
        ours, theirs = case.pair(example, size)
        if label == "large" and case.memory:
            row["memory"] = peak_mebibytes(theirs) / peak_mebibytes(ours)
        row[label] = times_longer(ours, theirs, seconds)
    return row


@click.command()
@click.argument("names", nargs=-1)
@click.option("--seconds", default=1.0, help="How long to measure each size.")
def main(names: tuple[str, ...], seconds: float) -> None:
    """Measure the examples NAMES, or all of them."""
    torch.set_num_threads(1)
    chosen = [case for case in CASES if not names or case.name in names]
    if unknown := set(names) - {case.name for case in CASES}:
        raise click.ClickException(f"nothing is measured of {', '.join(unknown)}")
    console = Console()
    rows = [measure(case, seconds) for case in track(chosen, "measuring")]

    table = Table("example", "beside", title="time of the example / time of the other")
    for column in ("small", "large"):
        table.add_column(column, justify="right")
    table.add_column("memory of the other / of the example", justify="right")
    for row in rows:
        memory = f"{row['memory']:.1f}" if "memory" in row else ""
        figures = [f"{row[size]:.2f}" for size in ("small", "large")]
        table.add_row(row["name"], row["rival"], *figures, memory)
    console.print(table)
    if not names:
        keep(FIGURES, rows)
        console.print(f"kept in {FIGURES}; the next build of the site shows them")


main(prog_name="python -m benchmarks")
