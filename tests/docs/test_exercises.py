"""An exercise on a page: its task, its hints and its answer, a stub and a notebook."""

import json

import pytest
from bs4 import BeautifulSoup

from ownloss.exercises import exercises, find
from tests.gallery.test_build import Site

PAGE = """\
# A page

Words.

## Exercise: the gradient of softmax cross entropy

```{exercise} softmax-backward
```
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A small site with an exercise on a page."""
    site = Site(tmp_path_factory.mktemp("site"))
    (site.root / "docs" / "guide").mkdir(exist_ok=True)
    index = site.root / "docs" / "index.md"
    index.write_text(index.read_text().replace("\nex", "\nguide/page\nex"))
    (site.root / "docs" / "guide" / "page.md").write_text(PAGE)
    said = site.build()
    assert "exit 0" in said, said
    return site


@pytest.fixture(scope="module")
def box(site):
    text = (site.root / "html" / "guide" / "page.html").read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser").find(id="exercise-softmax-backward")


def test_task_and_stub_are_shown_and_the_rest_is_folded(box):
    one = find("softmax-backward")
    titles = [summary.get_text() for summary in box.select("details > summary")]
    assert titles == ["Hint", "Second hint", "Answer"]
    folded = [part.extract().get_text() for part in box.select("details")]
    assert one.solution.strip() in folded[2]
    assert one.solution.strip() not in box.get_text()
    assert one.stub.strip() in box.get_text()
    assert one.title not in box.get_text()  # the heading of the page says it


def test_the_files_of_every_exercise_are_there_and_the_page_links_to_them(site, box):
    folder = site.root / "html" / "exercises"
    for one in exercises():
        assert (folder / one.file_name).read_text(encoding="utf-8") == one.file
    links = [link["href"] for link in box.select("a.download")]
    name = "../exercises/softmax_backward"
    assert links == [f"{name}.py", f"{name}.ipynb"]


def test_a_notebook_holds_task_and_stub_and_asks_the_judge(site, capsys):
    one = find("softmax-backward")
    path = site.root / "html" / "exercises" / "softmax_backward.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    assert texts[0] == f"# {one.title}\n\n{one.text}"
    assert texts[2] == one.stub.strip()
    names = {}
    exec("\n\n".join(texts[1:3]), names)
    *imports, ask = texts[3].splitlines()
    exec("\n".join(imports), names)
    assert "is still to be written" in str(eval(ask, names))
    assert [cell["cell_type"] for cell in cells] == [
        *("markdown", "code", "code", "code", "markdown")
    ]
