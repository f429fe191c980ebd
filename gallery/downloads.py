"""What a reader takes home of an example: its script, its notebook, and both as a zip.

Sphinx-Gallery writes the text of a notebook as Markdown and leaves references to
objects and figures to drag as they stand in the script, and the time of day gets into
its zips. Both are mended here, before Sphinx copies the files into the site.
"""

import json
import re
from pathlib import Path

from sphinx.application import Sphinx

from ownloss.archive import packed

# An example is named by its file: :doc:`/examples/robust/huber` becomes huber.
REFERENCE = re.compile(
    r":(?:py:)?(?:func|class|meth|mod|doc|ref):`(?:~|/examples/\w+/)?([^`]+)`"
)

# The directive and all that is indented below it: in a notebook nothing can be dragged.
TO_DRAG = re.compile(r"^\.\. draggable-\w+::.*(?:\n+ +.*)*\n*", re.MULTILINE)


def for_a_notebook(notebook: str) -> str:
    """Write references to objects as code, and leave out figures to drag.

    Args:
        notebook: A notebook as it stands in its file.

    Returns:
        The same with ``torch.vmap`` in backticks for ``:func:`torch.vmap```.
    """
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = [
                REFERENCE.sub(r"`\1`", TO_DRAG.sub("", text)) for text in cell["source"]
            ]
    return json.dumps(content, indent=2)


def finish_downloads(app: Sphinx) -> None:
    """Mend the notebooks, and pack the zips again without the time of day.

    Args:
        app: The Sphinx application, when Sphinx-Gallery has run.
    """
    if not hasattr(app, "gallery_when_whole"):
        return  # the gallery was left alone: freshness.py says when
    written = Path(app.srcdir, app.config.sphinx_gallery_conf["gallery_dirs"])
    for notebook in sorted(written.glob("*/*.ipynb")):
        mended = for_a_notebook(notebook.read_text(encoding="utf-8"))
        write_if_new(notebook, mended.encode())
        both = (notebook.with_suffix(".py"), notebook)
        zipped = packed({file.name: file.read_bytes() for file in both})
        write_if_new(notebook.with_suffix(".zip"), zipped)


def write_if_new(path: Path, content: bytes) -> None:
    """Write a file, unless it says so already: its page would be read again.

    Args:
        path: The file.
        content: What is to stand in it.
    """
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)
