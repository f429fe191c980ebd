"""The build itself: what it runs, what it leaves alone, and what makes it fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[2]
SCRIPT = '''"""
Square
======

It is a square.
"""

# %%
# A line
# ------

import matplotlib.pyplot as plt

fig, ax = plt.subplots()
ax.plot([0, 1], [0, 1], label="loss")
ax.set_title("A line")
'''


class Site:
    """A site with our gallery, our settings and examples of the test's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        ignored = shutil.ignore_patterns("__pycache__", "examples")
        shutil.copytree(ROOT / "gallery", root / "gallery", ignore=ignored)
        shutil.copytree(ROOT / "docs", root / "docs", ignore=ignored)
        for page in (root / "docs").rglob("*.md"):
            page.unlink()
        index = "# Home\n\n```{toctree}\nexamples/index\n```\n"
        (root / "docs" / "index.md").write_text(index)
        self.topic = root / "src" / "examples" / "robust"
        self.topic.mkdir(parents=True)
        headers = ROOT / "src" / "examples"
        shutil.copy(headers / "GALLERY_HEADER.rst", self.topic.parent)
        shutil.copy(headers / "robust" / "GALLERY_HEADER.rst", self.topic)
        (self.topic / "square.py").write_text(SCRIPT)

    def build(self, *options: str) -> str:
        """Build; return what was said, the exit status first."""
        command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going"]
        ran = subprocess.run(
            [*command, "-b", "html", *options, "docs", "html"],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "NO_COLOR": "1"},
        )
        return f"exit {ran.returncode}\n{ran.stdout}\n{ran.stderr}"

    @property
    def page(self) -> str:
        """The page of the example as it was built."""
        path = self.root / "html" / "examples" / "robust" / "square.html"
        return path.read_text(encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_an_unchanged_example_does_not_run_again(site):
    first = site.build()
    assert "exit 0" in first
    assert "successfully executed 1 out of 1" in first
    second = site.build()
    assert "exit 0" in second
    assert "successfully executed 0 out of 0" in second


def test_a_change_of_the_style_runs_every_example_again(site):
    site.build()
    style = site.root / "gallery" / "ownloss.mplstyle"
    style.write_text(style.read_text().replace("005ea6", "005ea7"))
    dark = site.root / "gallery" / "ownloss-dark.mplstyle"
    assert "62b5ec" in dark.read_text()
    assert "successfully executed 1 out of 1" in site.build()
    (svg,) = (site.root / "html" / "_images").glob("*_001.svg")
    assert "#005ea7" in svg.read_text()


def test_the_page_of_a_removed_example_goes_with_it(site):
    (site.topic / "other.py").write_text(SCRIPT.replace("Square", "Others"))
    assert "exit 0" in site.build()
    (site.topic / "other.py").unlink()
    assert "exit 0" in site.build()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import warnings\nwarnings.warn('careful')", "UserWarning: careful"),
    ],
)
def test_an_example_that_raises_or_warns_fails_and_names_file_and_line(
    site, line, said
):
    script = site.topic / "square.py"
    script.write_text(SCRIPT + "\n" + line + "\n")
    output = site.build()
    assert "exit 0" not in output
    assert said in output
    last = len(script.read_text().splitlines())
    assert f'square.py", line {last}' in output


def test_an_example_that_draws_nothing_fails_and_is_named(site):
    (site.topic / "square.py").write_text(SCRIPT.partition("# %%")[0] + "# %%\nx = 1\n")
    output = site.build()
    assert "exit 0" not in output
    assert "square.py:1: WARNING: the example draws nothing" in output


def test_one_example_runs_and_the_others_stay_as_they_are(site):
    (site.topic / "other.py").write_text(SCRIPT.replace("Square", "Others"))
    assert "successfully executed 2 out of 2" in site.build()
    for name in ("square", "other"):
        script = site.topic / f"{name}.py"
        script.write_text(script.read_text() + "print(20 + 3)\n")
    other = site.root / "html" / "examples" / "robust" / "other.html"
    before = other.read_text()
    assert ">23" not in before
    output = site.build("-D", r"sphinx_gallery_conf.filename_pattern=[\\/]square\.py$")
    assert "exit 0" in output
    assert "23\n" in site.page
    assert "successfully executed 1 out of 1" in site.build()


def test_a_page_is_described_by_its_first_sentence_and_says_how_to_copy_it(site):
    site.build()
    assert '<meta content="It is a square." name="description" />' in site.page
    words = BeautifulSoup(site.page, "html.parser").find("article").get_text()
    assert "$ ownloss copy square\n" in words


def test_a_formula_that_cannot_be_converted_fails_the_build(site):
    index = site.root / "docs" / "index.md"
    index.write_text(index.read_text() + "\n$\\nosuchmacro{x}$\n")
    output = site.build()
    assert "exit 0" not in output
    assert "nosuchmacro" in output


def test_two_builds_are_alike(tmp_path):
    built = []
    for name in ("one", "two"):
        site = Site(tmp_path / name)
        assert "exit 0" in site.build("-d", str(tmp_path / f"{name}-doctrees"))
        built.append(site.root / "html")
    files = [
        {
            path.relative_to(html): path.read_bytes()
            for path in html.rglob("*.*")
            if path.is_file() and path.suffix in {".html", ".svg", ".css", ".js"}
        }
        for html in built
    ]
    assert files[0].keys() == files[1].keys()
    assert [name for name in files[0] if files[0][name] != files[1][name]] == []
