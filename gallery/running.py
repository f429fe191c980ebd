"""Run the examples that have changed on all cores, before Sphinx-Gallery looks at them.

Sphinx-Gallery runs one example after the other, or starts processes that import torch
again. Here its own function is called in forked processes; it then finds these examples
done. One that has failed it finds undone, runs again and reports.
"""

import contextlib
from collections import deque
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.display import status_iterator

from gallery import insides, workers


def run_ahead(app: Sphinx) -> None:
    """Run what has changed, if that is more than one example.

    Args:
        app: The Sphinx application, before Sphinx-Gallery has run.
    """
    gallery_conf = app.config.sphinx_gallery_conf
    scripts = Path(app.srcdir, gallery_conf["examples_dirs"])
    pages = Path(app.srcdir, gallery_conf["gallery_dirs"])
    placed = [(s, pages / s.relative_to(scripts)) for s in scripts.glob("*/*.py")]
    changed = [
        (script, page)
        for script, page in sorted(placed)
        if insides.has_changed(script, page, gallery_conf)
    ]
    # One that is asked for by name runs where it can be seen to fail.
    if len(changed) < 2 or gallery_conf["run_stale_examples"]:
        return
    # What most examples import: once here, or once in every process.
    import torch._dynamo  # noqa: F401 - the first step of an optimizer imports it

    done = workers.spread(_run, changed, gallery_conf)
    with contextlib.suppress(BrokenProcessPool):  # Sphinx-Gallery runs what is left
        deque(status_iterator(done, "running examples... ", length=len(changed)), 0)


def _run(example: tuple[Path, Path], gallery_conf: dict[str, Any]) -> str:
    """Run one example; return its name."""
    insides.run(*example, gallery_conf)
    return example[0].stem
