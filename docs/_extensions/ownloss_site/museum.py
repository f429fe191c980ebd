"""The museum's list, and the table that closes it: what each tool says of each loss.

The verdicts are a file of the repository that ``nox -s museum`` makes in an environment
that has the tools; the site is built without them.
"""

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from gallery.blocks import table_of_markdown

VERDICTS = Path(__file__).parents[2] / "practice" / "museum" / "verdicts.json"
CHECK, REFERENCE = "ownloss.check", "ownloss.check with a reference"


def describe(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Say in a list of pages with the class ``described`` what each page says it is.

    Args:
        app: The Sphinx application.
        doctree: The page with the list, about to be written.
        docname: Its name.
    """
    for toctree in list(doctree.findall(addnodes.toctree)):
        if "described" not in toctree.parent["classes"]:
            continue
        listed = nodes.bullet_list()
        for page in toctree["includefiles"]:
            title = app.env.titles[page].deepcopy().children
            address = app.builder.get_relative_uri(docname, page)
            link = nodes.reference("", "", *title, refuri=address, internal=True)
            said = nodes.Text(f": {app.env.metadata[page]['summary']}")
            listed += nodes.list_item("", nodes.paragraph("", "", link, said))
        toctree.replace_self(listed)


class MuseumTable(SphinxDirective):
    """Write a row for each exhibit, and count what each tool has found."""

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        self.env.note_dependency(str(VERDICTS))
        table = json.loads(VERDICTS.read_text(encoding="utf-8"))
        tools = [tool for tool in table["exhibits"][0]["said"] if tool != REFERENCE]
        rows = [
            [f"[{row['title']}]({row['name']}.md)", *cells_of(row["said"], tools)]
            for row in table["exhibits"]
        ]
        counts = [f"**{count(table, tool)}**" for tool in tools]
        rows.append([f"**found, of {len(table['exhibits'])}**", *counts])
        asked = [f"{name} {table['versions'][name]}" for name in table["versions"]]
        said = f"Asked on {table['made']}: {', '.join(asked)}."
        said = nodes.paragraph("", said)
        return [said, table_of_markdown(self, ["exhibit", *tools], rows)]


def cells_of(said: dict[str, Any], tools: list[str]) -> list[str]:
    """What the tools say of an exhibit, each in a word or a few."""
    return [kind_of(said) if tool == CHECK else word_for(said[tool]) for tool in tools]


def word_for(verdict: dict[str, Any]) -> str:
    """Whether a tool finds the mistake."""
    if verdict["finds"]:
        return "finds it"
    return "accuses the cure" if verdict["objects_to_the_cure"] else "no"


def kind_of(said: dict[str, Any]) -> str:
    """The kind that the checker names, and whether it had to be given a reference."""
    for tool, words in ((CHECK, ""), (REFERENCE, "with a reference, ")):
        for found in said[tool]["finds"]:
            severity, _, kind = found.partition(": ")
            return f"{words}{severity}: [{kind}](../../reference/kinds/{kind}.md)"
    return word_for(said[CHECK])


def count(table: dict[str, Any], tool: str) -> int:
    """How many mistakes a tool finds; the checker, with what a page gives it."""
    asked = [tool, REFERENCE] if tool == CHECK else [tool]
    return sum(
        any(row["said"][one]["finds"] for one in asked) for row in table["exhibits"]
    )
