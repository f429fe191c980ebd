"""All that touches furo, the theme: one listener, and what it is built on.

The tree of all pages stands beside every page. The theme asks Sphinx for the whole tree
again for every page, which costs more the more pages there are. Here it is made once,
and the theme, which is asked to dress the same tree every time, remembers what it has
made of it; a page gets that with its own links, and with the marks of where it is. A
long list, such as that of the messages, stands beside its own pages only: elsewhere it
would be the larger half of the page. (A change of the theme that does the first has
been open since July 2026: https://github.com/pradyunsg/furo/pull/939.)

Nothing of furo is documented but its settings and the variables of its templates, so
``LEANS_ON`` and ``REPLACED`` say what breaks without each name. `nox -s tests` tries
each, today and with the next furo.
"""

import functools
import re
from pathlib import Path
from typing import Any

import furo
from docutils import nodes
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
    "furo.navigation.get_navigation_tree.cache_info": "the theme dresses the whole "
    "tree again for each page: dress() must give it none, and dress it once",
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
LINKS_TO = '<a class="reference internal" href="'
LINK_TO_ITSELF = '<a class="current reference internal" href="#'
LINK = re.compile(f'(?<={LINKS_TO})[^"]+')
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

    ``docs/_templates/sidebar/navigation.html`` shows ``furo_navigation_tree`` as
    ``beside_page`` writes it; ``page.html`` calls ``with_landmarks`` and shows what is
    in ``ran_on`` and ``repository``.
    """
    context["with_landmarks"] = with_landmarks
    context["ran_on"] = about.day_of_build()
    context["repository"] = repository.links_of_foot(app, page, context)
    if app.builder.embedded:
        return  # a book has another theme
    # A setting of furo, page by page.
    context["theme_source_edit_link"] = context["repository"].get("edit", "")
    builder = app.builder
    if not hasattr(builder, "site_navigation"):
        builder.site_navigation = Navigation(builder)
    navigation, uri = builder.site_navigation, builder.get_target_uri(page)
    folder = uri.rpartition("/")[0]
    context["toctree"] = lambda **_options: navigation.in_folder(folder)
    context["beside_page"] = functools.partial(navigation.beside, uri)
    if page == app.config.notfound_pagename:  # it is shown in any folder
        root = app.config.notfound_urls_prefix or "/"
        context["beside_page"] = functools.partial(navigation.from_root, root)


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
        tree = TocTree(builder.env).get_toctree_for(
            builder.config.root_doc,
            builder,
            collapse=False,
            titles_only=True,
            maxdepth=-1,
            includehidden=True,
        )
        # From a page to the pages that it stands below, itself the first.
        self._above: dict[str, list[str]] = {}
        for item in list(tree.findall(nodes.list_item)) if tree else []:
            uri, parent = _address(item), item.parent.parent
            below_another = isinstance(parent, nodes.list_item)
            above = self._above[_address(parent)] if below_another else []
            self._above[uri] = [uri, *above]
            if len(item) > 1 and len(item[1]) > LONG:
                begin = f"<!--long {uri.rpartition('/')[0]}-->"
                item.insert(1, nodes.raw("", begin, format="html"))
                item.append(nodes.raw("", "<!--/long-->", format="html"))
        self._text = builder.render_partial(tree)["fragment"] if tree else ""
        self._linked_from = functools.cache(self._with_links)

    def in_folder(self, folder: str) -> str:
        """Return the tree with the long lists of the pages of a folder, and no other.

        Args:
            folder: The folder within the site.

        Returns:
            HTML, with links from the root of the site.
        """
        here = f"{folder}/"
        return LONG_LIST.sub(
            lambda found: found[2] if here.startswith(f"{found[1]}/") else "",
            self._text,
        )

    @staticmethod
    def _with_links(folder: str, tree: str) -> str:
        """The tree with links from a folder."""
        here = f"{folder}/?" if folder else "?"  # any page of the folder
        return LINK.sub(lambda link: relative_uri(here, link[0]), tree)

    def beside(self, uri: str, tree: str) -> str:
        """Return the tree as it stands beside a page.

        Args:
            uri: The address of the page within the site.
            tree: The tree as the theme has dressed it.

        Returns:
            HTML.
        """
        folder, _, name = uri.rpartition("/")
        text = self._linked_from(folder, tree)
        for page in self._above.get(uri, []):
            link = f"{LINKS_TO}{relative_uri(uri, page) or name}"
            item, _, rest = text.partition(f'">{link}">')
            title, _, below = rest.partition("</a>")
            if page == uri:
                item += " current-page"
                link = LINK_TO_ITSELF
            if below.startswith("<input"):  # a branch, which is open
                below = below.replace("<input", '<input checked=""', 1)
            text = f'{item} current">{link}">{title}</a>{below}'
        return text

    def from_root(self, root: str, tree: str) -> str:
        """Return the tree with links that lead on from any page.

        Args:
            root: The address of the site, such as ``"/"``.
            tree: The tree as the theme has dressed it.

        Returns:
            HTML.
        """
        return LINK.sub(lambda link: f"{root}{link[0]}", tree)


def _address(item: nodes.list_item) -> str:
    """Where an item of the tree leads."""
    return item[0][0]["refuri"]
