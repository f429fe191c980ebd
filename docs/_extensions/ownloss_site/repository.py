"""Links from a page to the repository: its source, a report, Colab and a Binder.

The one setting is ``repository_url``. Without it nothing is shown.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

from gallery import insides

GITHUB = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)/?")
BRANCH = "main"
# Written by .github/publish-notebooks: Colab opens what lies on GitHub and nothing
# else, and a Binder made of this branch installs what the notebooks need, no more.
NOTEBOOKS = "notebooks"
# .github/ISSUE_TEMPLATE/wrong.yml, whose fields have the names that an address fills.
FORM = "wrong.yml"


def check_address(app: Sphinx, config: Config) -> None:
    """Refuse addresses that no link can be made of.

    Raises:
        ConfigError: ``repository_url`` is something else than a repository on GitHub,
            or a site that is to be published has no address.
    """
    if "publish" in app.tags and not config.html_context["published"]:
        raise ConfigError(
            "SITE_URL wants the address where the site will be published, such as "
            f"https://example.org/ownloss/; the pages would name {config.html_baseurl}"
        )
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
    """Name the file that somebody edits to change a page, or their folder."""
    if pagename == app.config.root_doc:
        return "README.md"  # which the home page includes
    if pagename.startswith("reference/kinds/"):
        rule = pagename.rpartition("/")[2].replace("-", "_")
        return f"src/ownloss/checker/rules/{rule}"
    folder, _, example = pagename.partition("/")
    if folder != app.config.sphinx_gallery_conf["gallery_dirs"]:
        return f"docs/{pagename}.md"
    if example.endswith("index"):
        return f"src/examples/{example.removesuffix('index')}GALLERY_HEADER.rst"
    return f"src/examples/{example}.py"


def links_of_foot(app: Sphinx, page: str, context: dict[str, Any]) -> dict[str, str]:
    """Link a page to its source, and to a report that knows where it comes from.

    Args:
        app: The Sphinx application.
        page: The name of the page.
        context: What its template is given.

    Returns:
        Addresses by what they are for: ``edit`` and ``source``, which a page that
        nobody wrote does not have, and ``report``. Nothing where the repository is not
        known.
    """
    if not (where := repository(app)):
        return {}
    home, config = f"https://github.com/{where}", app.config
    torch = config.html_context["torch_version"]
    asked = {
        "template": FORM,
        "where": context["pageurl"] if config.html_context["published"] else page,
        "versions": f"{config.project} {config.version}, torch {torch}",
    }
    links = {"report": f"{home}/issues/new?{urlencode(asked)}"}
    if page in app.env.found_docs:
        source = source_of(app, page)
        edit, show = ("edit", "blob") if Path(source).suffix else ("tree", "tree")
        links["edit"] = f"{home}/{edit}/{BRANCH}/{source}"
        links["source"] = f"{home}/{show}/{BRANCH}/{source}"
    return links


def colab(app: Sphinx, notebook: str) -> str:
    """Return where Colab opens a notebook, which is named from the root of them all."""
    at = f"{repository(app)}/blob/{NOTEBOOKS}/{notebook}"
    return f"https://colab.research.google.com/github/{at}"


def link_to_notebook(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Offer, beside the downloads of an example, to run it elsewhere."""
    if not repository(app):
        return
    gallery = app.config.sphinx_gallery_conf["gallery_dirs"]
    notebook = f"{docname.removeprefix(f'{gallery}/')}.ipynb"
    places = {
        "Open in Colab": colab(app, notebook),
        "Open in a Binder": (
            f"https://mybinder.org/v2/gh/{repository(app)}/{NOTEBOOKS}"
            f"?labpath={quote(notebook, safe='')}"
        ),
    }
    for footer in insides.footers(doctree):
        for label, address in places.items():
            link = nodes.reference("", label, refuri=address, internal=False)
            footer += insides.offer(link)
