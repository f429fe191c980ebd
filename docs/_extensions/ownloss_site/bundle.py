"""One style sheet and one script for the whole site, instead of a dozen.

What a page loads on each visit is concatenated and minified while the site is built.
Which files, and in which order, the settings say; what a page loads beside them, it
keeps. The originals stay where they are: only the pages name another file.
"""

from pathlib import Path
from typing import Any

import rcssmin
import rjsmin
from sphinx.application import Sphinx
from sphinx.errors import ConfigError

from ownloss_site import theme

STYLE, SCRIPT = "_static/site.css", "_static/site.js"


def read(app: Sphinx, name: str) -> str:
    """Return the text of a static file as it is in the site."""
    if name == "_static/pygments.css":
        return theme.pygments_styles()
    path = Path(app.outdir, name)
    if not path.is_file():
        raise ConfigError(f"the site has no {name}, which bundle_* in conf.py lists")
    return path.read_text(encoding="utf-8")


def write_bundles(app: Sphinx) -> None:
    """Write both bundles; Sphinx has copied the static files by now."""
    css = "\n".join(read(app, name) for name in app.config.bundle_styles)
    js = ";\n".join(read(app, name) for name in app.config.bundle_scripts)
    for name, text in ((STYLE, rcssmin.cssmin(css)), (SCRIPT, rjsmin.jsmin(js))):
        Path(app.outdir, name).write_text(text, encoding="utf-8")


def name_bundles(
    app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Let a page load the bundles in place of what they contain."""
    if not hasattr(app, "bundles_written"):
        write_bundles(app)
        app.bundles_written = True
    for key, bundled, add, bundle in (
        ("css_files", app.config.bundle_styles, app.add_css_file, STYLE),
        ("script_files", app.config.bundle_scripts, app.add_js_file, SCRIPT),
    ):
        add(bundle.removeprefix("_static/"), priority=0)
        dropped = {*bundled, *app.config.bundle_without}
        context[key][:] = [f for f in context[key] if f.filename not in dropped]
