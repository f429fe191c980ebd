"""The losses alone, for programs: ``registry.json``, and ``losses/huber.py``.

A file in ``losses`` is byte for byte what ``ownloss copy`` writes.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from sphinx.application import Sphinx

from ownloss import catalogue


def address_of(example: catalogue.Example) -> str:
    """Where a loss alone lies on the site, from its root."""
    return f"losses/{example.name}.py"


def entry(example: catalogue.Example, site: str) -> dict[str, str]:
    """What the registry says of a loss."""
    return {
        "name": example.name,
        "topic": example.topic,
        "title": example.title,
        "summary": example.summary,
        "version": catalogue.version(),
        "sha256": catalogue.digest(example.loss),
        "address": urljoin(site, address_of(example)),
    }


def write_registry(app: Sphinx, exception: Exception | None) -> None:
    """Write the losses, and the list of them."""
    if exception or app.builder.name != "html":
        return
    site = app.config.html_baseurl
    listed = [entry(example, site) for example in catalogue.examples()]
    registry = json.dumps(listed, indent=2, ensure_ascii=False) + "\n"
    Path(app.outdir, "registry.json").write_text(registry, encoding="utf-8")
    for example in catalogue.examples():
        path = Path(app.outdir, address_of(example))
        path.parent.mkdir(exist_ok=True)
        loss = catalogue.published(example)
        path.write_text(loss, encoding="utf-8", newline="\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Come when all pages are written."""
    app.connect("build-finished", write_registry)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
