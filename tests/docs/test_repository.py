"""Where the repository's address is known, a page leads to its source and notebook."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import torch
import yaml
from bs4 import BeautifulSoup

from ownloss_site import repository
from tests.gallery.test_build import Site

ROOT = Path(__file__).parents[2]
ADDRESS = "https://github.com/somebody/some.losses"


def parsed(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A small site whose repository is known, published below a path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPOSITORY_URL", ADDRESS)
        patch.setenv("SITE_URL", "https://somebody.example/some/losses/")
        site = Site(tmp_path_factory.mktemp("site"))
        (site.root / "docs" / "guide").mkdir(exist_ok=True)
        index = site.root / "docs" / "index.md"
        index.write_text(index.read_text().replace("\nex", "\nguide/page\nex"))
        (site.root / "docs" / "guide" / "page.md").write_text("# A page\n\nWords.\n")
        assert "exit 0" in site.build()
    return site


@pytest.mark.parametrize(
    ("page", "source"),
    [
        ("index.html", "README.md"),
        ("guide/page.html", "docs/guide/page.md"),
        ("examples/robust/square.html", "src/examples/robust/square.py"),
        ("examples/robust/index.html", "src/examples/robust/GALLERY_HEADER.rst"),
        ("examples/index.html", "src/examples/GALLERY_HEADER.rst"),
    ],
)
def test_edit_this_page_leads_to_the_file_that_somebody_wrote(site, page, source):
    (link,) = parsed(site.root / "html" / page).find_all("a", rel="edit")
    assert link["href"] == f"{ADDRESS}/edit/main/{source}"
    somewhere = ROOT if source == "README.md" else site.root
    assert (somewhere / source).is_file()


@pytest.mark.parametrize(
    ("page", "source"),
    [
        ("guide/page", "docs/guide/page.md"),
        ("examples/robust/square", "src/examples/robust/square.py"),
        ("search", None),  # nobody wrote it
    ],
)
def test_the_foot_leads_to_the_source_and_to_a_report_that_says_where(
    site, page, source
):
    foot = parsed(site.root / "html" / f"{page}.html").select_one("footer .ran-with")
    found = {a.get_text(): a["href"] for a in foot.find_all("a")}
    wanted = f"{ADDRESS}/blob/main/{source}" if source else None
    assert found.get("Source of this page") == wanted
    report = urlsplit(found["Report a mistake"])
    assert report._replace(query="").geturl() == f"{ADDRESS}/issues/new"
    asked = {name: value for name, (value,) in parse_qs(report.query).items()}
    form = yaml.safe_load(
        (ROOT / ".github" / "ISSUE_TEMPLATE" / asked.pop("template")).read_text()
    )
    assert {*asked} <= {field.get("id") for field in form["body"]}
    assert asked["where"] == f"https://somebody.example/some/losses/{page}.html"
    release = torch.__version__.partition("+")[0]
    said = rf"ownloss \d+\.\d+\.\d+\S*, torch {release}"
    assert re.fullmatch(said, asked["versions"])


def test_the_source_of_each_page_of_the_site_is_kept_by_git():
    built = ROOT / "build" / "html"
    config = SimpleNamespace(
        root_doc="index", sphinx_gallery_conf={"gallery_dirs": "examples"}
    )
    app = SimpleNamespace(config=config)
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = listed.stdout.splitlines()
    kept = {*files, *(str(Path(name).parent) for name in files)}
    names = [p.relative_to(built).as_posix() for p in built.rglob("*.html.md")]
    assert len(names) > 300
    sources = {repository.source_of(app, n.removesuffix(".html.md")) for n in names}
    assert sources - kept == set()
    assert len(sources) == len(names)


def test_the_source_of_a_kind_is_the_folder_of_the_files_that_its_page_is_made_of():
    page = "reference/kinds/empty-batch"
    settings = {"repository_url": ADDRESS, "project": "ownloss", "version": "1.0"}
    context = {"published": False, "torch_version": "2.13.0"}
    app = SimpleNamespace(
        config=SimpleNamespace(**settings, html_context=context, root_doc="index"),
        env=SimpleNamespace(found_docs={page}),
    )
    links = repository.links_of_foot(app, page, {})
    folder = "src/ownloss/checker/rules/empty_batch"
    assert links["edit"] == links["source"] == f"{ADDRESS}/tree/main/{folder}"
    made_of = {path.name for path in (ROOT / folder).iterdir()}
    assert made_of >= {"rule.py", "wrong.py", "right.py", "notes.md"}


def links(site):
    """The links of an example's page to Colab and to Binder."""
    page = parsed(site.root / "html" / "examples" / "robust" / "square.html")
    found = {a.get_text(): a["href"] for a in page.select(".sphx-glr-footer a")}
    return found["Open in Colab"], found["Open in a Binder"]


def test_colab_and_binder_are_asked_for_what_the_workflow_publishes(site, tmp_path):
    checkout, bare = site.root, tmp_path / "origin.git"
    (checkout / ".github").mkdir()
    shutil.copy(ROOT / ".github" / "publish-notebooks", checkout / ".github")
    shutil.copy(ROOT / "constraints.txt", checkout)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PIP_EXTRA_INDEX_URL": "https://somewhere.example/cpu",
        **{
            f"GIT_{role}_{what}": "a@b.example"
            for role in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }

    def run(*command, cwd=checkout):
        return subprocess.run(
            command,
            cwd=cwd,
            check=True,
            capture_output=True,
            text=True,
            env=environment,
        ).stdout

    run("git", "init", "-q", "--bare", str(bare))
    run("git", "init", "-q")
    run("git", "remote", "add", "origin", str(bare))
    run("git", "add", "constraints.txt")
    run("git", "commit", "-q", "-m", "Begin")
    built = site.root / "html" / "exercises"
    shutil.copytree(built, checkout / "build" / "html" / "exercises")
    for _ in range(2):  # again, over what is there
        run(".github/publish-notebooks")
    listed = run("git", "ls-tree", "-r", "--name-only", "notebooks", cwd=bare)
    exercises = sorted(f"exercises/{path.name}" for path in built.glob("*.ipynb"))
    others = ["requirements.txt", "robust/square.ipynb", "runtime.txt"]
    assert listed.split() == [*exercises, *others]
    assert len(exercises) > 5
    needed = run("git", "show", "notebooks:requirements.txt", cwd=bare)
    assert needed.startswith("--extra-index-url https://somewhere.example/cpu\n")
    assert needed.count("==") == 4
    assert run("git", "diff", "--cached", "--name-only") == ""

    colab, binder = map(urlsplit, links(site))
    host, owner, name, blob, branch, *path = colab.path.strip("/").split("/")
    assert colab.netloc == "colab.research.google.com"
    assert (host, f"{owner}/{name}", blob) == ("github", "somebody/some.losses", "blob")
    assert branch == "notebooks"
    assert "/".join(path) in listed.split()
    assert binder.netloc == "mybinder.org"
    assert unquote(binder.path) == "/v2/gh/somebody/some.losses/notebooks"
    assert parse_qs(binder.query)["labpath"][0] in listed.split()


def test_the_page_that_is_not_there_finds_style_and_links_below_a_path(site):
    page = parsed(site.root / "html" / "404.html")
    asked = [tag["href"] for tag in page.select("link[rel~=stylesheet], a[href]")]
    asked += [tag["src"] for tag in page.find_all(src=True)]
    within = [link for link in asked if not urlsplit(link).netloc and link[0] != "#"]
    assert len(within) > 5
    for link in within:
        path = urlsplit(link).path
        assert path.startswith("/some/losses/")
        assert (site.root / "html" / path.removeprefix("/some/losses/")).is_file()


def test_an_example_that_runs_elsewhere_needs_no_more_than_is_installed_there():
    script = (ROOT / ".github" / "publish-notebooks").read_text()
    group = (ROOT / "pyproject.toml").read_text().partition("\nexamples = [")[2]
    for name in group.partition("]")[0].replace('"', "").split(","):
        assert name.partition(">=")[0].strip() in script


@pytest.mark.parametrize(
    "given", ["somebody/losses", "git@github.com:somebody/losses.git", "https://x.y/z"]
)
def test_an_address_that_is_none_of_a_repository_is_refused(given):
    class Config:
        repository_url = given

    with pytest.raises(Exception, match=r"https://github\.com/owner/name.*got") as told:
        repository.check_address(SimpleNamespace(tags=()), Config())
    assert given in str(told.value)


@pytest.mark.parametrize("address", ["", "/", "http://127.0.0.1:8000/"])
def test_a_site_without_an_address_is_not_published(tmp_path, address):
    said = Site(tmp_path).build("-t", "publish", SITE_URL=address)
    assert "exit 0" not in said
    assert "SITE_URL wants the address where the site will be published" in said


def test_the_workflows_publish_by_the_command_that_asks_for_an_address():
    for name in (".github/workflows/site.yml", ".readthedocs.yaml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        commands = re.findall(r"nox -s docs -- (\w+)", text)
        assert commands == ["publish"], name
