"""Runs every Python snippet of the pages and docstrings, and compares its output.

There are two forms of snippet, both in a fence marked ``python``: code to define
something, and a session with ``>>>``. The snippets of a page share their names, from
top to bottom. An example that a page includes with ``literalinclude`` is there for
the snippets below it: what stands above its line is run. What stands in a
``torch-version`` block is there on the releases that the block names only. The lines
of a ``gradient-flow`` or a ``drawn-figure`` are code like any other.
"""

import gc
import os
import re
import sys
from collections.abc import Iterable
from types import ModuleType

# Before torch and matplotlib are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "agg"

import torch
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from sybil import Document, Example, Region, Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.myst import PythonCodeBlockParser
from sybil.parsers.myst.lexers import DirectiveLexer
from sybil.parsers.rest import DocTestParser
from sybil.typing import Parser

import ownloss
from ownloss import catalogue

# Without what a build adds: a nightly build of 2.16 is 2.16.
TORCH = Version(torch.__version__).base_version
# A block that shows how a directive is written; it has more backticks than that.
TEXT = re.compile(r"^(`{4,})text\n.*?^\1$", re.DOTALL | re.MULTILINE)
PATIENCE = ownloss.check.__kwdefaults__["seconds"]


def pytest_collection() -> None:
    """Let nothing look for garbage among thousands of tests that are all kept."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave them out when garbage is looked for while they run."""
    gc.collect()
    gc.freeze()
    gc.enable()


def included_examples(document: Document) -> Iterable[Region]:
    """Find each ``literalinclude`` of an example in a page."""
    for lexed in DirectiveLexer("literalinclude")(document):
        path = lexed.lexemes["arguments"]
        if path.endswith(".py"):
            yield Region(lexed.start, lexed.end, path, run_above_the_line)


def run_above_the_line(example: Example) -> None:
    """Run what stands above the line of an included example."""
    name = example.parsed.rpartition("/")[2].removesuffix(".py")
    defined = vars(catalogue.load(name)).items()
    example.namespace.update((n, it) for n, it in defined if not n.startswith("__"))


def drawn_lines(document: Document) -> Iterable[Region]:
    """Find the lines of each figure of a page that is made of lines."""
    for lexed in DirectiveLexer("gradient-flow|drawn-figure")(document):
        yield Region(lexed.start, lexed.end, lexed.lexemes["source"], run_lines)


def run_lines(example: Example) -> None:
    """Run the lines of a figure."""
    exec(compile(example.parsed, "figure", "exec"), example.namespace)
    if "matplotlib" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def for_this_torch(parser: Parser) -> Parser:
    """Leave out what a page says of other releases of torch, or shows as text."""

    def parse(document: Document) -> Iterable[Region]:
        elsewhere = [
            (block.start, block.end)
            for block in DirectiveLexer("torch-version")(document)
            if not SpecifierSet(block.lexemes["arguments"]).contains(TORCH)
        ]
        elsewhere += [shown.span() for shown in TEXT.finditer(document.text)]
        for region in parser(document):
            if not any(start < region.start < end for start, end in elsewhere):
                yield region

    return parse


def no_source(document: Document) -> Iterable[Region]:
    """Keep torch 2.5 from reading a page: it tokenizes whole files, and prose fails."""
    if Version(TORCH) < Version("2.6"):
        from torch._dynamo import funcname_cache

        funcname_cache.cache[document.path] = {}
    return []


def same_start(namespace: dict) -> None:
    """Seed torch, so that a page reads the same in every run."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    # A page before this one may have used torch.compile, which turns it off for good.
    torch.distributions.Distribution.set_default_validate_args(True)
    # So Sybil calls what it runs, and torch.compile looks for a Function in its module.
    # One for all pages: the compiler of torch 2.8 holds on to the first that it sees.
    module = sys.modules.setdefault("__test__", ModuleType("__test__"))

    def look_up(name: str) -> object:
        try:
            return namespace[name]
        except KeyError as error:
            raise AttributeError(name) from error

    module.__getattr__ = look_up
    # A page that says nothing of seconds shows what a machine at rest would say.
    ownloss.check.__kwdefaults__["seconds"] = 300.0


def as_before(_namespace: dict) -> None:
    """Give the check its own patience back."""
    ownloss.check.__kwdefaults__["seconds"] = PATIENCE


pages = Sybil(
    parsers=[
        for_this_torch(PythonCodeBlockParser()),
        for_this_torch(included_examples),
        for_this_torch(drawn_lines),
        no_source,
    ],
    patterns=["*.md"],
    setup=same_start,
    teardown=as_before,
)
docstrings = Sybil(
    parsers=[DocTestParser()],
    patterns=["src/ownloss/**/*.py", "gallery/*.py"],
    document_types={".py": PythonDocStringDocument},
    setup=same_start,
    teardown=as_before,
)
pytest_collect_file = (pages + docstrings).pytest()
