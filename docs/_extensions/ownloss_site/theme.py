"""All that touches furo, the theme: one listener, and what it is built on.

The tree of all pages stands beside every page. The theme asks Sphinx for the whole tree
again for every page, which costs more the more pages there are. Here it is made once; a
page gets it with its own links, and with the marks of where it is. A long list, such as
that of the messages, stands beside its own pages only: elsewhere it would be the larger
half of the page. (A change of the theme that does the first has been open since July
2026: https://github.com/pradyunsg/furo/pull/939.)

Nothing of furo is documented but its settings and the variables of its templates, so
``LEANS_ON`` and ``REPLACED`` say what breaks without each name. `nox -s tests` tries
each, today and with the next furo.
"""

import functools
import re
from pathlib import Path
from typing import Any

import furo
from bs4 import BeautifulSoup, Comment
from docutils import nodes
from furo.navigation import get_navigation_tree
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment.adapters.toctree import TocTree
from sphinx.util.osutil import relative_uri

from ownloss_site import about, repository

LEANS_ON = {
    "furo.THEME_PATH": "the policy forbids the script that sets light or dark, and a "
    "dark page flashes white: inline_scripts() must find base.html elsewhere",
    "furo.get_pygments_stylesheet()": "code has no colours, or those of Sphinx alone: "
    "pygments_styles() must wait until furo has written pygments.css",
    "furo.navigation.get_navigation_tree(toctree_html)": "the menu has no switches "
    "that open its branches: Navigation must make them itself",
    "sphinx.environment.adapters.toctree.TocTree.get_toctree_for(self, docname, "
    "builder, collapse)": "the menu is empty: Navigation must ask Sphinx otherwise",
    "sphinx.builders.html.StandaloneHTMLBuilder.render_partial(self, node)": "the menu "
    "is empty: Navigation must write its tree as HTML otherwise",
}
# Two asides need two names, the switches of the drawers a landmark around them, and a
# heading its level; the theme and Sphinx give none. What is replaced on each page, by
# what, and where it comes from.
SWITCH = '<input type="checkbox" class="sidebar-toggle" name="__navigation"'
OVERLAY = '<label class="overlay sidebar-overlay"'
SITE, TOC = '<aside class="sidebar-drawer">', '<aside class="toc-drawer'
CAPTION = '<p class="caption" role="heading"><span'
REPLACED = {
    SWITCH: f'<section aria-label="Drawers">{SWITCH}',
    OVERLAY: f"</section>{OVERLAY}",
    SITE: '<aside class="sidebar-drawer" aria-label="Site">',
    TOC: '<aside aria-label="On this page" class="toc-drawer',
    CAPTION: '<p class="caption" role="heading" aria-level="2"><span',
}
INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
LINK = re.compile(r'(<a class="reference internal" href=")([^"]+)')
MARK = re.compile(r" ?mark-(here|over|open)-(\d+)(?:=\"\")?")
LONG = 40
LONG_LIST = re.compile(r"<!--long (\S+)-->(.*?)<!--/long-->", re.DOTALL)


def dress(
    app: Sphinx,
    page: str,
    _template: str,
    context: dict[str, Any],
    _doctree: nodes.document | None,
) -> None:
    """Give a page what our templates show in the theme's place, before the theme.

    ``docs/_templates/sidebar/navigation.html`` shows ``site_tree``; ``page.html`` calls
    ``with_landmarks`` and shows what is in ``ran_on`` and ``repository``.
    """
    context["with_landmarks"] = with_landmarks
    context["ran_on"] = about.day_of_build()
    context["repository"] = repository.links_of_foot(app, page, context)
    if app.builder.embedded:
        return  # a book has another theme
    # A setting of furo, page by page.
    context["theme_source_edit_link"] = context["repository"].get("edit", "")
    # The links of the page for all that is not there begin at the site's root: its own
    # extension sees to them.
    if page != app.config.notfound_pagename:
        context["toctree"] = _no_tree
        builder = app.builder
        if not hasattr(builder, "site_navigation"):
            builder.site_navigation = Navigation(builder)
        context["site_tree"] = builder.site_navigation.beside(
            builder.get_target_uri(page)
        )


def _no_tree(**_options: Any) -> str:
    """Let the theme ask for its tree, and get none at no cost."""
    return ""


def with_landmarks(body: str) -> str:
    """Name the parts of a page for those who do not see where they are.

    Args:
        body: The body of a page, as the theme writes it.

    Returns:
        The same with what :data:`REPLACED` says.
    """
    for written, better in REPLACED.items():
        body = body.replace(written, better)
    return body


def inline_scripts() -> list[str]:
    """Return the scripts that the theme writes into each page.

    They set light or dark before anything is drawn, so they cannot come from a file.
    """
    template = Path(furo.THEME_PATH, "base.html").read_text(encoding="utf-8")
    return INLINE_SCRIPT.findall(template)


def pygments_styles() -> str:
    """Return the colours of code, which the theme writes when all pages are written."""
    return furo.get_pygments_stylesheet()


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
