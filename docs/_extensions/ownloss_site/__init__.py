"""The engine of the site: what happens when.

Sphinx tells a build in events, and asks at each who has something to add. ``STORY`` is
all that we add, in the order of the telling: a priority, the builder that is listened
to, and a function. The modules that it names know nothing of each other's turns. No two
listeners of an event have the same priority, and none has that of another extension:
nothing depends on the order in which extensions are listed.

What a page may say beyond Markdown is in ``DIRECTIVES``, what ``conf.py`` may set for
us in ``SETTINGS``.
"""

import functools
from collections.abc import Callable
from typing import Any

from sphinx.application import Sphinx

from gallery import downloads, draggable, freshness, insides, page, running, workers
from ownloss_site import (
    about,
    benchmarks_table,
    bundle,
    content_security,
    drawn_figure,
    exercises,
    feed,
    filters,
    gradient_flow,
    install,
    kinds,
    markdown_pages,
    mathml,
    museum,
    offline,
    registry,
    repository,
    share_picture,
    site_search,
    sitemap,
    support_matrix,
    theme,
    torch_version,
)

Listener = Callable[..., Any]
SITE, BOOK, ANY = "html", "epub", ""
STORY: dict[str, list[tuple[int, str, Listener]]] = {
    # The settings have been read.
    "config-inited": [
        (50, ANY, workers.collect_seldom),
        (600, ANY, repository.check_address),
        # Sphinx-Gallery completes its own settings from 10 to 900.
        (950, ANY, freshness.leave_gallery_alone),
    ],
    # The gallery's and the kinds' pages are written, before Sphinx lists its files.
    "builder-inited": [
        (50, ANY, freshness.begin),
        (100, ANY, freshness.forget_stale_pages),
        (150, ANY, kinds.write_pages),
        (200, SITE, feed.ask_git),
        (250, SITE, site_search.replace_search),
        (400, ANY, running.run_ahead),
        # 500: Sphinx-Gallery runs what is left, and writes a page for each example.
        (950, ANY, downloads.finish_downloads),
        (990, BOOK, offline.leave_static_files),
    ],
    # Which pages have to be read again?
    "env-get-outdated": [
        (600, ANY, freshness.read_all_again),
    ],
    # A page has been read, and becomes what the environment knows of it.
    "doctree-read": [
        (400, ANY, filters.arrange),
        # 500: Sphinx notes titles, and what stands in the table of contents.
        (600, ANY, page.complete_page),
        (610, ANY, page.show_thumbnails_late),
        (900, ANY, markdown_pages.note_description),
        (910, ANY, site_search.note_page),
    ],
    # All pages have been read.
    "env-updated": [(600, SITE, site_search.write_search)],
    # A page is about to be written, and its references lead somewhere.
    "doctree-resolved": [
        (600, SITE, offline.offer_copies),
        (610, BOOK, offline.simplify),
        (620, SITE, registry.offer_loss),
        (630, SITE, repository.link_to_notebook),
        (640, ANY, exercises.link_files),
        (645, ANY, museum.describe),
        (650, ANY, filters.link_tags),
        (660, SITE, filters.add_filters),
    ],
    "html-collect-pages": [(600, ANY, site_search.search_page)],
    # The page is HTML but for its frame: the head, the menu, the foot.
    "html-page-context": [
        # 400: notfound gives its page links that lead on from any folder.
        (450, ANY, theme.dress),
        (460, SITE, feed.announce),
        (470, SITE, draggable.add_script),
        (475, SITE, filters.add_script),
        (480, SITE, markdown_pages.write_page),
        (495, SITE, site_search.load_search),
        # 500: furo, and the tags of OpenGraph.
        (900, SITE, bundle.name_bundles),
        (910, SITE, content_security.add_policy),
        (990, BOOK, offline.simplify_head),
    ],
    # All pages are written: what lies beside them, and what goes.
    "build-finished": [
        (600, SITE, feed.write_feed),
        (610, SITE, markdown_pages.write_lists),
        (620, BOOK, offline.finish_book),
        (630, SITE, registry.write_registry),
        (640, SITE, share_picture.draw_when_stale),
        (650, SITE, sitemap.write_sitemap),
        (660, SITE, site_search.remove_sphinx_search),
        (670, SITE, exercises.write_files),
        (900, ANY, freshness.finish),
        (905, SITE, offline.pack_pages),
        (910, ANY, workers.collect_again),
    ],
}

DIRECTIVES = {
    "benchmarks": benchmarks_table.Benchmarks,
    "bibtex": about.Bibtex,
    "built-with": about.BuiltWith,
    "draggable-figure": draggable.DraggableFigure,
    "draggable-matrix": draggable.DraggableMatrix,
    "drawn-figure": drawn_figure.DrawnFigure,
    "example-figure": page.ExampleFigure,
    "exercise": exercises.ShowExercise,
    "exercises": exercises.ListExercises,
    "gradient-flow": gradient_flow.GradientFlow,
    "install": install.Install,
    "kinds-table": kinds.KindsTable,
    "loss-of-kind": kinds.LossOfKind,
    "museum-table": museum.MuseumTable,
    "report": about.Report,
    "support-matrix": support_matrix.SupportMatrix,
    "torch-version": torch_version.TorchVersion,
}

# Which pages Sphinx makes again when a setting changes: it reads all ("env"), or
# writes all ("html").
SETTINGS: dict[str, tuple[Any, str]] = {
    "bundle_scripts": ([], "html"),
    "bundle_styles": ([], "html"),
    "bundle_without": ([], "html"),
    "on_pypi": (False, "env"),
    "repository_url": ("", "html"),
}
# Nor does Sphinx see what pages depend on beside their own files: these are settings,
# too, whose values nobody writes.
CODE = ("docs/_extensions/**/*.py", "gallery/**/*.py", "src/ownloss/**/*.py")
FRAME = ("docs/_static/**/*", "docs/_templates/**/*", "gallery/draggable/*.js")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it with Sphinx."""
    code = freshness.fingerprint(CODE, freshness.installed())
    depended = {
        "pages_depend_on": (code, "env"),
        "html_depends_on": (freshness.fingerprint(FRAME), "html"),
    }
    for name, (default, rebuild) in {**SETTINGS, **depended}.items():
        app.add_config_value(name, default, rebuild, [type(default)])
    for name, directive in DIRECTIVES.items():
        app.add_directive(name, directive)
    for node, visitors in {
        **draggable.NODES,
        **exercises.NODES,
        **insides.NODES,
    }.items():
        app.add_node(node, html=visitors)
    app.add_post_transform(insides.FoldTokens)
    app.add_html_math_renderer("mathml", *mathml.VISITORS)
    app.add_role("losses", filters.Losses())
    for event, listeners in STORY.items():
        for priority, builder, listener in listeners:
            heard = listener if builder == ANY else only(builder, event, listener)
            app.connect(event, heard, priority)
    # Pages are read in one process: the support matrix spreads its work itself.
    return {"env_version": 1, "parallel_read_safe": False, "parallel_write_safe": False}


def only(builder: str, event: str, listener: Listener) -> Listener:
    """Let a listener hear of one builder, and of the end of a build that went well."""

    @functools.wraps(listener)
    def listening(app: Sphinx, *told: Any) -> Any:
        if app.builder.name != builder:
            return None
        if event != "build-finished":
            return listener(app, *told)
        (error,) = told
        return listener(app) if error is None else None

    return listening
