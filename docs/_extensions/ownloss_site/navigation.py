"""The tree of all pages beside every page, made once and fitted to each page.

The theme asks Sphinx for the whole tree again for every page, which costs more the more
pages there are. Here it is made once; a page gets it with its own links, and with the
marks of where it is. A long list, such as that of the messages, stands beside its own
pages only: elsewhere it would be the larger half of the page.
"""

import functools
import re
from typing import Any

from bs4 import BeautifulSoup, Comment
from furo.navigation import get_navigation_tree
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment.adapters.toctree import TocTree
from sphinx.util.osutil import relative_uri

LINK = re.compile(r'(<a class="reference internal" href=")([^"]+)')
MARK = re.compile(r" ?mark-(here|over|open)-(\d+)(?:=\"\")?")
LONG = 40
LONG_LIST = re.compile(r"<!--long (\S+)-->(.*?)<!--/long-->", re.DOTALL)


class Navigation:
    """The tree of all pages.

    Args:
        builder: The builder of the pages, which have all been read.
    """

    def __init__(self, builder: StandaloneHTMLBuilder) -> None:
        root = builder.config.root_doc
        tree = TocTree(builder.env).get_toctree_for(
            root,
            builder,
            collapse=False,
            titles_only=True,
            maxdepth=-1,
            includehidden=True,
        )
        html = builder.render_partial(tree)["fragment"] if tree else ""
        soup = BeautifulSoup(get_navigation_tree(html), "html.parser")
        self._above: dict[str, list[int]] = {}
        for number, item in enumerate(soup("li")):
            item["number"] = number
            above = [int(parent["number"]) for parent in item.find_parents("li")]
            self._above[item.a["href"]] = [number, *above]
            item["class"].insert(1, f"mark-over-{number}")
        for item in soup("li"):
            number = item["number"]
            del item["number"]
            item["class"].append(f"mark-here-{number}")
            if box := item.find("input", recursive=False):
                box.attrs = {f"mark-open-{number}": "", **box.attrs}
            below = item.find("ul", recursive=False)
            if below and len(below("li", recursive=False)) > LONG:
                folder = item.a["href"].rpartition("/")[0]
                item.a.insert_after(Comment(f"long {folder}"))
                below.insert_after(Comment("/long"))
        self._text = str(soup)
        self._linked_from = functools.cache(self._links_from)

    def _links_from(self, folder: str) -> str:
        """The tree with the links of a page in a folder."""
        here = f"{folder}/?" if folder else "?"  # any page of the folder

        def beside_its_own(found: re.Match[str]) -> str:
            return found[2] if here.startswith(f"{found[1]}/") else ""

        text = LONG_LIST.sub(beside_its_own, self._text)
        return LINK.sub(lambda link: link[1] + relative_uri(here, link[2]), text)

    def beside(self, uri: str) -> str:
        """Return the tree as it stands beside a page.

        Args:
            uri: The address of the page within the site.

        Returns:
            HTML.
        """
        above = self._above.get(uri, [])
        written = {"over": " current", "open": ' checked=""', "here": " current-page"}

        def mark(found: re.Match[str]) -> str:
            what, number = found[1], int(found[2])
            marked = above[:1] if what == "here" else above
            return written[what] if number in marked else ""

        folder, _, name = uri.rpartition("/")
        text = MARK.sub(mark, self._linked_from(folder))
        own = f'<a class="reference internal" href="{name}">'
        return text.replace(own, '<a class="current reference internal" href="#">')


def withhold(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Let the theme ask for no tree, before it asks."""
    if page != app.config.notfound_pagename:  # whose links begin at the site's root
        context["own_toctree"] = context["toctree"]
        context["toctree"] = _no_tree


def _no_tree(**_options: Any) -> str:
    return ""


def supply(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Give the page its tree in the theme's place."""
    if page != app.config.notfound_pagename:
        context["toctree"] = context.pop("own_toctree")
        tree = _navigation_of(app.builder).beside(app.builder.get_target_uri(page))
        context["furo_navigation_tree"] = tree


@functools.cache
def _navigation_of(builder: StandaloneHTMLBuilder) -> Navigation:
    return Navigation(builder)
