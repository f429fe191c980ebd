"""The examples as text: find them, and read what stands above the line.

An example is one script. Its first ``# %%`` cuts it in two: above stands the loss,
which imports torch alone and is the reader's; below stands the evidence.

    >>> from ownloss import catalogue
    >>> huber = catalogue.find("huber")
    >>> huber.topic, huber.title
    ('robust', 'Huber')
    >>> huber.summary
    'Against outliers: a gradient is at most delta, however far off.'
    >>> "import torch" in huber.loss and "matplotlib" not in huber.loss
    True
"""

import ast
import difflib
import functools
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType

from ownloss.address import page
from ownloss.tags import WORDS

__all__ = [
    *("LINE", "Example", "above_the_line", "copy", "digest", "examples", "find"),
    *("folder", "load", "published", "search", "version"),
]

LINE = re.compile(r"^# %%", re.MULTILINE)
"""The first line that begins with ``# %%`` cuts an example in two."""

_TAGS = re.compile(r"^# sphinx_gallery_tags = (\[.*\])$", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """One script of the gallery.

    Attributes:
        path: Where the script lies.
    """

    path: Path

    @property
    def name(self) -> str:
        """The name of the file and of the loss, unique over all topics."""
        return self.path.stem

    @property
    def topic(self) -> str:
        """The name of the folder."""
        return self.path.parent.name

    @property
    def page(self) -> str:
        """Its page on the site, such as ``examples/robust/huber``."""
        return f"examples/{self.topic}/{self.name}"

    @functools.cached_property
    def script(self) -> str:
        """The whole script."""
        return self.path.read_text(encoding="utf-8")

    @functools.cached_property
    def loss(self) -> str:
        """The loss, ready to be copied, which stands above the line."""
        return above_the_line(self.script)

    @functools.cached_property
    def docstring(self) -> str:
        """The docstring of the script, an RST page's beginning."""
        return ast.get_docstring(ast.parse(self.script)) or ""

    @property
    def title(self) -> str:
        """The first line of the docstring."""
        return self.docstring.partition("\n")[0]

    @property
    def summary(self) -> str:
        """The first sentence below the title says what the loss does to a gradient."""
        paragraphs = self.docstring.split("\n\n")
        return " ".join(paragraphs[1].split()) if len(paragraphs) > 1 else ""

    @functools.cached_property
    def tags(self) -> tuple[str, ...]:
        """Its task, its target and its properties; a lesson has none."""
        found = _TAGS.search(self.script)
        return tuple(ast.literal_eval(found[1])) if found else ()

    @property
    def words(self) -> str:
        """All that a search looks through, the words of its tags included."""
        tagged = (f"{tag} {WORDS.get(tag, '')}" for tag in self.tags)
        named = (self.name, self.topic, self.title, self.summary)
        return " ".join((*named, *tagged))


def above_the_line(script: str) -> str:
    r"""Take from a script the loss, which stands above the first ``# %%``.

    Args:
        script: The whole script of an example.

    Returns:
        What stands above the line; all of it where there is no line.

    >>> above_the_line("loss = 1\n\n\n# %%\n# Evidence\n")
    'loss = 1\n'
    """
    cut = LINE.search(script)
    return (script[: cut.start()] if cut else script).rstrip() + "\n"


@functools.cache
def version() -> str:
    """Name the version of ownloss.

    Returns:
        The version; ``"unknown"`` where ownloss is not installed, but on the path.
    """
    try:
        return metadata.version("ownloss")
    except metadata.PackageNotFoundError:
        return "unknown"


def digest(loss: str) -> str:
    """Sum up a loss, to tell whether two are the same text.

    Args:
        loss: What stands above the line of an example.

    Returns:
        The SHA-256 of its UTF-8 bytes, in 64 hexadecimal digits.
    """
    return hashlib.sha256(loss.encode()).hexdigest()


def published(example: Example) -> str:
    """Write a loss as its readers get it: from the site, and by ``ownloss copy``.

    Args:
        example: The example.

    Returns:
        Three lines of comment, which say where the loss is from, and the loss.

    >>> where, licence, as_published, *loss = published(find("huber")).splitlines()
    >>> licence
    '# MIT licence, The ownloss authors. What has changed since: ownloss diff'
    >>> as_published == "# As published: " + digest(find("huber").loss)
    True
    """
    where = page(f"{example.page}.html")
    return (
        f"# {example.name}, copied from ownloss {version()}: {where}\n"
        "# MIT licence, The ownloss authors. What has changed since: ownloss diff\n"
        f"# As published: {digest(example.loss)}\n"
        f"{example.loss}"
    )


def folder() -> Path:
    """Find the folder of the examples.

    Returns:
        ``ownloss/examples`` where ownloss is installed from a wheel, ``src/examples``
        in a checkout.

    Raises:
        FileNotFoundError: Neither is there: the installation is broken.
    """
    here = Path(__file__).parent
    for candidate in (here / "examples", here.parent / "examples"):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(
        f"no folder 'examples' in {here} or beside it: install ownloss again"
    )


@functools.cache
def examples() -> tuple[Example, ...]:
    """List all examples.

    Returns:
        The examples, ordered by name.
    """
    scripts = folder().glob("*/*.py")
    return tuple(sorted(map(Example, scripts), key=lambda example: example.name))


def find(name: str) -> Example:
    """Find an example by its name.

    Args:
        name: The name of the loss, such as ``"huber"``.

    Returns:
        The example.

    Raises:
        LookupError: There is none of this name; the nearest names are given.

    >>> find("pinbal")
    Traceback (most recent call last):
    LookupError: no example is named 'pinbal'; the nearest: pinball
    """
    by_name = {example.name: example for example in examples()}
    if name in by_name:
        return by_name[name]
    like = functools.partial(difflib.get_close_matches, name, by_name, n=3)
    nearest = like() or like(cutoff=0)
    raise LookupError(
        f"no example is named {name!r}; the nearest: {', '.join(nearest)}"
    )


def example_on(page: str) -> Example | None:
    """Find the example that a page of the site shows.

    Args:
        page: The name of any page, such as ``"examples/robust/huber"``.

    Returns:
        The example, if the page shows one.
    """
    if not page.startswith("examples/"):  # most pages: no example need be asked
        return None
    return next((example for example in examples() if example.page == page), None)


def load(example: Example | str) -> ModuleType:
    """Run what stands above the line of an example, and nothing below it.

    Args:
        example: An example, or its name.

    Returns:
        A new module with the loss in it. ``sys.modules`` has it, too, as
        ``ownloss.examples.huber`` for ``huber``: ``torch.compile`` looks there.

    Raises:
        LookupError: There is none of this name; the nearest names are given.

    >>> import torch
    >>> huber = load("huber").huber
    >>> huber(torch.tensor([0.0, 3.0]), torch.zeros(2), reduction="sum")  # 3 - 0.5
    tensor(2.5000)
    """
    found = find(example) if isinstance(example, str) else example
    module = ModuleType(f"{__package__}.examples.{found.name}")
    module.__file__ = str(found.path)
    sys.modules[module.__name__] = module
    code = compile(found.loss, module.__file__, "exec")
    exec(code, module.__dict__)  # noqa: S102 - our own file, as its reader runs it
    return module


def search(words: str = "", tags: Iterable[str] = ()) -> tuple[Example, ...]:
    """List the examples that have all words, and all tags.

    Args:
        words: What to look for in name, topic, title, summary and in the words of the
            tags, in upper or lower case; every example without it.
        tags: Tags that an example must have, such as ``"outliers"``.

    Returns:
        The examples, ordered by name.

    Raises:
        LookupError: There is no such tag; those that there are are given.

    >>> [example.name for example in search("huber")]
    ['huber', 'huber_by_hand']
    >>> [example.name for example in search("missing labels", ["multi-label"])]
    ['weighted_bce']
    """
    wanted = set(tags)
    if unknown := sorted(wanted - set(WORDS)):
        raise LookupError(
            f"no tag is named {unknown[0]!r}; there are {', '.join(WORDS)}"
        )
    # Rankings are found where ranking is said.
    needed = [word.removesuffix("s") for word in words.casefold().split()]
    return tuple(
        example
        for example in examples()
        if wanted.issubset(example.tags)
        and all(word in example.words.casefold() for word in needed)
    )


def copy(
    names: Iterable[str], to: Path | str = ".", *, force: bool = False
) -> list[Path]:
    """Write losses as they are published into a folder, all or none.

    Args:
        names: The names of the losses.
        to: The folder; it is made where it does not exist.
        force: Write over files that exist.

    Returns:
        The paths written, in the order of the names.

    Raises:
        LookupError: An example does not exist; the nearest names are given.
        FileExistsError: A file exists, and ``force`` is not set.
        IsADirectoryError: A folder has the name of the file.
        OSError: The folder cannot be written. Nothing is left half-written.
    """
    chosen = [find(name) for name in dict.fromkeys(names)]
    folder = Path(to)
    paths = [folder / example.path.name for example in chosen]
    taken = [str(path) for path in paths if os.path.lexists(path)]
    if taken and not force:
        raise FileExistsError(f"{', '.join(taken)} exists; --force writes over it")
    if folders := [str(path) for path in paths if path.is_dir()]:
        raise IsADirectoryError(f"{', '.join(folders)} is a folder")

    # Written beside its place first, then moved: a full disk leaves nothing half done.
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".ownloss-") as draft:
        for example in chosen:
            draft_file = Path(draft) / example.path.name
            draft_file.write_text(published(example), encoding="utf-8", newline="\n")
        for path in paths:
            (Path(draft) / path.name).replace(path)
    return paths
