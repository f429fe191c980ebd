"""The build itself: what it runs, what it leaves alone, and what makes it fail."""

import os
import re
import shutil
import signal
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from gallery import freshness
from tests.gallery import builds

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


# Words that the script has, too: Sphinx's own index forgets none.
DRAW = '\nfig, ax = plt.subplots()\nax.set_title("Nothing")\n'


def ran_ahead(output: str) -> list[str]:
    """The examples that ran on several cores."""
    return re.findall(r"running examples\.\.\. \[.*?\] (\w+)", output)


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def differing(one: Path, other: Path) -> list[str]:
    """The files that are not the same in both folders."""
    ours, theirs = files(one), files(other)
    return sorted(
        name
        for name in {*ours, *theirs}
        if ours.get(name, b"none") != theirs.get(name, b"none")
    )


class Site:
    """A site with our gallery, our settings and examples of the test's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # What a build makes, it may be making meanwhile.
        ignored = shutil.ignore_patterns("__pycache__", "examples", "kinds")
        shutil.copytree(ROOT / "gallery", root / "gallery", ignore=ignored)
        shutil.copytree(ROOT / "docs", root / "docs", ignore=ignored)
        for page in (root / "docs").rglob("*.md"):
            page.unlink()
        index = "# Home\n\n```{toctree}\nexamples/index\n```\n"
        (root / "docs" / "index.md").write_text(index)
        self.topic = root / "src" / "examples" / "robust"
        self.topic.mkdir(parents=True)
        headers = Path(__file__).with_name("canary") / "src" / "examples"
        shutil.copy(headers / "GALLERY_HEADER.rst", self.topic.parent)
        shutil.copy(headers / "robust" / "GALLERY_HEADER.rst", self.topic)
        (self.topic / "square.py").write_text(SCRIPT)

    def build(self, *options: str, cores: int | None = None, **environ: str) -> str:
        """Build; return what was said, the exit status first."""
        strict = ["-n", "-W", "--keep-going", "-b", "html", "-d", "doctrees"]
        status, output, errors = builds.sphinx(
            *(*strict, *options, "docs", "html"),
            cwd=self.root,
            cores=cores,
            environ=environ,
        )
        return f"exit {status}\n{output}\n{errors}"

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


def test_a_build_that_writes_one_page_lists_all_pages(site):
    site.build()
    sitemap = site.root / "html" / "sitemap.xml"
    before = sitemap.read_text()
    assert "examples/robust/square.html" in before
    index = site.root / "docs" / "index.md"
    index.write_text(index.read_text() + "\nAnother line.\n")
    assert "exit 0" in site.build()
    assert sitemap.read_text() == before


def test_a_change_of_the_style_runs_every_example_again(site):
    site.build()
    style = site.root / "gallery" / "ownloss.mplstyle"
    style.write_text(style.read_text().replace("005ea6", "005ea7"))
    dark = site.root / "gallery" / "ownloss-dark.mplstyle"
    assert "62b5ec" in dark.read_text()
    assert "successfully executed 1 out of 1" in site.build()
    (svg,) = (site.root / "html" / "_images").glob("*_001.svg")
    assert "#005ea7" in svg.read_text()


def test_a_change_of_an_extension_reads_every_page_again_and_runs_nothing(site):
    site.build()
    extension = site.root / "docs" / "_extensions" / "ownloss_site" / "mathml.py"
    extension.write_text(extension.read_text() + "\n# Another line.\n")
    output = site.build()
    assert "exit 0" in output
    assert "config changed ('pages_depend_on')" in output
    assert "successfully executed 0 out of 0" in output


def test_another_version_of_torch_is_another_fingerprint(monkeypatch):
    def everything():
        versions = freshness.versions_of(freshness.RUN_WITH)
        return freshness.fingerprint(freshness.EXAMPLES_DEPEND_ON, versions)

    before, version = everything(), freshness.metadata.version
    assert everything() == before
    monkeypatch.setattr(
        freshness.metadata,
        "version",
        lambda name: "2.13.1" if name == "torch" else version(name),
    )
    assert everything() != before


def test_the_page_of_a_removed_example_goes_with_it(site):
    (site.topic / "other.py").write_text(SCRIPT.replace("Square", "Others"))
    assert "exit 0" in site.build()
    (site.topic / "other.py").unlink()
    left = site.root / "html" / "_images" / "page-drawn-figure-1.svg"
    left.write_text("what an older build has drawn for a page")
    assert "exit 0" in site.build()
    assert not left.exists()


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


def test_a_figure_without_a_title_fails_each_time_and_is_named(site):
    (site.topic / "square.py").write_text(SCRIPT.replace("ax.set_title", "str"))
    for _ in range(2):
        output = site.build()
        assert "exit 0" not in output
        assert "square.py: figure 1 has no title" in output


def test_one_example_runs_and_the_others_stay_as_they_are(site):
    (site.topic / "other.py").write_text(SCRIPT.replace("Square", "Others"))
    assert ran_ahead(site.build()) == ["other", "square"]
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


def test_a_card_shows_its_figure_also_after_a_build_of_another_example_alone(site):
    (site.topic / "other.py").write_text(SCRIPT.replace("Square", "Others"))
    one = site.build("-D", r"sphinx_gallery_conf.filename_pattern=[\\/]square\.py$")
    assert "exit 0" in one
    assert "exit 0" in site.build()
    gallery = (site.root / "html" / "examples" / "index.html").read_text()
    assert "sphx_glr_other_thumb.svg" in gallery
    assert "_thumb.png" not in gallery


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
    """Neither place, cores, hash seed, time nor what was there before matters."""
    sites = []
    for name in ("one", "a/longer/name"):
        site = Site(tmp_path / name)
        (site.topic / "other.py").write_text(SCRIPT.replace("Square", "Others"))
        (site.topic / "third.py").write_text(SCRIPT.replace("Square", "Third"))
        sites.append(site)
    one, other = sites

    # The first is built bit by bit, on one core, with the seed of the server, which is
    # another each time; the second at once.
    script = one.topic / "square.py"
    script.write_text(SCRIPT.replace("It is", "It was") + DRAW)
    gone = one.topic / "gone.py"
    gone.write_text(SCRIPT)
    assert "exit 0" in one.build(cores=1)
    gone.unlink()
    script.write_text(SCRIPT)
    style = one.root / "docs" / "_static" / "ownloss.css"
    style.write_text(style.read_text() + "\n")
    assert "exit 0" in one.build()
    style.write_text(style.read_text()[:-1])
    assert "exit 0" in one.build()
    said = other.build(PYTHONHASHSEED="2")
    assert "exit 0" in said
    if len(os.sched_getaffinity(0)) > 1:
        assert len(ran_ahead(said)) == 3
    assert len(files(one.root / "html")) > 50
    assert differing(one.root / "html", other.root / "html") == []


# Each kills the build where it stands; only where a file called "now" lies.
KILLS = {
    "within the example": """
import gallery.look
def kill(*_): die()
gallery.look.themed_svg = kill if now else gallery.look.themed_svg
""",
    "between the note that it ran and its page": """
import sphinx_gallery.gen_rst
def kill(*_, **__): die()
if now: sphinx_gallery.gen_rst.save_rst_example = kill
""",
    "while pages are written": """
def setup(app):
    def kill(app, page, *_):
        if page == "search":
            written = pathlib.Path(app.outdir, "examples/robust/square.html")
            written.write_text(written.read_text()[:1000])
            die()
    if now: app.connect("html-page-context", kill)
""",
}
DIE = """
import os, pathlib, signal
now = pathlib.Path(__file__).with_name("now").exists()
def die(): os.killpg(0, signal.SIGKILL)  # its workers, too
"""


@pytest.mark.parametrize("moment", KILLS)
def test_a_build_that_was_killed_leaves_nothing_that_spoils_the_next(site, moment):
    settings = site.root / "docs" / "conf.py"
    settings.write_text(settings.read_text() + DIE + KILLS[moment])
    assert "exit 0" in site.build()
    whole = files(site.root / "html")

    script = site.topic / "square.py"
    script.write_text(SCRIPT + "print(20 + 3)\n")
    now = site.root / "docs" / "now"
    now.touch()
    assert f"exit {-signal.SIGKILL}" in site.build()
    now.unlink()
    script.write_text(SCRIPT)
    assert "exit 0" in site.build()
    after = files(site.root / "html")
    assert [name for name in whole if whole[name] != after.get(name)] == []


def test_an_example_that_failed_is_not_taken_for_done(site):
    script = site.topic / "square.py"
    assert "exit 0" in site.build()
    for _ in range(2):
        script.write_text(SCRIPT + "1 / 0\n")
        assert "exit 0" not in site.build()
    script.write_text(SCRIPT)  # the text of the first build, whose page is gone
    assert "exit 0" in site.build()
    assert "ZeroDivisionError" not in site.page


PROVED = """
import torch


def square(x):
    \"""Square it.

    >>> x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(square, (x,))
    True
    \"""
    return (x**2).sum()

"""


def test_the_table_of_what_works_has_a_row_of_each_loss_whatever_was_built_before(site):
    def rows():
        page = BeautifulSoup((site.root / "html/index.html").read_text(), "html.parser")
        return [row.td.get_text() for row in page.select(".support-matrix tbody tr")]

    # The table is of the examples that lie beside the package.
    sources = site.topic.parents[1]
    shutil.copytree(ROOT / "src" / "ownloss", sources / "ownloss")
    settings = site.root / "docs" / "conf.py"
    first = f"import sys\nsys.path.insert(0, {str(sources)!r})\n"
    settings.write_text(first + settings.read_text())
    index = site.root / "docs" / "index.md"
    index.write_text(index.read_text() + "\n```{support-matrix}\n```\n")
    shutil.copy(ROOT / "src" / "examples" / "robust" / "huber.py", site.topic)
    # The page of huber links its relatives, and this site has none of them.
    alone = ("-D", "suppress_warnings=ref.doc")

    assert "exit 0" in site.build(*alone)
    assert rows() == ["Huber"]
    script = site.topic / "square.py"
    script.write_text(SCRIPT.replace("\n# %%", f"{PROVED}\n# %%"))
    only = r"sphinx_gallery_conf.filename_pattern=[\\/]huber\.py$"
    assert "exit 0" in site.build(*alone, "-D", only)
    assert rows() == ["Huber"]
    said = site.build(*alone)
    assert "trying what works... [100%] square" in said
    assert rows() == ["Huber", "Square"]
    assert "0 added, 0 changed, 0 removed" in site.build(*alone)
    script.unlink()
    assert "exit 0" in site.build(*alone)
    assert rows() == ["Huber"]


def test_a_warning_is_said_again_by_the_next_build(site):
    index = site.root / "docs" / "index.md"
    index.write_text(index.read_text() + "\n{ref}`nowhere`\n")
    for _ in range(2):
        output = site.build()
        assert "exit 0" not in output
        assert "nowhere" in output
