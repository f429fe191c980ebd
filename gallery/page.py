"""What the gallery adds to Sphinx-Gallery's pages.

- the order of the topics (:func:`place_of_topic`);
- the description of an example's page and the command that copies it
  (:func:`complete_page`);
- pictures of cards that load late (:func:`show_thumbnails_late`);
- figures of examples on other pages (:class:`ExampleFigure`).
"""

import re
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from gallery import insides
from gallery.blocks import code, figure
from gallery.look import CSS_PIXELS_PER_INCH
from ownloss import catalogue

EXAMPLES = Path(__file__).parents[1] / "src" / "examples"
EVERY_SCRIPT = r"\.py$"
PLACE = re.compile(r"^\.\. place: (\d+)$", re.MULTILINE)
POINTS_PER_INCH = 72
SVG = "{http://www.w3.org/2000/svg}"


def place_of_topic(folder: str) -> tuple[int, str]:
    """Sort key of a topic: the number in a comment of its ``GALLERY_HEADER.rst``.

    A topic says its own place (``.. place: 20``), so no list of topics exists.

    Args:
        folder: The topic's folder, of which the last part counts.

    Returns:
        The place and, among equals, the folder's name.

    Raises:
        ValueError: The header names no place.
    """
    header = EXAMPLES / Path(folder).name / "GALLERY_HEADER.rst"
    match = PLACE.search(header.read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f"{header} wants a line such as '.. place: 20'")
    return int(match[1]), Path(folder).name


def complete_page(app: Sphinx, doctree: nodes.document) -> None:
    """Describe an example's page, and put the command that copies it above the loss.

    Args:
        app: The Sphinx application.
        doctree: The page that has just been read.
    """
    gallery, _, page = app.env.docname.partition("/")
    _, _, name = page.partition("/")
    if gallery != app.config.sphinx_gallery_conf["gallery_dirs"] or not name:
        return
    loss = next(doctree.findall(nodes.literal_block), None)
    if name == "index" or loss is None:
        return
    # The first paragraph of the text: Sphinx-Gallery's note above it does not count.
    paragraphs = doctree.findall(nodes.paragraph)
    first = next(p for p in paragraphs if isinstance(p.parent, nodes.section))
    summary = first.astext()
    doctree.insert(0, nodes.meta(name="description", content=summary))
    app.env.metadata[app.env.docname]["og:description"] = summary
    command = code(f"$ ownloss copy {name}", "console")
    loss.parent.insert(loss.parent.index(loss), command)


def show_thumbnails_late(_app: Sphinx, doctree: nodes.document) -> None:
    """Let the pictures of cards load when they come into view.

    Args:
        _app: The Sphinx application, not used.
        doctree: The page that has just been read.
    """
    for image in doctree.findall(nodes.image):
        if insides.is_card(image):
            image["loading"] = "lazy"


def link_to(example: catalogue.Example, page: str) -> addnodes.pending_xref:
    """Link to an example by its title.

    Args:
        example: The example.
        page: The page that links to it.

    Returns:
        A reference, which fails the build where the example has no page.
    """
    return addnodes.pending_xref(
        "",
        nodes.inline("", example.title),
        refdoc=page,
        refdomain="std",
        reftype="doc",
        reftarget=f"/{example.page}",
        refexplicit=True,
        refwarn=True,
    )


class ExampleFigure(SphinxDirective):
    """Show a figure of an example on another page, with a link to the example.

    The argument is the name of the example, ``:number:`` which of its figures (the
    first unless said), the content a caption. The text alternative and the size come
    from the figure itself.
    """

    required_arguments = 1
    option_spec: ClassVar = {"number": directives.positive_int}
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Build the figure."""
        try:
            example = catalogue.find(self.arguments[0])
        except LookupError as error:
            raise self.error(str(error)) from error
        number = self.options.get("number", 1)
        topic, _, name = example.page.rpartition("/")
        uri = f"/{topic}/{insides.figure(name, number)}"
        _, path = self.env.relfn2path(uri)
        self.env.note_dependency(path)
        if not Path(path).exists():
            if self.config.sphinx_gallery_conf["filename_pattern"] != EVERY_SCRIPT:
                return []  # a build of one example only: the others were not drawn
            raise self.error(f"{example.name} has drawn no such figure: {uri}")
        svg = ElementTree.parse(path).getroot()
        pixels = {
            side: str(
                round(
                    float(svg.get(side, "").removesuffix("pt"))
                    / POINTS_PER_INCH
                    * CSS_PIXELS_PER_INCH
                )
            )
            for side in ("width", "height")
        }
        image = nodes.image(uri=uri, alt=svg.findtext(f"{SVG}title"), **pixels)
        if self.env.docname != self.config.root_doc:  # there it is in view at once
            image["loading"] = "lazy"
        content = self.parse_text_to_nodes("\n".join(self.content))
        caption = [
            *(content[0].children if content else []),
            nodes.Text(" From the example "),
            link_to(example, self.env.docname),
            nodes.Text("."),
        ]
        return [figure(self, image, f"{example.name}-{number}", caption)]
