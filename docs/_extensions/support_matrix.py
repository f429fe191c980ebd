"""What torch can do with each loss of the gallery, tried while the page is built.

Each example is taken by the inputs of its own gradcheck. Rows are kept in the
environment of Sphinx, so only an example that has changed is tried again.
"""

import functools
import hashlib
from typing import Any

import torch
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.display import status_iterator
from sphinx.util.docutils import SphinxDirective

import ownloss
from gallery.page import place_of_topic
from gallery.proof import proofs
from ownloss import catalogue
from ownloss.catalogue import Example

logger = logging.getLogger(__name__)

Row = dict[str, str]
"""From a feature to "yes", or to what was raised or is wrong; empty without proof."""


@functools.cache
def fingerprint_of_checker() -> str:
    """Hash the checker and the version of torch."""
    digest = hashlib.sha256(torch.__version__.encode())
    for path in sorted((catalogue.folder().parent / "ownloss").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def key_of(example: Example) -> str:
    """Hash all that a row depends on."""
    text = f"{fingerprint_of_checker()}\0{example.loss}"
    return hashlib.sha256(text.encode()).hexdigest()


def try_features(example: Example) -> Row:
    """Try every feature on the first loss that an example proves."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    noted = proofs(example)
    if not noted:
        return {}
    report = ownloss.check(noted[0].loss, *noted[0].inputs)
    if not report.ok:
        logger.warning("the checker finds an error in %s: %s", example.path, report)
    row = {feature: str(report.supports[feature]) for feature in report.supports}
    warned = [f.message for f in report.findings if f.severity == "warning"]
    if report.ok and warned and row["backward"].startswith("silently wrong"):
        # What follows from the rule, second derivatives among it, is meant as well.
        for feature, verdict in row.items():
            if verdict.startswith("silently wrong"):
                row[feature] = f"on purpose: {warned[0]}"
    return row


class SupportMatrix(SphinxDirective):
    """Write the table of all examples and features, and the reasons below it."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        self.env.note_reread()
        known: dict[str, Row] = getattr(self.env, "ownloss_support", {})
        examples = sorted(
            catalogue.examples(),
            key=lambda e: (place_of_topic(f"../src/examples/{e.topic}"), e.title),
        )
        new = [example for example in examples if key_of(example) not in known]
        for example in status_iterator(
            new, "trying what works... ", length=len(new), stringify_func=str_of
        ):
            known[key_of(example)] = try_features(example)
        self.env.ownloss_support = known
        rows = {e: known[key_of(e)] for e in examples if known[key_of(e)]}
        features = list(next(iter(rows.values())))
        reasons: dict[str, int] = {}
        table = self.table(rows, features, reasons)
        listed = nodes.enumerated_list()
        for reason in reasons:
            listed += nodes.list_item("", nodes.paragraph("", reason))
        return [table, listed] if reasons else [table]

    def table(
        self, rows: dict[Example, Row], features: list[str], reasons: dict[str, int]
    ) -> nodes.table:
        """Write the table; note the reasons of what does not work."""
        group = nodes.tgroup("", cols=1 + len(features))
        group += [nodes.colspec(colwidth=1) for _ in range(1 + len(features))]
        group += nodes.thead("", row_of(["loss", *features]))
        body = nodes.tbody()
        for example, row in rows.items():
            cells: list[str | nodes.Node] = [self.link(example)]
            for feature in features:
                verdict = row[feature]
                if verdict != "yes":
                    answer, _, reason = verdict.partition(": ")
                    number = reasons.setdefault(reason, len(reasons) + 1)
                    verdict = f"{answer} ({number})"
                cells.append(verdict)
            body += row_of(cells)
        group += body
        return nodes.table("", group, classes=["support-matrix"])

    def link(self, example: Example) -> nodes.Node:
        """Link to the page of an example."""
        return addnodes.pending_xref(
            "",
            nodes.inline("", example.title),
            refdoc=self.env.docname,
            refdomain="std",
            reftype="doc",
            reftarget=f"/examples/{example.topic}/{example.name}",
            refexplicit=True,
            refwarn=True,
        )


def str_of(example: Example) -> str:
    """Name an example in the progress of the build."""
    return example.name


def row_of(cells: list[str | nodes.Node]) -> nodes.row:
    """Write a row of a table."""
    row = nodes.row()
    for cell in cells:
        content = nodes.Text(cell) if isinstance(cell, str) else cell
        row += nodes.entry("", nodes.paragraph("", "", content))
    return row


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive with Sphinx."""
    app.add_directive("support-matrix", SupportMatrix)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
