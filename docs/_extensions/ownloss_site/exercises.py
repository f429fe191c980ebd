"""The exercises of the package, on their pages and in one list.

``{exercise} softmax-backward`` shows a task with its stub, its hints and its answer,
folded, and offers the stub and a notebook. ``{exercises}`` lists all of them.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri
from sphinx.writers.html5 import HTML5Translator

from gallery.blocks import code, table_of_markdown
from ownloss.exercises import DIFFICULTIES, KINDS, Exercise, exercises, find
from ownloss_site.install import way_in
from ownloss_site.repository import colab, repository

FOLDER = "exercises"


class folded(nodes.General, nodes.Element):  # noqa: N801 - docutils' way
    """Something that a reader opens; its first child is a `folded_title`."""


class folded_title(nodes.TextElement):  # noqa: N801 - docutils' way
    """What stands there while it is closed."""


class exercise_files(nodes.General, nodes.Element):  # noqa: N801 - docutils' way
    """The place of the links to the files of an exercise."""


def open_folded(writer: HTML5Translator, node: folded) -> None:
    """Begin what is folded."""
    writer.body.append(writer.starttag(node, "details"))


def open_title(writer: HTML5Translator, node: folded_title) -> None:
    """Begin the title."""
    writer.body.append(writer.starttag(node, "summary", ""))


def close_folded(writer: HTML5Translator, _node: folded) -> None:
    """End what is folded."""
    writer.body.append("</details>\n")


def close_title(writer: HTML5Translator, _node: folded_title) -> None:
    """End the title."""
    writer.body.append("</summary>\n")


class ShowExercise(SphinxDirective):
    """Show one exercise, below the heading that the page gives it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Build the task."""
        try:
            exercise = find(self.arguments[0])
        except LookupError as error:
            raise self.error(str(error)) from error
        for path in exercise.folder.glob("*.py"):
            self.env.note_dependency(str(path))
        label = f"exercise-{exercise.name}"
        box = nodes.container(classes=["exercise"], ids=[label], names=[label])
        self.state.document.note_explicit_target(box)
        box += self.parse_text_to_nodes(exercise.text)
        box += code(exercise.stub, "python")
        box += code(
            f"$ ownloss exercise start {exercise.name}\n"
            f"$ ownloss exercise check {exercise.file_name}",
            "console",
        )
        box += exercise_files(name=exercise.name)
        first, second = exercise.hints
        for title, text in (("Hint", first), ("Second hint", second)):
            box += fold(title, self.parse_text_to_nodes(text))
        reason = self.parse_text_to_nodes(exercise.reason)
        box += fold("Answer", [*reason, code(exercise.solution, "python")])
        return [box]


def fold(title: str, content: list[nodes.Node]) -> folded:
    """Put something behind a title."""
    return folded("", folded_title("", "", nodes.strong("", title)), *content)


class ListExercises(SphinxDirective):
    """List all exercises, a table for each kind."""

    def run(self) -> list[nodes.Node]:
        """Write the tables; with any file of ownloss all pages are read again."""
        written: list[nodes.Node] = []
        for kind, title in KINDS.items():
            rows = [row(one) for one in exercises() if one.kind == kind]
            if rows:
                written.append(nodes.paragraph("", "", nodes.strong("", title)))
                titles = ["exercise", "how hard", "name"]
                written.append(table_of_markdown(self, titles, rows))
        return written


def row(exercise: Exercise) -> list[str]:
    """The row of an exercise, which leads to where it stands."""
    link = f"{{ref}}`{exercise.title} <exercise-{exercise.name}>`"
    return [link, DIFFICULTIES[exercise.difficulty], f"`{exercise.name}`"]


def link_files(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Offer the stub and the notebook of each exercise of a page."""
    for place in list(doctree.findall(exercise_files)):
        if app.builder.name != "html":
            place.parent.remove(place)
            continue
        exercise = find(place["name"])
        here = app.builder.get_target_uri(docname)
        stem = f"{FOLDER}/{exercise.folder.name}"
        links: list[nodes.Node] = [
            addnodes.download_reference(
                "", text, refuri=relative_uri(here, f"{stem}{suffix}")
            )
            for text, suffix in (("the stub", ".py"), ("a notebook", ".ipynb"))
        ]
        line = nodes.paragraph("", "Download ", links[0], nodes.Text(" or "), links[1])
        if repository(app):
            address = colab(app, f"{stem}.ipynb")
            link = nodes.reference("", "open it in Colab", refuri=address)
            line += [nodes.Text(", or "), link]
        line += nodes.Text(".")
        place.replace_self(line)


def notebook(exercise: Exercise, install: str) -> str:
    """Write an exercise as a notebook.

    Args:
        exercise: The exercise.
        install: What pip installs to get ownloss; empty where nobody knows.

    Returns:
        The notebook, JSON.
    """
    get = f"%pip install -q {install}" if install else "# Install ownloss first."
    ask = f'judge("{exercise.name}", {exercise.defines})'
    first, second = (
        f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
        for title, text in zip(("Hint", "Second hint"), exercise.hints, strict=True)
    )
    cells = [
        ("markdown", f"# {exercise.title}\n\n{exercise.text}"),
        ("code", get),
        ("code", exercise.stub.strip()),
        ("code", f"from ownloss.exercises import judge\n\n{ask}"),
        ("markdown", f"{first}\n{second}"),
    ]
    content = {
        "cells": [
            {
                "cell_type": kind,
                "id": f"cell-{number}",
                "metadata": {},
                "source": text.splitlines(keepends=True),
                **({"execution_count": None, "outputs": []} if kind == "code" else {}),
            }
            for number, (kind, text) in enumerate(cells)
        ],
        "metadata": {
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            }
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def write_files(app: Sphinx) -> None:
    """Write the stubs and the notebooks."""
    folder = Path(app.outdir, FOLDER)
    folder.mkdir(exist_ok=True)
    place, source = way_in(app.config.on_pypi, app.config.repository_url)
    install = "" if place == "a checkout" else source
    for exercise in exercises():
        path = folder / exercise.file_name
        path.write_text(exercise.file, encoding="utf-8", newline="\n")
        path.with_suffix(".ipynb").write_text(
            notebook(exercise, install), encoding="utf-8", newline="\n"
        )


NODES = {
    folded: (open_folded, close_folded),
    folded_title: (open_title, close_title),
}
