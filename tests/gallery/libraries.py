"""What a server of builds has done before the first: imported, compiled and drawn.

A page of Markdown is built with the libraries of the site and nothing of ours, so that
no build of a small site spends most of its time in imports, templates and patterns.
"""

import gc
import tempfile
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

# What the builds import, and nothing below uses.
for library in ("pytest", "torch"):
    import_module(library)

with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    (root / "index.md").write_text("# Home\n\n```python\nx = 1\n```\n", "utf-8")
    (root / "scripts").mkdir()
    (root / "scripts" / "GALLERY_HEADER.rst").write_text("Scripts\n=======\n", "utf-8")
    (root / "scripts" / "line.py").write_text('"""\nA line\n======\n"""\n', "utf-8")
    settings = {
        "extensions": [
            *("myst_parser", "notfound.extension", "sphinx.ext.autodoc"),
            *("sphinx.ext.intersphinx", "sphinx.ext.napoleon", "sphinx_copybutton"),
            *("sphinx_gallery.gen_gallery", "sphinxext.opengraph"),
        ],
        "html_theme": "furo",
        "ogp_social_cards": {"enable": False},
        "pygments_dark_style": "github-dark",
        "root_doc": "index",
        "sphinx_gallery_conf": {"examples_dirs": "scripts", "gallery_dirs": "written"},
    }
    quiet = {"status": None, "warning": None}
    # As Sphinx's own command does it: nothing stays registered.
    with patch_docutils(), docutils_namespace():
        Sphinx(root, None, root / "html", root / "d", "html", settings, **quiet).build()
    figure, axes = plt.subplots()
    axes.plot([0, 1], label="$x$")
    axes.legend()
    for kind in ("svg", "png"):
        figure.savefig(root / f"figure.{kind}")
    plt.close(figure)

# What lives now is in every fork, and no build counts it again.
gc.collect()
gc.freeze()
