"""The figures of the last ``nox -s bench``, with the name of the machine.

The figures are no part of the repository: where nobody has measured on the machine
that builds the site, the page says so.
"""

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from gallery.page import table

FIGURES = Path(__file__).parents[3] / "build" / "benchmarks.json"


class Benchmarks(SphinxDirective):
    """Write the table of time and memory, or say that nothing was measured."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        self.env.benchmarks_page = self.env.docname, _time_of_figures()
        if not FIGURES.exists():
            return self.parse_text_to_nodes(
                "Nothing was measured on the machine that built this page: "
                "`nox -s bench docs` measures, and fills a table in here."
            )
        measured = json.loads(FIGURES.read_text(encoding="utf-8"))
        machine = ", ".join(f"{k} {v}" for k, v in measured["machine"].items())
        titles = ["loss", "beside", "time, small", "time, large", "memory, large"]
        rows = [
            [
                *(row["name"], row["rival"]),
                *(f"{row[size]:.2f}" for size in ("small", "large")),
                _times_less(row),
            ]
            for row in measured["rows"]
        ]
        said = nodes.paragraph("", f"Measured on: {machine}.")
        return [said, table(titles, rows, "support-matrix")]


def _times_less(row: dict[str, Any]) -> str:
    ratio = row.get("memory")
    if ratio is None:
        return ""
    return f"{ratio:.1f} times less" if ratio >= 1 else f"{1 / ratio:.1f} times more"


def _time_of_figures() -> float | None:
    """When the figures were measured; ``None`` where they were not."""
    return FIGURES.stat().st_mtime if FIGURES.exists() else None


def see_new_figures(_app: Sphinx, env: BuildEnvironment, *_changes: Any) -> list[str]:
    """Say that the page is out of date if the figures came, went or changed."""
    page, known = getattr(env, "benchmarks_page", (None, None))
    return [page] if page in env.found_docs and known != _time_of_figures() else []
