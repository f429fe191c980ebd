"""Run every example anew when something that all of them depend on has changed.

Sphinx-Gallery runs an example again when the example's own text changes. The style,
this package, ``ownloss`` and the pinned versions change what an example shows, too:
when one of them does, the pages written last time are thrown away. So is the page of
an example that was removed or renamed.
"""

import hashlib
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[1]
DEPENDED_ON = ("gallery/*.py", "gallery/*.mplstyle", "constraints.txt")
FINGERPRINT = ".depended-on"
WRITTEN_BESIDE = {"index", "sg_execution_times"}


def fingerprint(root: Path = ROOT) -> str:
    """Hash everything that every example depends on.

    Args:
        root: The root of the repository.

    Returns:
        A hash that changes when one of the files changes, comes or goes.
    """
    digest = hashlib.sha256()
    for pattern in DEPENDED_ON:
        for path in sorted(root.glob(pattern)):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def forget_stale_pages(app: Sphinx) -> None:
    """Throw away the pages of examples that are gone, or of an older style.

    Args:
        app: The Sphinx application, before Sphinx-Gallery has run.
    """
    written = Path(app.srcdir) / app.config.sphinx_gallery_conf["gallery_dirs"]
    scripts = Path(app.srcdir, app.config.sphinx_gallery_conf["examples_dirs"])
    for page in written.glob("*/*.rst"):
        gone = not (scripts / page.parent.name / f"{page.stem}.py").exists()
        if gone and page.stem not in WRITTEN_BESIDE:
            page.unlink()
    mark = written / FINGERPRINT
    now = fingerprint()
    if mark.exists() and mark.read_text() == now:
        return
    if written.exists():
        logger.info("style, gallery or versions changed: every example runs anew")
        shutil.rmtree(written)
    written.mkdir(parents=True)
    mark.write_text(now)


def setup(app: Sphinx) -> None:
    """Connect before Sphinx-Gallery, which writes the pages at the same event.

    Args:
        app: The Sphinx application.
    """
    app.connect("builder-inited", forget_stale_pages, priority=100)
