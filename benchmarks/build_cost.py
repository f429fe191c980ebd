"""What the site costs to build, beside what its examples cost to run.

    nox -s bench -- build [cold] [libraries] [short] [scripts] [pages]

copies the repository into a temporary folder, builds the site there as ``nox -s docs``
does and as a reader of the code would change it, and prints ratios, each with its goal.
What is divided by what was measured in turn, in one run. Processor time counts all
processes of a build together.

Two pages run the checker while they are built, which is no overhead of the build: it is
what they are for. So a cold build is measured twice: without these pages against the
scripts alone, and with them against the scripts and the same checks in one process.

What of it is ours, and what do the libraries cost? They alone, Sphinx, MyST, furo and
Sphinx-Gallery, also build the same pages and scripts, with ``benchmarks/plain/conf.py``
for settings and nothing of ours. Their menu, which furo makes again for each page, is a
row of its own: the others are without it.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

ROOT = Path(__file__).parents[1]
CHECKED_PAGES = ("docs/reference/kinds.md", "docs/reference/support.md")
LIGHT_SCRIPT = '''"""
Light {number}
{line}

A squared error whose slope is {number}.
"""

import torch


def loss(x):
    return {number} * x**2


# %%
# The gradient is a line
# ----------------------

import matplotlib.pyplot as plt

x = torch.linspace(-2, 2, 201, requires_grad=True)
value = loss(x)
(gradient,) = torch.autograd.grad(value.sum(), x)
fig, ax = plt.subplots()
ax.plot(x.detach(), value.detach(), label="loss")
ax.plot(x.detach(), gradient, label="its gradient")
ax.set(xlabel="residual", ylabel="loss and gradient", title="Loss {number}")
ax.legend()

# %%
# It is fitted
# ------------

center = torch.tensor(2.0, requires_grad=True)
path = []
for _ in range(50):
    (gradient,) = torch.autograd.grad(loss(center), center)
    with torch.no_grad():
        center -= 0.1 / {number} * gradient
    path.append(center.item())
print(f"fit: {{center.item():.2f}}")
fig, ax = plt.subplots()
ax.plot(path, label="path")
ax.set(xlabel="step", ylabel="center", title="Path {number}")
'''
# As much as a page of the guide has: prose, code, a formula, links.
LIGHT_PAGE = """# Page {number}

A page with [the next one](page{next}.md) and [the first](../index.md).

{sections}
"""
SECTION = """## A finding, {number}

The loss is $(p - t)^2$, and {{py:func}}`torch.clamp` cuts it; `gradient` is {number}.

```python
>>> {number} * 2
{double}
```

- One reason.
- Another one, with a *word* and some more of them, as many as a line holds.
"""


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        processor: Seconds of all its processes together.
        wall: Seconds on the clock.
    """

    processor: float
    wall: float

    def __add__(self, other: "Cost") -> "Cost":
        """One after the other."""
        return Cost(self.processor + other.processor, self.wall + other.wall)

    def __sub__(self, other: "Cost") -> "Cost":
        """What one takes beyond another."""
        return Cost(self.processor - other.processor, self.wall - other.wall)


def run(project: Path, *arguments: str) -> Cost:
    """Run a module of Python in a project, and measure it.

    Args:
        project: Where the repository was copied to.
        *arguments: What follows ``python -m``.

    Returns:
        What it took.

    Raises:
        click.ClickException: It has failed.
    """
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(project / "src"), str(project)]),
    }
    with tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=project,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        if process.returncode:
            said.seek(0)
            tail = said.read()[-3000:]
            raise click.ClickException(f"{' '.join(arguments)} failed:\n{tail}")
    return Cost(used.ru_utime + used.ru_stime, wall)


def build(project: Path, *more: str, cold: bool = False) -> Cost:
    """Build the site of a project.

    Args:
        project: Where the repository was copied to.
        *more: Further options of Sphinx.
        cold: Whether to throw away what earlier builds have left.

    Returns:
        What the build took.
    """
    if cold:
        for made in ("build", "docs/examples"):
            shutil.rmtree(project / made, ignore_errors=True)
    options = ["-n", "--keep-going", "-d", "build/doctrees"]
    return run(project, "sphinx", *options, *more, "docs", "build/html")


def bare(project: Path, *options: str) -> Cost:
    """Run the scripts of a project in one process; ``--checks`` the checks as well."""
    return run(project, "benchmarks.bare_scripts", "src/examples", *options)


def copy_project(to: Path, *without: str) -> Path:
    """Copy what git knows, or would take, of this repository.

    Args:
        to: A folder that does not exist.
        *without: Files that are left out.

    Returns:
        The folder.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        if name not in without and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
    return to


def empty_project(to: Path, scripts: int = 0, pages: int = 0) -> Path:
    """Copy the extensions and settings, with no page but the first and one example.

    The picture for shared links is drawn from that example.

    Args:
        to: A folder that does not exist.
        scripts: How many light examples to write.
        pages: How many light pages to write.

    Returns:
        The folder.
    """
    copy_project(to)
    for page in (to / "docs").rglob("*.md"):
        page.unlink()
    names = [f"light/page{number}" for number in range(pages)]
    listed = "\n".join(["examples/index", *names])
    index = f"# Home\n\nOne page.\n\n```{{toctree}}\n{listed}\n```\n"
    (to / "docs" / "index.md").write_text(index, encoding="utf-8")
    (to / "docs" / "light").mkdir()
    for number, name in enumerate(names):
        sections = "\n".join(
            SECTION.format(number=section, double=2 * section) for section in range(8)
        )
        words = {"number": number, "next": (number + 1) % pages, "sections": sections}
        text = LIGHT_PAGE.format(**words)
        (to / "docs" / f"{name}.md").write_text(text, encoding="utf-8")
    examples = to / "src" / "examples"
    header = examples.joinpath("robust", "GALLERY_HEADER.rst").read_text("utf-8")
    for script in examples.glob("*/*.py"):
        if script.name != "huber.py":
            script.unlink()
    # Links to what is gone would warn, and a build after a warning reads all again.
    huber = examples / "robust" / "huber.py"
    without_last_cell, _, _ = huber.read_text("utf-8").rpartition("\n# %%\n")
    huber.write_text(f"{without_last_cell}\n", encoding="utf-8")
    words = "Losses\n======\n\nOne loss.\n"
    (examples / "GALLERY_HEADER.rst").write_text(words, encoding="utf-8")
    for topic in examples.iterdir():
        if topic.is_dir() and not any(topic.glob("*.py")):
            shutil.rmtree(topic)
    for number in range(1, scripts + 1):
        topic = examples / f"topic{(number - 1) // 12}"
        topic.mkdir(exist_ok=True)
        (topic / "GALLERY_HEADER.rst").write_text(header, encoding="utf-8")
        words = {"number": number, "line": "=" * (6 + len(str(number)))}
        text = LIGHT_SCRIPT.format(**words)
        (topic / f"light{number}.py").write_text(text, encoding="utf-8")
    return to


def without_ours(project: Path) -> Path:
    """Leave the pages and the examples of a project to the libraries alone.

    Args:
        project: A copy of the repository, which loses our settings, extensions and
            templates.

    Returns:
        The folder.
    """
    docs = project / "docs"
    (docs / "conf.py").rename(docs / "ours.py")
    shutil.copy(project / "benchmarks" / "plain" / "conf.py", docs)
    for ours in ("_extensions", "_templates"):
        shutil.rmtree(docs / ours)
    return project


def append(file: Path, text: str) -> None:
    """Change a file at its end."""
    file.write_text(f"{file.read_text(encoding='utf-8')}\n{text}\n", encoding="utf-8")


class Rows:
    """The table, printed row by row as it is measured."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.line = "{:<22} {:<22} {:>15} {:>9} {:>6}  {}".format
        titles = ("build", "beside", "seconds", "processor", "wall", "goal")
        console.print(self.line(*titles), style="bold", highlight=False)

    def add(
        self, name: str, beside: str, pairs: list[tuple[Cost, Cost]], goal: str
    ) -> None:
        """Add the medians of what was measured in turn."""
        processor = statistics.median(a.processor / b.processor for a, b in pairs)
        wall = statistics.median(a.wall / b.wall for a, b in pairs)
        a, b = pairs[-1]
        seconds = f"{a.processor:.1f} / {b.processor:.1f}"
        row = self.line(name, beside, seconds, f"{processor:.2f}", f"{wall:.2f}", goal)
        self.console.print(row, highlight=False)


def cold(rows: Rows, room: Path, site: Path, rounds: int) -> None:
    """A build of all, without and with the pages that run the checker."""
    unchecked = copy_project(room / "unchecked", *CHECKED_PAGES)
    scripts, everything = [], []
    for _ in range(rounds):
        scripts.append((build(unchecked, cold=True), bare(unchecked)))
        everything.append((build(site, cold=True), bare(site, "--checks")))
    rows.add("cold, without checks", "scripts", scripts, "1.25, wall 1.00")
    rows.add("cold, all", "scripts, checks", everything, "1.10, wall 1.00")


def libraries(rows: Rows, room: Path, _site: Path, rounds: int) -> None:
    """The same pages and scripts, built by the libraries alone."""
    ours = copy_project(room / "ours", *CHECKED_PAGES)
    theirs = without_ours(copy_project(room / "theirs", *CHECKED_PAGES))
    # Both projects lack the pages that run checks, and other pages link to these. The
    # build is no test of links here, and after a warning it would read all pages again.
    quiet = ("-D", "suppress_warnings=myst.xref_missing")
    colds, alone, menus, unchanged = [], [], [], []
    for _ in range(rounds):
        cold, plain = build(ours, *quiet, cold=True), build(theirs, *quiet, cold=True)
        scripts = bare(ours)
        colds.append((cold, plain))
        alone.append((plain, scripts))
        unchanged.append((build(ours, *quiet), build(theirs, *quiet)))
        menu = build(theirs, *quiet, "-D", "menu=1", cold=True)
        menus.append((menu, scripts))
    rows.add("cold, without checks", "libraries alone", colds, "1.10")
    rows.add("unchanged", "libraries alone", unchanged, "1.10")
    rows.add("libraries alone", "scripts", alone, "none")
    rows.add("libraries, with menu", "scripts", menus, "none")


def short(rows: Rows, room: Path, site: Path, rounds: int) -> None:
    """Builds after which little is new."""
    empty = empty_project(room / "empty")
    build(empty), build(site)
    number_of_pages = len([*(site / "build" / "html").rglob("*.html.md")])
    light = empty_project(room / "light", pages=number_of_pages)
    build(light)
    page = site / "docs" / "guide" / "index.md"
    example = site / "src" / "examples" / "robust" / "huber.py"
    alone = room / "alone"
    unchanged, as_many, changed_page, changed_example = [], [], [], []
    for number in range(rounds):
        build(site)
        nothing, still, idle = build(empty), build(site), build(light)
        unchanged.append((still, nothing))
        as_many.append((still, idle))
        append(page, f"One more sentence, number {number}.")
        changed_page.append((with_page := build(site), still))
        append(example, f"print({number})")
        alone.mkdir(exist_ok=True)
        shutil.copy(example, alone)
        own = run(site, "benchmarks.bare_scripts", str(alone))
        changed_example.append((build(site), with_page + own))
    rows.add("unchanged", "empty project", unchanged, "1.10")
    rows.add("unchanged", "as many light pages", as_many, "1.10")
    rows.add("a changed page", "unchanged", changed_page, "1.25")
    rows.add("a changed example", "changed page + script", changed_example, "1.00")


def scripts(rows: Rows, room: Path, _site: Path, _rounds: int) -> None:
    """What four times the scripts cost, beside the scripts alone."""
    few = empty_project(room / "few", scripts=48)
    many = empty_project(room / "many", scripts=192)
    ours, alone = build(many) - build(few), bare(many) - bare(few)
    for project in (few, many):
        without_ours(project)
    theirs = build(many, cold=True) - build(few, cold=True)
    rows.add("48 to 192 light scripts", "scripts", [(ours, alone)], "1.25")
    rows.add("48 to 192 light scripts", "libraries alone", [(ours, theirs)], "1.10")


def pages(rows: Rows, room: Path, _site: Path, _rounds: int) -> None:
    """What four times the pages cost, beside four times what a quarter of them costs.

    Whatever looks at all pages for each page shows here.
    """
    none, few, many = (
        build(empty_project(room / f"{number}-pages", pages=number))
        for number in (0, 100, 400)
    )
    more, quarter = many - none, few - none
    four = Cost(4 * quarter.processor, 4 * quarter.wall)
    rows.add("400 light pages", "4 times 100", [(more, four)], "1.25")


ROWS = {
    "cold": cold,
    "libraries": libraries,
    "short": short,
    "scripts": scripts,
    "pages": pages,
}


@click.command()
@click.argument("chosen", nargs=-1, type=click.Choice(list(ROWS)))
@click.option("--rounds", default=1, help="How often to measure the cold builds.")
@click.option("--short-rounds", default=3, help="How often the short ones.")
def main(chosen: tuple[str, ...], rounds: int, short_rounds: int) -> None:
    """Measure, and print the table; all of it, or some."""
    console = Console(width=120)
    table = Rows(console)
    with tempfile.TemporaryDirectory() as folder, Progress(console=console) as progress:
        room = Path(folder)
        site = copy_project(room / "site")
        for name in progress.track(chosen or ROWS, description="measuring"):
            measure, count = ROWS[name], short_rounds if name == "short" else rounds
            measure(table, room, site, count)
    console.print("Goals are upper limits; seconds are of processor time, last round.")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.build_cost")
