"""The figures of a dated run of ``nox -s bench``, with the name of the machine.

The files with the figures lie in the repository: a run of all losses takes long, and
few have all the libraries that they are compared with.
"""

import json
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from gallery.blocks import table

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


class Benchmarks(SphinxDirective):
    """Write the table of ``figures.json`` or of ``peers.json``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        name = directives.choice(self.arguments[0], ("figures", "peers"))
        path = BENCHMARKS / f"{name}.json"
        self.env.note_dependency(str(path))
        measured = json.loads(path.read_text(encoding="utf-8"))
        machine = ", ".join(f"{k} {v}" for k, v in measured["machine"].items())
        titles, cells = self.TABLES[name]
        rows = [cells(row) for row in measured["rows"]]
        said = nodes.paragraph("", f"Measured on {measured['date']}: {machine}.")
        return [said, table(titles, rows, "support-matrix")]

    @staticmethod
    def _beside_plain(row: dict[str, Any]) -> list[str]:
        times = [f"{row[size]:.2f}" for size in ("small", "large")]
        return [row["name"], row["rival"], *times, _times_less(row.get("memory"))]

    @staticmethod
    def _beside_a_library(row: dict[str, Any]) -> list[str]:
        rival = row["rival"] + (", compiled" if row["compiled"] else "")
        time = f"{row['time']:.2g}"
        return [row["name"], row["library"], rival, row["gradient"], time]

    TABLES: ClassVar = {
        "figures": (
            ["loss", "beside", "time, small", "time, large", "memory, large"],
            _beside_plain,
        ),
        "peers": (
            ["loss", "library", "its loss", "its gradient", "time"],
            _beside_a_library,
        ),
    }


def _times_less(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio:.1f} times less" if ratio >= 1 else f"{1 / ratio:.1f} times more"
