"""The pages of the museum, read and run by a parser that is not the site's."""

import contextlib
import doctest
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from markdown_it import MarkdownIt

MUSEUM = Path(__file__).parents[2] / "docs" / "practice" / "museum"


@dataclass(frozen=True)
class Exhibit:
    """A page that defines `wrong`, `cured`, `inputs` and `passes`."""

    name: str
    text: str

    @property
    def title(self) -> str:
        """The page's first heading."""
        tokens = MarkdownIt("commonmark").parse(self.text.partition("\n---\n")[2])
        place = next(i for i, token in enumerate(tokens) if token.tag == "h1")
        return tokens[place + 1].content

    def fences(self) -> Iterator[str]:
        """The page's blocks of Python, in its order."""
        for token in MarkdownIt("commonmark").parse(self.text):
            if token.type == "fence" and token.info.strip() == "python":
                yield token.content

    def definitions(self) -> Iterator[str]:
        """The blocks that are code and no session."""
        yield from (fence for fence in self.fences() if not fence.startswith(">>>"))

    def code(self) -> Iterator[str]:
        """The Python of the page in its order; of sessions, what was typed."""
        for fence in self.fences():
            if fence.startswith(">>>"):
                examples = doctest.DocTestParser().get_examples(fence)
                yield from (example.source for example in examples)
            else:
                yield fence

    def run(self, *, sessions: bool = True) -> dict[str, Any]:
        """Run the page from top to bottom; return what it has defined.

        Args:
            sessions: whether to type what the sessions of the page type, too.
        """
        torch.manual_seed(0)
        names: dict[str, Any] = {"__name__": self.name}
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("error")
            for source in self.code() if sessions else self.definitions():
                exec(compile(source, f"{self.name}.md", "exec"), names)
        return names


def exhibits() -> list[Exhibit]:
    """Every page of the museum but its index, by name."""
    pages = sorted(MUSEUM.glob("*.md"))
    return [
        Exhibit(page.stem, page.read_text(encoding="utf-8"))
        for page in pages
        if page.stem != "index"
    ]
