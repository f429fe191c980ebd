"""The losses alone: ``registry.json`` for programs, ``losses/huber.py`` for readers.

A file in ``losses`` is byte for byte what ``ownloss copy`` writes. The page of an
example offers it beside the script, and the copy button on its first cell gives it.
"""

import html
import json
from pathlib import Path
from urllib.parse import urljoin

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

from gallery import insides
from ownloss import catalogue


def address_of(example: catalogue.Example) -> str:
    """Where a loss alone lies on the site, from its root."""
    return f"losses/{example.name}.py"


def entry(example: catalogue.Example, site: str) -> dict[str, str | list[str]]:
    """What the registry says of a loss."""
    return {
        "name": example.name,
        "topic": example.topic,
        "title": example.title,
        "summary": example.summary,
        "tags": [*example.tags],
        "version": catalogue.version(),
        "sha256": catalogue.digest(example.loss),
        "address": urljoin(site, address_of(example)),
    }


def offer_loss(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Offer the loss alone on the page of an example, to load down and to copy."""
    if not (example := catalogue.example_on(docname)):
        return
    here = app.builder.get_target_uri(docname)
    link = addnodes.download_reference(
        "",
        "",
        nodes.literal("", f"The loss alone: {example.name}.py", classes=["download"]),
        refuri=relative_uri(here, address_of(example)),
    )
    for footer in insides.footers(doctree):
        footer.insert(0, insides.offer(link))
    # An HTML parser drops the line break after <pre>, the copy button the last one.
    text = html.escape(catalogue.published(example), quote=False)
    file = f'<pre id="loss-alone" hidden>\n{text}\n</pre>'
    doctree += nodes.raw("", file, format="html")


def write_registry(app: Sphinx) -> None:
    """Write the losses, and the list of them."""
    site = app.config.html_baseurl
    listed = [entry(example, site) for example in catalogue.examples()]
    registry = json.dumps(listed, indent=2, ensure_ascii=False) + "\n"
    Path(app.outdir, "registry.json").write_text(registry, encoding="utf-8")
    for example in catalogue.examples():
        path = Path(app.outdir, address_of(example))
        path.parent.mkdir(exist_ok=True)
        loss = catalogue.published(example)
        path.write_text(loss, encoding="utf-8", newline="\n")
