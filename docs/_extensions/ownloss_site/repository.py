"""Links from a page to the repository: edit it, or run it in Colab or in a Binder.

The one setting is ``repository_url``. Without it nothing is shown.
"""

import re
from typing import Any
from urllib.parse import quote

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

GITHUB = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)/?")
BRANCH = "main"
# Written by .github/publish-notebooks: Colab opens what lies on GitHub and nothing
# else, and a Binder made of this branch installs what the notebooks need, no more.
NOTEBOOKS = "notebooks"


def check_address(_app: Sphinx, config: Config) -> None:
    """Refuse an address that no link can be made of.

    Raises:
        ConfigError: ``repository_url`` is something else than a repository on GitHub.
    """
    url = config.repository_url
    if url and not GITHUB.fullmatch(url):
        raise ConfigError(
            "repository_url wants an address such as https://github.com/owner/name, "
            f"or nothing; got {url!r}"
        )


def repository(app: Sphinx) -> str:
    """Return ``owner/name``, or nothing where the address is not known."""
    match = GITHUB.fullmatch(app.config.repository_url)
    return match[1] if match else ""


def source_of(app: Sphinx, pagename: str) -> str:
    """Return the file that somebody edits to change a page."""
    if pagename == app.config.root_doc:
        return "README.md"  # which the home page includes
    if pagename.startswith("reference/kinds/"):
        rule = pagename.rpartition("/")[2].replace("-", "_")
        return f"src/ownloss/checker/rules/{rule}/notes.md"
    folder, _, example = pagename.partition("/")
    if folder != app.config.sphinx_gallery_conf["gallery_dirs"]:
        return f"docs/{pagename}.md"
    if example.endswith("index"):
        return f"src/examples/{example.removesuffix('index')}GALLERY_HEADER.rst"
    return f"src/examples/{example}.py"


def link_to_source(
    app: Sphinx,
    pagename: str,
    _templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Tell furo where the page at hand is edited."""
    if doctree is not None and repository(app):
        context["theme_source_edit_link"] = (
            f"https://github.com/{repository(app)}/edit/{BRANCH}/"
            f"{source_of(app, pagename)}"
        )


def link_to_notebook(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Offer, beside the downloads of an example, to run it elsewhere."""
    if app.builder.name != "html" or not repository(app):
        return
    gallery = app.config.sphinx_gallery_conf["gallery_dirs"]
    notebook = f"{docname.removeprefix(f'{gallery}/')}.ipynb"
    places = {
        "Open in Colab": (
            f"https://colab.research.google.com/github/{repository(app)}"
            f"/blob/{NOTEBOOKS}/{notebook}"
        ),
        "Open in a Binder": (
            f"https://mybinder.org/v2/gh/{repository(app)}/{NOTEBOOKS}"
            f"?labpath={quote(notebook, safe='')}"
        ),
    }
    for footer in doctree.findall(nodes.container):
        if "sphx-glr-footer" in footer["classes"]:
            for label, address in places.items():
                link = nodes.reference("", label, refuri=address, internal=False)
                footer += nodes.container(
                    "", nodes.paragraph("", "", link), classes=["sphx-glr-download"]
                )
