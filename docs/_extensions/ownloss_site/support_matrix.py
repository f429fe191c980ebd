"""What torch can do with each loss of the gallery, tried while the page is built.

Each example is taken by the inputs of its own gradcheck. The page is read again when an
example changes, comes, goes or moves; rows are kept in the environment of Sphinx, so
only a loss that has changed is tried again.
"""

import hashlib
from importlib import metadata
from operator import itemgetter

from docutils import nodes
from sphinx.util import logging
from sphinx.util.display import status_iterator
from sphinx.util.docutils import SphinxDirective

from gallery import workers
from gallery.blocks import table
from gallery.page import EVERY_SCRIPT, link_to, place_of_topic
from ownloss import catalogue
from ownloss.catalogue import Example

logger = logging.getLogger(__name__)

Row = dict[str, str]
"""From a feature to "yes", or to what was raised or is wrong; empty without proof."""


def keys() -> dict[Example, str]:
    """Hash all that the row of each example depends on: checker, torch and the loss."""
    common = hashlib.sha256(metadata.version("torch").encode())
    for path in sorted((catalogue.folder().parent / "ownloss").rglob("*.py")):
        common.update(path.read_bytes())
    key_of = {}
    for example in catalogue.examples():
        own = common.copy()
        own.update(example.loss.encode())
        key_of[example] = own.hexdigest()
    return key_of


def try_features(example: Example) -> tuple[str, Row, str]:
    """Try every feature on the first loss that an example proves.

    Returns:
        The name, the row, and the checker's report where it has found an error.
    """
    # Only now: where nothing has to be tried, torch is not imported.
    import torch

    import ownloss
    from gallery.proof import proofs

    torch.set_num_threads(1)
    torch.manual_seed(0)
    noted = proofs(example)
    if not noted:
        return example.name, {}, ""
    # No machine is so slow that the check has to end early.
    report = ownloss.check(noted[0].loss, *noted[0].inputs, seconds=300)
    row = {feature: str(report.supports[feature]) for feature in report.supports}
    warned = [f.message for f in report.findings if f.severity == "warning"]
    if report.ok and warned and row["backward"].startswith("silently wrong"):
        # What follows from the rule, second derivatives among it, is meant as well.
        for feature, verdict in row.items():
            if verdict.startswith("silently wrong"):
                row[feature] = f"on purpose: {warned[0]}"
    return example.name, row, "" if report.ok else str(report)


def try_all(examples: list[Example]) -> dict[Example, Row]:
    """Try every feature on each of the examples."""
    if examples:
        import torch._dynamo  # noqa: F401 - once here, or once in every process
    rows: dict[Example, Row] = {}
    tried = status_iterator(
        workers.spread(try_features, examples),
        "trying what works... ",
        length=len(examples),
        stringify_func=itemgetter(0),
    )
    for example, (_, row, errors) in zip(examples, tried, strict=True):
        if errors:
            logger.warning("the checker finds an error in %s: %s", example.path, errors)
        rows[example] = row
    return rows


class SupportMatrix(SphinxDirective):
    """Write the table of all examples and features, and the reasons below it."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        key_of = keys()
        examples = sorted(key_of, key=lambda e: (place_of_topic(e.topic), e.title))
        # The gallery writes its list again where an example comes, goes or moves.
        gallery = self.config.sphinx_gallery_conf["gallery_dirs"]
        _, listed = self.env.relfn2path(f"/{gallery}/index.rst")
        for path in (listed, *(example.path for example in examples)):
            self.env.note_dependency(str(path))
        known: dict[str, Row] = getattr(self.env, "support_rows", {})
        new = [example for example in examples if key_of[example] not in known]
        if self.config.sphinx_gallery_conf["filename_pattern"] != EVERY_SCRIPT:
            new = []  # a build of one example only: the others are tried in the next
            self.env.note_reread()
        known = {**known, **{key_of[e]: row for e, row in try_all(new).items()}}
        rows = {e: known[key_of[e]] for e in examples if key_of[e] in known}
        self.env.support_rows = {key_of[e]: row for e, row in rows.items()}
        rows = {e: row for e, row in rows.items() if row}
        if not rows:
            return []
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
        written = []
        for example, row in rows.items():
            cells: list[str | nodes.Node] = [link_to(example, self.env.docname)]
            for feature in features:
                verdict = row[feature]
                if verdict != "yes":
                    answer, _, reason = verdict.partition(": ")
                    number = reasons.setdefault(reason, len(reasons) + 1)
                    verdict = f"{answer} ({number})"
                cells.append(verdict)
            written.append(cells)
        return table(["loss", *features], written, "support-matrix")
