"""What readers of good documentation are used to, on the built site.

`nox -s tests` builds the site meanwhile; elsewhere build it first.
"""

import ast
import json
import re
import struct
import subprocess
import sys
import unicodedata
from pathlib import Path
from urllib.parse import urlsplit
from zipfile import ZipFile

from ownloss import catalogue
from tests.docs.conftest import SITE

EXAMPLES = {example.name: example for example in catalogue.examples()}


def test_every_heading_and_term_has_an_address(pages):
    without = []
    for name, page in pages.items():
        if name in {"404.html", "genindex.html", "search.html"}:
            continue
        headings = page.css("article :is(h1, h2, h3, h4)")
        terms = page.css("article dl.glossary > dt, article dt.sig")
        ids = {tag.id for tag in page.css("[id]")}
        for tag in [*headings, *terms]:
            link = tag.css_first("a.headerlink")
            if not link or link.attributes["href"].removeprefix("#") not in ids:
                without.append((name, tag.text()))
    assert without == []


def test_an_address_is_made_of_what_it_names_and_not_of_a_count(pages):
    counted = [
        (name, tag.id)
        for name, page in pages.items()
        for tag in page.css("article [id]")
        if re.fullmatch(r"(id|section-|figure-|module-)?\d+", tag.id)
    ]
    assert counted == []
    headings = 0
    for name, page in pages.items():
        for section in page.css("article section[id]"):
            heading = section.css_first("h1, h2, h3, h4, h5, h6").text()
            anchors = {section.id, *(s.id for s in section.css("span[id]"))}
            words = letters_of(heading)
            same = [a for a in anchors if letters_of(a) and letters_of(a) in words]
            assert same, (name, heading, anchors)
            headings += 1
    assert headings > 100


def letters_of(text):
    """The letters and digits of a text, lower and without accents."""
    plain = unicodedata.normalize("NFKD", text.lower())
    return re.sub("[^a-z0-9]", "", plain)


def test_the_page_that_is_not_there_works_at_any_depth(pages):
    page = pages["404.html"]
    canonical = pages["index.html"].css_first("link[rel=canonical]").attributes["href"]
    root = urlsplit(canonical).path.removesuffix("index.html")
    links = [tag.attributes["href"] for tag in page.css("[href]")]
    links += [tag.attributes["src"] for tag in page.css("[src]")]
    within = [link for link in links if not urlsplit(link).netloc and link[0] != "#"]
    assert any(link.endswith(".html") for link in within)
    assert any(".css" in link for link in within)
    for link in within:
        assert link.startswith(root), link
        assert (SITE / urlsplit(link).path.removeprefix(root)).is_file(), link


def test_a_shared_link_has_a_picture_that_is_there(pages):
    for name, page in pages.items():
        if name in {"404.html", "genindex.html", "search.html"}:
            continue
        said = {
            tag.attributes["property"]: tag.attributes["content"]
            for tag in page.css("meta[property]")
        }
        for key in ("title", "type", "url", "site_name", "description", "image"):
            assert said.get(f"og:{key}"), (name, key)
        assert len(said["og:image:alt"]) > 20
        canonical = page.css_first("link[rel=canonical]").attributes["href"]
        assert said["og:url"] == canonical
        picture = SITE / said["og:image"].removeprefix(canonical.removesuffix(name))
        size = struct.unpack(">II", picture.read_bytes()[16:24])
        assert size == (1200, 630)
        assert size == tuple(int(said[f"og:image:{s}"]) for s in ("width", "height"))
        assert picture.stat().st_size < 100_000


def test_every_page_has_a_small_icon(pages):
    for name, page in pages.items():
        icon = page.css_first("link[rel~=icon]")
        assert icon.attributes["href"].endswith("favicon.svg"), name
    icon = (SITE / "_static" / "favicon.svg").read_text()
    assert len(icon) < 1000
    assert "prefers-color-scheme: dark" in icon


def test_without_a_repository_no_page_links_to_one(pages):
    for name, page in pages.items():
        for host in ("colab.research", "mybinder.org", "/edit/"):
            assert not page.css(f'a[href*="{host}"]'), name


def downloads(pages):
    """From the name of an example to its script, its notebook and its zip."""
    found = {}
    for name, page in pages.items():
        links = page.css(".sphx-glr-footer a.download")
        if links:
            files = [(SITE / name).parent / link.attributes["href"] for link in links]
            found[Path(name).stem] = {path.suffix: path.resolve() for path in files}
    return found


def test_a_downloaded_script_is_the_example(pages):
    taken = downloads(pages)
    assert taken.keys() == EXAMPLES.keys()
    for name, files in taken.items():
        assert files[".py"].read_bytes() == EXAMPLES[name].path.read_bytes()
        with ZipFile(files[".zip"]) as archive:
            for suffix in (".py", ".ipynb"):
                content = archive.read(f"{name}{suffix}")
                assert content == files[suffix].read_bytes()
            assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def statements(code):
    """What code does, without its docstring."""
    body = ast.parse(code).body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        del body[0]
    return [ast.dump(statement) for statement in body]


def cells(notebook, kind):
    """The cells of a notebook."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    return [
        "".join(cell["source"])
        for cell in content["cells"]
        if cell["cell_type"] == kind
    ]


def test_a_downloaded_notebook_does_what_the_script_does(pages):
    for name, files in downloads(pages).items():
        script = EXAMPLES[name].path.read_text(encoding="utf-8")
        code = "\n".join(cells(files[".ipynb"], "code"))
        assert statements(f'"""x"""\n{code}') == statements(script), name


def test_the_text_of_a_notebook_is_markdown(pages):
    for name, files in downloads(pages).items():
        text = "\n".join(cells(files[".ipynb"], "markdown"))
        assert re.findall(r":[a-z:]+:`|^\.\. \w+", text, re.MULTILINE) == [], name


# The others have the statements of their scripts, which the tests of examples run.
def test_a_downloaded_notebook_runs_in_an_empty_folder(pages, tmp_path):
    notebook = downloads(pages)["soft_dtw"][".ipynb"]
    (tmp_path / "taken.py").write_text("\n".join(cells(notebook, "code")), "utf-8")
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-I", "taken.py"],
        cwd=tmp_path,
        env={"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_code_of_examples_links_to_the_documentation_of_torch(pages):
    linked = {
        link.attributes["href"].partition("#")[2]
        for page in pages.values()
        for link in page.css('article pre a[href*="docs.pytorch.org"]')
    }
    assert {"torch.autograd.grad", "torch.linspace", "torch.optim.Adam"} <= linked
    without = [
        name
        for name, page in pages.items()
        if name.startswith("examples/")
        and Path(name).stem in EXAMPLES
        and not page.css("article pre a[href]")
    ]
    assert without == []
