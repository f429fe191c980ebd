"""What the directives put on pages: code, figures and tables."""

from collections.abc import Iterable
from pathlib import Path

from docutils import nodes
from matplotlib.figure import Figure
from sphinx.util.docutils import SphinxDirective

from gallery.look import CSS_PIXELS_PER_INCH, describe, themed_svg


def code(text: str, language: str, *classes: str) -> nodes.literal_block:
    """Show code, or what a program says.

    Args:
        text: The lines; empty ones around them go.
        language: What Pygments calls the language, or ``"none"``.
        *classes: The classes of the block.

    Returns:
        The block.
    """
    text = text.strip()
    return nodes.literal_block(text, text, language=language, classes=[*classes])


def figure(
    directive: SphinxDirective,
    shown: nodes.Node,
    name: str,
    caption: Iterable[nodes.Node],
    *classes: str,
) -> nodes.figure:
    """Make a figure.

    Args:
        directive: What asks for it on a page.
        shown: The picture.
        name: The figure's address on the page, which says what it shows: by default it
            would be the count that Sphinx gives it.
        caption: What stands below it, if anything does.
        *classes: The classes of the figure.

    Returns:
        The figure.
    """
    made = nodes.figure("", shown, names=[name], classes=[*classes])
    directive.state.document.note_implicit_target(made)
    if words := [*caption]:
        made += nodes.caption("", "", *words)
    return made


def image_of(directive: SphinxDirective, figure: Figure) -> nodes.image:
    """Save a figure where the gallery's are, and show it.

    Args:
        directive: What draws it on a page.
        figure: The figure, drawn in the light style, which still holds.

    Returns:
        The image, with its size and a text alternative that is computed.
    """
    env, said = directive.env, describe(figure)
    number = env.new_serialno(directive.name) + 1
    name = f"{env.docname.replace('/', '-')}-{directive.name}-{number}.svg"
    uri = f"/{env.config.sphinx_gallery_conf['gallery_dirs']}/drawn/{name}"
    _, path = env.relfn2path(uri)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(themed_svg(figure, said), encoding="utf-8")
    env.note_dependency(path)  # it is thrown away with the gallery's pages
    sides = zip(("width", "height"), figure.get_size_inches(), strict=True)
    pixels = {side: str(round(inches * CSS_PIXELS_PER_INCH)) for side, inches in sides}
    image = nodes.image(uri=uri, alt=said, loading="lazy", **pixels)
    directive.set_source_info(image)
    return image


def table(
    titles: list[str], rows: Iterable[list[str | nodes.Node]], *classes: str
) -> nodes.table:
    """Write a table.

    Args:
        titles: What stands above each column.
        rows: What stands in each row: words, a node within a paragraph, or one.
        *classes: The classes of the table.

    Returns:
        The table.
    """

    def written(cells: list[str | nodes.Node]) -> nodes.row:
        row = nodes.row()
        for cell in cells:
            said = nodes.Text(cell) if isinstance(cell, str) else cell
            if not isinstance(said, nodes.paragraph):
                said = nodes.paragraph("", "", said)
            row += nodes.entry("", said)
        return row

    group = nodes.tgroup("", cols=len(titles))
    group += [nodes.colspec(colwidth=1) for _ in titles]
    group += nodes.thead("", written([*titles]))
    group += nodes.tbody("", *map(written, rows))
    return nodes.table("", group, classes=[*classes])


def table_of_markdown(
    directive: SphinxDirective, titles: list[str], rows: Iterable[list[str]]
) -> nodes.table:
    """Write a table whose cells are Markdown, on a page that is Markdown.

    Args:
        directive: The directive that asks for the table.
        titles: What stands above each column.
        rows: What stands in each row.

    Returns:
        The table.
    """

    def written(cell: str) -> nodes.Node | str:
        return directive.parse_text_to_nodes(cell)[0] if cell else cell

    cells = [[*map(written, row)] for row in rows]
    return table(titles, cells, "colwidths-auto")
