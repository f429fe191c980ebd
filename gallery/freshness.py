"""Make again what has changed, was interrupted or has failed; leave the rest as it is.

Sphinx-Gallery runs an example again when the example's own text changes, and Sphinx
reads a page again when the page's own file does. What they do not see is seen here:

- the style, this package and the versions of what the examples import: every example
  runs again (:func:`forget_stale_pages`);
- the extensions of the site, ``ownloss`` and every installed version: every page is
  read again; its styles, scripts and templates: every page is written again
  (the settings of :func:`setup`);
- nothing at all of the gallery: it is left alone (:func:`leave_gallery_alone`);
- an example that was interrupted, or failed: it is not taken for done
  (:func:`follow_run`);
- a build that was interrupted, or had a warning: every page is read and written again
  (:func:`begin`), so the warning is said again.
"""

import contextlib
import hashlib
import platform
import shutil
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from gallery import insides
from gallery.page import EVERY_SCRIPT, EXAMPLES

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[1]
RUN_WITH = ("matplotlib", "numpy", "scipy", "sphinx-gallery", "torch")
EXAMPLES_DEPEND_ON = ("gallery/*.py", "gallery/*.mplstyle")
GALLERY_DEPENDS_ON = (*EXAMPLES_DEPEND_ON, "src/examples/**/*")
LEANS_ON = {
    "sphinx.application.Sphinx._warncount": "a warning is said once, and the next "
    "build passes: finish() must count them itself",
}
FINGERPRINT, WHOLE = ".depended-on", ".whole"
RUNNING = ".running"
UNFINISHED = ".unfinished"
WRITTEN_BESIDE = {"index", "sg_execution_times"}


def fingerprint(
    patterns: Iterable[str], versions: Iterable[str] = (), root: Path = ROOT
) -> str:
    """Hash files and versions.

    Args:
        patterns: Which files, below ``root``.
        versions: Such as ``"torch 2.13.0"``.
        root: The root of the repository.

    Returns:
        A hash that changes when a file or a version changes, comes or goes.
    """
    digest = hashlib.sha256("\0".join(versions).encode())
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            if path.is_file():
                digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def versions_of(names: Iterable[str]) -> list[str]:
    """Name Python and the installed versions.

    Args:
        names: Names of distributions.

    Returns:
        Such as ``["python 3.11.2", "torch 2.13.0"]``, without what is not installed.
    """
    found = [f"python {platform.python_version()}"]
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found


def installed() -> list[str]:
    """Name every installed distribution and its version."""
    every = (each.metadata for each in metadata.distributions())  # each is read once
    return sorted(f"{about['Name']} {about['Version']}" for about in every)


def leave_gallery_alone(app: Sphinx, config: Config) -> None:
    """Keep Sphinx-Gallery from parsing every script where nothing has changed.

    Args:
        app: The Sphinx application, before Sphinx-Gallery has run.
        config: The settings.
    """
    gallery_conf = config.sphinx_gallery_conf
    mark = Path(app.srcdir, gallery_conf["gallery_dirs"], WHOLE)
    every = gallery_conf["filename_pattern"] == EVERY_SCRIPT
    now = fingerprint(GALLERY_DEPENDS_ON, versions_of(RUN_WITH))
    if every and mark.exists() and mark.read_text() == now:
        insides.stop(app)
        return
    mark.unlink(missing_ok=True)
    app.gallery_when_whole = now if every else None


def forget_stale_pages(app: Sphinx) -> None:
    """Throw away the pages of examples that are gone, unfinished or of an older style.

    Args:
        app: The Sphinx application, before Sphinx-Gallery has run.
    """
    written = Path(app.srcdir) / app.config.sphinx_gallery_conf["gallery_dirs"]
    scripts = Path(app.srcdir, app.config.sphinx_gallery_conf["examples_dirs"])
    for page in written.glob("*/*.rst"):
        gone = not (scripts / page.parent.name / f"{page.stem}.py").exists()
        if gone and page.stem not in WRITTEN_BESIDE:
            page.unlink()
    for running in written.glob(f"*/*{RUNNING}"):
        insides.note_that_it_ran(running.with_suffix("")).unlink(missing_ok=True)
        running.unlink()
    mark = written / FINGERPRINT
    now = fingerprint(EXAMPLES_DEPEND_ON, versions_of(RUN_WITH))
    if mark.exists() and mark.read_text() == now:
        return
    if written.exists():
        logger.info("style, gallery or versions changed: every example runs again")
        shutil.rmtree(written)
    written.mkdir(parents=True)
    mark.write_text(now)


def follow_run(gallery_conf: dict[str, Any], example: str | None, when: str) -> None:
    """Take an example for done once its page and its figures are written.

    Sphinx-Gallery notes an example as done before it writes the page, and keeps the
    note of an earlier text when a new one fails.

    Args:
        gallery_conf: The settings of Sphinx-Gallery.
        example: The example's file name; ``None`` where a folder of them begins.
        when: ``"before"`` or ``"after"`` the example.
    """
    pages = Path(gallery_conf["src_dir"], gallery_conf["gallery_dirs"])
    written = next(pages.glob(f"*/{example}"), None)
    if example is None or written is None:
        return
    done = insides.note_that_it_ran(written)
    running = written.with_name(f"{written.name}{RUNNING}")
    figures = insides.figures(written)
    if when == "before":
        running.touch()
        for path in (done, insides.blank_card(written), *figures):
            path.unlink(missing_ok=True)
    elif done.exists() and figures:
        running.unlink()
    elif not figures:
        script = next(EXAMPLES.glob(f"*/{example}"), example)
        logger.warning(
            "the example draws nothing: a gradient wants a picture",
            location=f"{script}:1",
            type="gallery",
        )


def begin(app: Sphinx) -> None:
    """Mark the build as unfinished, and see whether the last one was.

    Args:
        app: The Sphinx application, whose pages are not yet read.
    """
    mark = Path(app.doctreedir, UNFINISHED)
    app.last_was_unfinished = mark.exists()
    mark.touch()


def read_all_again(
    app: Sphinx,
    env: BuildEnvironment,
    _added: set[str],
    _changed: set[str],
    removed: set[str],
) -> set[str]:
    """Remove pages that are gone; say which others are out of date.

    Args:
        app: The Sphinx application.
        env: The environment of the last build.
        _added: The pages that are new, not used.
        _changed: The pages that have changed, not used.
        removed: The pages that are gone.

    Returns:
        Every page, where the last build did not end well.
    """
    for page in removed:
        for copy in ("", ".md"):  # each page is also there as Markdown
            written = f"{app.builder.get_target_uri(page)}{copy}"
            Path(app.outdir, written).unlink(missing_ok=True)
    return env.found_docs if app.last_was_unfinished else set()


def sweep(app: Sphinx) -> None:
    """Remove what a build from nothing would not have made.

    Args:
        app: The Sphinx application, whose pages are written.
    """
    Path(app.outdir, ".buildinfo.bak").unlink(missing_ok=True)
    figures = {Path("_images", name) for _, name in app.env.images.values()}
    downloads = {Path("_downloads", name) for _, name in app.env.dlfiles.values()}
    for pattern, known in (
        ("_images/*", figures),
        ("_downloads/*/*", downloads),
    ):
        for file in Path(app.outdir).glob(pattern):
            if file.relative_to(app.outdir) not in known:
                file.unlink()
                with contextlib.suppress(OSError):  # others lie beside it
                    file.parent.rmdir()


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Take the mark away if nothing went wrong.

    Args:
        app: The Sphinx application.
        exception: What has ended the build, if anything has.
    """
    sweep(app)
    if exception is not None or app._warncount:
        return
    Path(app.doctreedir, UNFINISHED).unlink(missing_ok=True)
    if now := getattr(app, "gallery_when_whole", None):
        gallery = app.config.sphinx_gallery_conf["gallery_dirs"]
        Path(app.srcdir, gallery, WHOLE).write_text(now)
