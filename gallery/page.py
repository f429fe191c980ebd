"""What the gallery adds to Sphinx-Gallery's pages: the order of the topics."""

import re
from pathlib import Path

PLACE = re.compile(r"^\.\. place: (\d+)$", re.MULTILINE)


def place_of_topic(folder: str) -> tuple[int, str]:
    """Sort key of a topic: the number in a comment of its ``GALLERY_HEADER.rst``.

    A topic says its own place (``.. place: 20``), so no list of topics exists.

    Args:
        folder: The topic's folder as Sphinx-Gallery names it, relative to ``docs/``.

    Returns:
        The place and, among equals, the folder's name.

    Raises:
        ValueError: The header names no place.
    """
    header = Path(__file__).parents[1] / "docs" / folder / "GALLERY_HEADER.rst"
    match = PLACE.search(header.read_text(encoding="utf-8"))
    if match is None:
        raise ValueError(f"{header} wants a line such as '.. place: 20'")
    return int(match[1]), Path(folder).name
