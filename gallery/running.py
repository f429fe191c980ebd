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
from sphinx_gallery.gen_rst import executable_script, generate_file_rst
from sphinx_gallery.utils import get_md5sum

from gallery import workers

# Not passed to the processes but copied with them.
_gallery_conf: dict[str, Any] = {}


def run_ahead(app: Sphinx) -> None:
    """Run what has changed, if that is more than one example.

    Args:
        app: The Sphinx application, before Sphinx-Gallery has run.
    """
    _gallery_conf.update(app.config.sphinx_gallery_conf)
    changed = [] if _gallery_conf["run_stale_examples"] else _changed(app)
    if len(changed) < 2:
        return
    # What most examples import: once here, or once in every process.
    import torch._dynamo  # noqa: F401 - the first step of an optimizer imports it

    done = workers.spread(_run, changed)
    with contextlib.suppress(BrokenProcessPool):  # Sphinx-Gallery runs what is left
        deque(status_iterator(done, "running examples... ", length=len(changed)), 0)


def _changed(app: Sphinx) -> list[tuple[Path, Path]]:
    """Each script that has changed since it ran, and the folder of its page."""
    scripts = Path(app.srcdir, _gallery_conf["examples_dirs"])
    pages = Path(app.srcdir, _gallery_conf["gallery_dirs"])
    changed = []
    for script in sorted(scripts.glob("*/*.py")):
        target = pages / script.parent.name
        known = target / f"{script.name}.md5"
        if executable_script(script, _gallery_conf) and (
            not known.exists() or known.read_text() != get_md5sum(script, mode="t")
        ):
            changed.append((script, target))
    return changed


def _run(example: tuple[Path, Path]) -> str:
    """Run one example as Sphinx-Gallery would; return its name."""
    script, target = example
    target.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(Exception):
        generate_file_rst(script.name, target, script.parent, _gallery_conf)
    return script.stem
