"""A page for each kind of mistake that the checker names, made from its rule's folder.

The folder of a rule holds all that its page says: the description in ``rule.py``, the
losses ``wrong.py`` and ``right.py``, and ``notes.md`` with what else a reader may ask.
The pages are written before Sphinx looks for them. Both losses are run while a page is
read, by ``ownloss.check`` and by ``gradcheck``; a wrong loss that is not named by its
kind, or a cured one with an error, fails the build.
"""

import warnings
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import ownloss
from gallery import downloads, freshness
from gallery.blocks import code, table_of_markdown
from gallery.insides import PRINTED

if TYPE_CHECKING:  # torch is imported only where a page is read
    from ownloss.checker import Kind, Report

logger = logging.getLogger(__name__)

FOLDER = "reference/kinds"
SOURCES = (
    "docs/_extensions/ownloss_site/kinds.py",
    "src/ownloss/checker/**/*.md",
    "src/ownloss/checker/**/*.py",
)
MADE_OF = ".made-of"
PAGE = """\
---
myst:
  html_meta:
    description: "{description}"
---

# {title}: `{slug}`

{meaning}
{shows}

## What finds `{slug}`, and what does not

This loss has the mistake:

```{{loss-of-kind}} {slug} wrong
```

## How to mend `{slug}`

{cure}

```{{loss-of-kind}} {slug} right
```

{notes}"""


def write_pages(app: Sphinx) -> None:
    """Write the pages that have changed, and remove those whose kind has gone.

    Where nothing has changed, the checker is not imported: with torch, that is a
    quarter of such a build.
    """
    folder = Path(app.srcdir, FOLDER)
    if not folder.with_suffix(".md").exists():  # the page that lists them
        return
    folder.mkdir(exist_ok=True)
    made_of, now = folder / MADE_OF, freshness.fingerprint(SOURCES)
    if made_of.exists() and made_of.read_text() == now:
        return
    from ownloss.checker import kinds

    written = {f"{slug}.md": page_of(kind) for slug, kind in kinds().items()}
    for path in folder.glob("*.md"):
        if path.name not in written:
            path.unlink()
    for name, text in written.items():
        downloads.write_if_new(folder / name, text.encode())
    made_of.write_text(now)


def page_of(kind: "Kind") -> str:
    """Put the page of a kind together."""
    first = kind.meaning.partition(". ")[0].rstrip(".").replace("`", "")
    described = f"{kind.title}: {first}.".replace('"', "'")
    return PAGE.format(
        slug=kind.slug,
        title=kind.title,
        description=shorten(described, 200, placeholder=" …"),
        meaning=kind.meaning,
        shows=kind.shows,
        cure=kind.cure,
        notes=(kind.folder / "notes.md").read_text(encoding="utf-8"),
    )


def run(source: str) -> dict[str, Any]:
    """Run the source of a loss; return what it defines, ``loss`` and ``inputs``."""
    namespace: dict[str, Any] = {"__name__": "a_loss"}
    # What the page shows is what is run; the name is the one that a report prints.
    code = compile(source, "a_loss.py", "exec")
    exec(code, namespace)  # noqa: S102 - wrong.py or right.py of a rule, ours
    return namespace


def check(source: str) -> "Report":
    """Check the loss of a source with its inputs."""
    namespace = run(source)
    # What a page says must not depend on how busy the machine is.
    return ownloss.check(namespace["loss"], *namespace["inputs"], seconds=300)


def by_gradcheck(source: str) -> str:
    """Say what ``gradcheck`` says of a loss, in its first line."""
    import torch

    namespace = run(source)
    loss = namespace["loss"]
    if isinstance(loss, torch.nn.Module):
        loss = loss.double()
    inputs = [
        value.detach().double().requires_grad_(value.requires_grad)
        if isinstance(value, torch.Tensor) and value.is_floating_point()
        else value
        for value in namespace["inputs"]
    ]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(torch.autograd.gradcheck(loss, inputs))
    except Exception as error:
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


class LossOfKind(SphinxDirective):
    """Show the wrong or the right loss of a kind, and what is said of it."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Check the loss."""
        from ownloss.checker import kinds

        slug, which = self.arguments
        kind = kinds()[slug]
        source = getattr(kind, which)
        report = check(source)
        named = [finding.kind for finding in report.findings]
        if which == "wrong" and slug not in named:
            self.warn(f"the wrong loss of kind {slug!r} is reported as {named!r}")
        if which == "right" and not report.ok:
            self.warn(f"the cured loss of kind {slug!r} is not right: {report}")
        return [
            code(source, "python"),
            *self.said("ownloss.check", str(report)),
            *self.said("torch.autograd.gradcheck", by_gradcheck(source)),
        ]

    def said(self, tool: str, text: str) -> list[nodes.Node]:
        """Introduce what a tool printed, and show it as the gallery does."""
        words = self.parse_text_to_nodes(f"`{tool}` says:")
        return [*words, code(text, "none", PRINTED, "verdict")]

    def warn(self, message: str) -> None:
        """Fail a build that takes warnings for errors."""
        logger.warning(message, location=self.get_location())


class KindsTable(SphinxDirective):
    """List every kind, in a row that leads to its page."""

    def run(self) -> list[nodes.Node]:
        """Write the table."""
        from ownloss.checker import kinds

        rows = [
            [f"[`{slug}`](kinds/{slug}.md)", f"{kind.title}: {lower(kind.meaning)}"]
            for slug, kind in sorted(kinds().items())
        ]
        return [table_of_markdown(self, ["name", "what is wrong"], rows)]


def lower(sentence: str) -> str:
    """Let a sentence go on after a colon."""
    return sentence[0].lower() + sentence[1:]
