"""Exercises: a task, a stub to fill in, and a judge that says what is wrong with it.

An exercise is a folder here: ``task.py`` is the stub that the reader gets, with the
task as its docstring; ``answer.py`` is the same file, done; ``judge.py`` holds what the
judge needs beside `ownloss.check`. Reading the catalogue needs no torch.

    >>> from ownloss import exercises
    >>> one = exercises.find("softmax-backward")
    >>> one.title, one.file_name
    ('The gradient of softmax cross entropy', 'softmax_backward.py')
    >>> one.page
    'guide/derive'
"""

import ast
import difflib
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ownloss.address import page, site

if TYPE_CHECKING:
    from ownloss.exercises.judging import Verdict

__all__ = ["DIFFICULTIES", "KINDS", "Exercise", "exercises", "find", "judge", "start"]

KINDS = {
    "derive": "Derive a gradient",
    "backward": "Write a backward pass",
    "repair": "Repair a wrong loss",
    "stable": "Make it stable",
    "transform": "Make it work with vmap, compile and friends",
    "train": "Train with it",
}
"""What a reader does, by the word that a judge has for it."""

DIFFICULTIES = {1: "easy", 2: "medium", 3: "hard"}

_MARK = re.compile(r"^# Exercise ([a-z0-9-]+) of ownloss\b", re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        folder: Where its files lie.
    """

    folder: Path

    @property
    def name(self) -> str:
        """What it is called on the command line, such as ``softmax-backward``."""
        return self.folder.name.replace("_", "-")

    @property
    def file_name(self) -> str:
        """What the reader's file is called."""
        return f"{self.folder.name}.py"

    @functools.cached_property
    def task(self) -> str:
        """The stub, whose docstring is the task."""
        return (self.folder / "task.py").read_text(encoding="utf-8")

    @functools.cached_property
    def answer(self) -> str:
        """The stub, filled in."""
        return (self.folder / "answer.py").read_text(encoding="utf-8")

    @functools.cached_property
    def _says(self) -> dict[str, Any]:
        """The literals of the judge, read without running it."""
        source = (self.folder / "judge.py").read_text(encoding="utf-8")
        return {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in ast.parse(source).body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id in ("DEFINES", "DIFFICULTY", "HINTS", "KIND", "PAGE")
        }

    @functools.cached_property
    def docstring(self) -> str:
        """The task, in Markdown; its first line is the title."""
        return ast.get_docstring(ast.parse(self.task)) or ""

    @property
    def title(self) -> str:
        """The name for a reader."""
        return self.docstring.partition("\n")[0].rstrip(".")

    @property
    def text(self) -> str:
        """The task without its title."""
        return self.docstring.partition("\n")[2].strip()

    @property
    def stub(self) -> str:
        """The code of the task, without the docstring."""
        return below_docstring(self.task)

    @property
    def reason(self) -> str:
        """Why the answer is right, in Markdown; it stands below its title."""
        docstring = ast.get_docstring(ast.parse(self.answer)) or ""
        return docstring.partition("\n")[2].strip()

    @property
    def solution(self) -> str:
        """The code of the answer, without the docstring."""
        return below_docstring(self.answer)

    @property
    def defines(self) -> str:
        """The name of the function or class that is judged."""
        return str(self._says["DEFINES"])

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        return str(self._says["KIND"])

    @property
    def difficulty(self) -> int:
        """One of `DIFFICULTIES`."""
        return int(self._says["DIFFICULTY"])

    @property
    def hints(self) -> tuple[str, str]:
        """Two hints; the second one says more."""
        first, second = self._says["HINTS"]
        return first, second

    @property
    def page(self) -> str:
        """The page of the site that it belongs to, such as ``guide/derive``."""
        return str(self._says["PAGE"])

    @property
    def link(self) -> str:
        """The web address of the exercise; empty where no site is configured."""
        return page(f"{self.page}.html#exercise-{self.name}") if site() else ""

    @property
    def file(self) -> str:
        """The text of the reader's file, as `start` writes it."""
        where = f": {self.link}" if self.link else ""
        return (
            f"# Exercise {self.name} of ownloss{where}\n"
            f"# The judge: ownloss exercise check {self.file_name}\n"
            f"{self.task}"
        )


def below_docstring(source: str) -> str:
    r"""Leave out the docstring of a module.

    Args:
        source: The module.

    Returns:
        What stands below the docstring.

    >>> below_docstring('\"\"\"A title.\"\"\"\n\nimport torch\n')
    'import torch\n'
    """
    first = ast.parse(source).body[0]
    return "".join(source.splitlines(keepends=True)[first.end_lineno :]).lstrip("\n")


@functools.cache
def exercises() -> tuple[Exercise, ...]:
    """List all exercises.

    Returns:
        The exercises, by kind, then by difficulty, then by name.
    """
    folders = [path.parent for path in Path(__file__).parent.glob("*/task.py")]
    kinds = list(KINDS)
    return tuple(
        sorted(
            map(Exercise, folders),
            key=lambda one: (kinds.index(one.kind), one.difficulty, one.name),
        )
    )


def find(name: str) -> Exercise:
    """Find an exercise by its name.

    Args:
        name: The name, such as ``"softmax-backward"``, or that of its file.

    Returns:
        The exercise.

    Raises:
        LookupError: There is none of this name; the nearest names are given.

    >>> find("softmax_backward.py").name
    'softmax-backward'
    >>> find("softmax")
    Traceback (most recent call last):
    LookupError: no exercise is named 'softmax'; the nearest: softmax-backward
    """
    by_name = {one.name: one for one in exercises()}
    slug = name.removesuffix(".py").replace("_", "-").lower()
    if slug in by_name:
        return by_name[slug]
    inside = [known for known in by_name if slug and slug in known]
    nearest = inside or difflib.get_close_matches(slug, by_name, n=3, cutoff=0)
    raise LookupError(
        f"no exercise is named {name!r}; the nearest: {', '.join(nearest[:3])}"
    )


def exercise_of(path: Path) -> Exercise:
    """Find the exercise that a file answers: by its first lines, else by its name.

    Args:
        path: The reader's file.

    Returns:
        The exercise.

    Raises:
        LookupError: The file names none, and is not called like one.
        OSError: The file cannot be read.
    """
    marked = _MARK.search(path.read_text(encoding="utf-8", errors="replace"))
    if marked:
        return find(marked[1])
    # A browser calls the second download of a file "huber (1).py".
    return find(re.sub(r"\s*\(\d+\)$", "", path.stem))


def start(name: str, to: Path | str = ".") -> Path:
    """Write the stub of an exercise; a file that is there is left alone.

    Args:
        name: The name of the exercise.
        to: The folder; it is made where it does not exist.

    Returns:
        The file written.

    Raises:
        LookupError: There is no such exercise.
        FileExistsError: The file is there already; it is left as it is.
        OSError: It cannot be written.
    """
    exercise = find(name)
    folder = Path(to)
    path = folder / exercise.file_name
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(exercise.file)
    return path


def judge(name: str, answer: Any) -> "Verdict":
    """Say whether an answer is right, or what is wrong with it.

    Args:
        name: The name of the exercise, such as ``"softmax-backward"``.
        answer: The function or class that the exercise asks for, or the path of a file
            that defines it.

    Returns:
        The verdict; print it.

    Raises:
        LookupError: There is no such exercise.

    >>> import torch
    >>> def gradient(logits, labels):
    ...     return logits.softmax(1) - torch.nn.functional.one_hot(labels, 3)
    >>> print(judge("softmax-backward", gradient))
    softmax-backward: not right yet
      The gradient of `logits` is 4x too large; 4 is the batch size.
      More: ownloss explain scale
      Stuck? ownloss exercise hint softmax-backward
    """
    from ownloss.exercises.judging import judge_file, judge_object

    exercise = find(name)
    if isinstance(answer, (str, Path)):
        return judge_file(exercise, Path(answer))
    return judge_object(exercise, answer)
