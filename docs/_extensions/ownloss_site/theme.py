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
from html import escape
from pathlib import Path
from typing import Any

import furo
from docutils import nodes
from notfound.extension import finalize_media
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
    "notfound.extension.finalize_media(app, pagename)": "the theme makes a tree of its "
    "own for a lost address, a fifth of a build in which nothing has changed: "
    "lead_lost_first() must find another listener",
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
# In the attributes of an item and of its switch; what a page says there instead.
MARK = re.compile(r' ?mark-(here|over|open)-(\d+)(?:="")?')
MARKED = {"over": " current", "open": ' checked=""', "here": " current-page"}
# As furo writes it, which parses the whole tree for that.
BRANCH = (
    '<input aria-label="Toggle navigation of {title}" class="toctree-checkbox" '
    'id="{box}" mark-open-{number}="" name="{box}" role="switch" type="checkbox"/>'
    '<label for="{box}">'
    '<span class="icon"><svg><use href="#svg-arrow-right"></use></svg></span></label>'
)
LONG = 40
LONG_LIST = re.compile(r"<!--long (\S+)-->(.*?)<!--/long-->", re.DOTALL)


def lead_lost_first(app: Sphinx) -> None:
    """Let the page for a lost address have its links before we and the theme dress it.

    Its extension gives it a tree of its own as well, which would be the last word.
    """
    for listener in list(app.events.listeners["html-page-context"]):
        if listener.handler is finalize_media:
            app.disconnect(listener.id)
            app.connect("html-page-context", finalize_media, 440)


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
    context["toctree"] = _no_tree
    builder = app.builder
    if not hasattr(builder, "site_navigation"):
        builder.site_navigation = Navigation(builder)
    if page == app.config.notfound_pagename:  # it is shown in any folder
        root = app.config.notfound_urls_prefix or "/"
        context["site_tree"] = builder.site_navigation.everywhere(root)
    else:
        uri = builder.get_target_uri(page)
        context["site_tree"] = builder.site_navigation.beside(uri)


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
        self._above: dict[str, list[int]] = {}
        items = list(tree.findall(nodes.list_item)) if tree else []
        numbers = {id(item): number for number, item in enumerate(items)}
        switches = 0
        for number, item in enumerate(items):
            # Above it are a list and the next item, and so on up to the whole tree.
            above, parent = [number], item.parent.parent
            while id(parent) in numbers:
                above.append(numbers[id(parent)])
                parent = parent.parent.parent
            link, *below = item.children
            self._above[link[0]["refuri"]] = above
            item["classes"].insert(1, f"mark-over-{number}")
            if below:
                switches += 1
                item["classes"].append("has-children")
                item[1:1] = self._switch(number, switches, link[0], below[0])
                if len(below[0]) > LONG:
                    item.append(nodes.raw("", "<!--/long-->", format="html"))
            item["classes"].append(f"mark-here-{number}")
        self._text = builder.render_partial(tree)["fragment"] if tree else ""
        self._parts_from = functools.cache(self._parts_of)

    @staticmethod
    def _switch(
        number: int, count: int, link: nodes.reference, below: nodes.bullet_list
    ) -> list[nodes.raw]:
        """What opens and closes a branch, between its title and its list."""
        box = f"toctree-checkbox-{count}"
        html = BRANCH.format(number=number, box=box, title=escape(link.astext()))
        if len(below) > LONG:
            folder = link["refuri"].rpartition("/")[0]
            html = f"<!--long {folder}-->{html}"
        return [nodes.raw("", html, format="html")]

    def _parts_of(self, folder: str) -> tuple[list[str], dict[tuple[str, int], int]]:
        """The tree with the links of a page in a folder, cut at the marks.

        Returns:
            The parts, every second of which is the empty place of a mark, and the
            number of the place of each mark.
        """
        here = f"{folder}/?" if folder else "?"  # any page of the folder

        def beside_its_own(found: re.Match[str]) -> str:
            return found[2] if here.startswith(f"{found[1]}/") else ""

        text = LONG_LIST.sub(beside_its_own, self._text)
        text = LINK.sub(lambda link: link[1] + relative_uri(here, link[2]), text)
        cut = MARK.split(text)
        marks = zip(cut[1::3], map(int, cut[2::3]), strict=True)
        parts = [part for text in cut[::3] for part in (text, "")]
        return parts, {mark: 2 * place + 1 for place, mark in enumerate(marks)}

    def beside(self, uri: str) -> str:
        """Return the tree as it stands beside a page.

        Args:
            uri: The address of the page within the site.

        Returns:
            HTML.
        """
        folder, _, name = uri.rpartition("/")
        parts, places = self._parts_from(folder)
        parts = parts.copy()
        above = self._above.get(uri, [])
        for what, word in MARKED.items():
            for number in above[:1] if what == "here" else above:
                if (what, number) in places:  # only a branch is opened
                    parts[places[what, number]] = word
        own = f'<a class="reference internal" href="{name}">'
        return "".join(parts).replace(
            own, '<a class="current reference internal" href="#">'
        )

    def everywhere(self, root: str) -> str:
        """Return the tree with links that lead on from any page.

        Args:
            root: The address of the site, such as ``"/"``.

        Returns:
            HTML.
        """
        text = MARK.sub("", LONG_LIST.sub("", self._text))
        return LINK.sub(lambda link: f"{link[1]}{root}{link[2]}", text)
