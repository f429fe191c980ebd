"""Settings of the site. The gallery's settings come from gallery/."""

import os
import sys
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_extensions")]

from gallery import sphinx_gallery_conf  # noqa: E402, F401 - needs the path above

project = "ownloss"
author = "The ownloss authors"
project_copyright = "The ownloss authors, MIT licence"
version = metadata.version("ownloss")
language = "en"

# Where the site is published; by default where `nox -s docs -- watch` serves it.
html_baseurl = (
    os.environ.get("SITE_URL")
    or os.environ.get("READTHEDOCS_CANONICAL_URL")
    or "http://127.0.0.1:8000/"
)
# Pages name their address on paper only where they have one.
html_context = {
    "published": urlsplit(html_baseurl).hostname not in (None, "127.0.0.1"),
    # At the foot of each page: without what a build adds, such as +cpu.
    "torch_version": metadata.version("torch").partition("+")[0],
}
# Where the sources lie: "edit this page", Colab and Binder; nothing of it without.
repository_url = os.environ.get("REPOSITORY_URL", "")
# Whether `pip install ownloss` finds it; until then pages name the repository.
on_pypi = False

extensions = [
    "ownloss_site",  # all that is our own: docs/_extensions/ownloss_site says when
    "myst_parser",
    "notfound.extension",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "sphinxext.opengraph",
]
exclude_patterns = ["examples/**/*.ipynb", "examples/**/*.py", "examples/**/*.md5"]
nitpicky = True
# Types inside the checker, which have no page of their own.
nitpick_ignore_regex = [("py:class", r"ownloss\.(checker\..+|training)\.\w+|Figure")]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False

# Our own inventories: a plain-text list of just the objects that the pages name, so
# that no build asks the network. A reference that is not listed fails the build.
intersphinx_mapping = {
    "matplotlib": ("https://matplotlib.org/stable/", "inventories/matplotlib.txt"),
    "numpy": ("https://numpy.org/doc/stable/", "inventories/numpy.txt"),
    "python": ("https://docs.python.org/3/", "inventories/python.txt"),
    "scipy": ("https://docs.scipy.org/doc/scipy/", "inventories/scipy.txt"),
    "torch": ("https://docs.pytorch.org/docs/stable/", "inventories/torch.txt"),
}

html_theme = "furo"
html_title = "ownloss"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static", "../gallery/draggable/draggable-figure.js"]
templates_path = ["_templates"]
html_css_files = ["ownloss.css"]
html_js_files = ["ownloss.js"]
# In this order; what a page loads beside them, it keeps.
bundle_styles = [
    "_static/pygments.css",
    "_static/styles/furo.css",
    "_static/copybutton.css",
    "_static/styles/furo-extensions.css",
    "_static/ownloss.css",
]
bundle_scripts = [
    "_static/documentation_options.js",
    "_static/doctools.js",
    "_static/scripts/furo.js",
    "_static/clipboard.min.js",
    "_static/copybutton.js",
    "_static/ownloss.js",
]
bundle_without = [
    "_static/sg-tags.js",  # ownloss_site/filters.py says what is there in its place
    "_static/sphinx_highlight.js",  # marks what Sphinx's own search has found
]
html_scaled_image_link = False
html_domain_indices = False
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
pygments_style = "default"
pygments_dark_style = "github-dark"

copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
ogp_site_url = html_baseurl
ogp_enable_meta_description = True
ogp_social_cards = {"enable": False}
ogp_image = "_static/ownloss.png"  # drawn by share_picture
ogp_image_alt = "Huber's loss, a parabola between two lines, and its gradient."
ogp_custom_meta_tags = [
    '<meta property="og:image:width" content="1200" />',
    '<meta property="og:image:height" content="630" />',
    '<meta name="twitter:card" content="summary_large_image" />',
]
notfound_template = "404.html"
notfound_context = {"title": "Page not found"}
notfound_urls_prefix = urlsplit(html_baseurl).path
epub_basename = "ownloss"
epub_title = "Write your own loss"
epub_description = "A guide whose every line was run, and losses to copy."
epub_identifier = "ownloss" if "127.0.0.1" in html_baseurl else html_baseurl
epub_uid = "ownloss"
epub_contributor = author
epub_css_files = ["book.css"]
epub_tocscope = "includehidden"
epub_tocdepth = 4
epub_show_urls = "no"
epub_exclude_files = [".buildinfo.bak"]  # left behind when a setting changes
