"""The site for reading without a network: one EPUB, and a zip of all pages.

`nox -s docs` makes both and lays them into the site, whose home page links to them;
`-- watch`, which builds at every keystroke, does without. The EPUB is the same text
without what only a browser can do: no script, no download, no card. Both are the same,
byte for byte, in two builds.
"""

import posixpath
import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from zipfile import ZipFile

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from gallery import insides
from ownloss.archive import packed

EPUB_STYLES = {"pygments.css", "epub.css", "book.css"}
MATHML = "http://www.w3.org/1998/Math/MathML"
# What MathML Core writes as an attribute, and MathML 3, which EPUB knows, does not.
CORE_ONLY = re.compile(r' scriptlevel="\d+"|(?<=<mfrac) displaystyle="\w+"')
ONLY_IN_A_BROWSER = {insides.NOTE, insides.FOOTER}


def offer_copies(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link to both from the home page, where they are made with the site.

    Of a published site the links are whole addresses: in the zip itself neither file is
    there.
    """
    if docname != app.config.root_doc or "offline" not in app.tags:
        return
    line = nodes.paragraph("", "To read without a network: ")
    for name, words, after in (("zip", "all pages", ", or "), ("epub", "a book", ".")):
        address = f"{app.config.epub_basename}.{name}"
        if app.config.html_context["published"]:
            address = urljoin(app.config.html_baseurl, address)
        line += nodes.reference("", f"{words} ({name})", refuri=address)
        line += nodes.Text(after)
    next(doctree.findall(nodes.section)).append(line)


def leave_static_files(app: Sphinx) -> None:
    """Take nothing into the book that serves the site's pages alone."""
    app.config.html_static_path = ["_book"]
    app.config.html_favicon = None


def simplify(app: Sphinx, doctree: nodes.document, _docname: str) -> None:
    """Take out of a page what only a browser can do.

    The contents of a book list pages: a heading below which others are listed would
    stand between them, out of the order of reading.
    """
    for toctree in doctree.findall(addnodes.toctree):
        toctree["titlesonly"] = True
    for figure in doctree.findall(nodes.figure):
        if "to-drag" in figure["classes"]:
            for caption in list(figure.findall(nodes.caption)):
                figure.remove(caption)
    for node in list(doctree.findall(nodes.Element)):
        if isinstance(node, nodes.raw) or ONLY_IN_A_BROWSER & set(node["classes"]):
            node.parent.remove(node)
    # A figure whose picture is gone leaves a caption; alone it is no figure.
    for figure in list(doctree.findall(nodes.figure)):
        if figure.children and all(isinstance(c, nodes.caption) for c in figure):
            words = [word for caption in figure for word in caption]
            figure.replace_self(nodes.paragraph("", "", *words, ids=figure["ids"]))


def simplify_head(
    app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Name the styles of the book only, and nothing that speaks to a browser."""
    context["metatags"] = ""
    context["css_files"][:] = [
        file
        for file in context["css_files"]
        if posixpath.basename(str(file.filename)) in EPUB_STYLES
    ]


def as_book(page: str) -> str:
    """Write a page's formulas as a book has them: named, in the MathML of EPUB 3.

    Args:
        page: A page with formulas for a browser, which is less strict.

    Returns:
        The page with a namespace on each formula, the one character that XML does not
        know by its name, and none of MathML Core's own attributes.
    """
    page = page.replace("<math", f'<math xmlns="{MATHML}"')
    page = page.replace("&ApplyFunction;", "\u2061")
    return CORE_ONLY.sub("", page)


def declare_formulas(package: str, with_formulas: set[str]) -> str:
    """Say in the book's list of files which of them hold formulas.

    Args:
        package: The text of ``content.opf``.
        with_formulas: The names of the pages that do.

    Returns:
        The text with ``properties="mathml"`` on those pages.
    """
    for name in with_formulas:
        item = f'href="{name}" media-type='
        if item not in package:
            raise ValueError(f"the list of the book's files has no line with {item}")
        package = package.replace(item, f'properties="mathml" {item}')
    return package


def finish_book(app: Sphinx) -> None:
    """Write the book again: formulas as EPUB 3 has them, and no time of day."""
    book = Path(app.outdir, f"{app.config.epub_basename}.epub")
    with ZipFile(book) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with_formulas = {name for name, text in contents.items() if b"<math" in text}
    for name in with_formulas:
        contents[name] = as_book(contents[name].decode()).encode()
    package = contents["content.opf"].decode()
    contents["content.opf"] = declare_formulas(package, with_formulas).encode()
    book.write_bytes(packed(contents, stored=frozenset({"mimetype"})))


def pack_pages(app: Sphinx) -> None:
    """Pack all pages, where they are published with a book and a zip."""
    if "offline" not in app.tags:
        return
    site, name = Path(app.outdir), app.config.epub_basename
    copies = {site / f"{name}.zip", site / f"{name}.epub"}
    contents = {
        f"{name}/{path.relative_to(site).as_posix()}": path.read_bytes()
        for path in sorted(site.rglob("*"))
        # Sphinx's notes on the build begin with a dot, and differ.
        if path.is_file() and path not in copies and path.name[0] != "."
    }
    (site / f"{name}.zip").write_bytes(packed(contents))
