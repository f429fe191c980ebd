"""Every page in a real browser: light and dark, silent, light in weight."""

from pathlib import Path

import pytest

SITE = Path(__file__).parents[2] / "build" / "html"
PAGES = sorted(
    path.relative_to(SITE).as_posix()
    for path in SITE.rglob("*.html")
    if "_static" not in path.parts
)
KINDS_OF_PAGE = [
    "index.html",
    "guide/backward.html",
    "examples/index.html",
    "examples/robust/huber.html",
    "reference/checker.html",
    "reference/support.html",
    "search.html",
]
