"""The commands of ownloss: `nox -l` lists them, `nox -s NAME` runs one.

One environment serves them all, so torch is installed once.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from xml.etree import ElementTree

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "tests", "docs"]

ROOT = Path(__file__).parent
ENVIRONMENT = ROOT / ".nox" / "environment"
BIN = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
SITE = ROOT / "build" / "html"
BOOK = ROOT / "build" / "epub" / "ownloss.epub"
# How the build that runs beside the tests has ended: 0, or what went wrong.
ENDED = ROOT / "build" / "ended"
PYPROJECT = nox.project.load_toml("pyproject.toml")
# What a release of torch may change, and what needs no tool of the site.
VARIES = [
    *(
        "tests/checker",
        "tests/examples",
        "tests/exercises",
        "tests/museum",
        "tests/ownloss",
        "tests/docs/test_snippets.py",
    ),
    *("docs", "README.md", "CONTRIBUTING.md", "src/ownloss"),
]
# What the site is built with and has no promise of, and the tests that say so.
NEXT = {
    "furo": "https://github.com/pradyunsg/furo",
    "myst-parser": "https://github.com/executablebooks/MyST-Parser",
    "sphinx": "https://github.com/sphinx-doc/sphinx",
    "sphinx-gallery": "https://github.com/sphinx-gallery/sphinx-gallery",
}
CANARY = [
    "tests/docs/test_engine.py",
    "tests/docs/test_navigation.py",
    "tests/gallery/test_canary.py",
]
# Sphinx-Gallery and pytest-xdist use processes; torch's own threads would fight them.
ENV = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


def run(session: nox.Session, *command: str, **environ: str) -> None:
    """Run a module of the one environment."""
    env = {**ENV, **environ}
    session.run(str(BIN / "python"), "-m", *command, external=True, env=env)


def command(function: Callable[[nox.Session], None]) -> Callable:
    """Declare a session that uses the one environment."""
    return nox.session(venv_backend="none", requires=["environment"])(function)


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / BIN.name / "python"


def build_site(session: nox.Session, *options: str, to: Path = SITE) -> None:
    """Build the site; run the examples that have changed since the last build."""
    strict = ["-n", "-W", "--keep-going", "-t", "offline", "-d", "build/doctrees"]
    # A date that a page or a book names is the commit's: two builds are alike.
    date = date_of_commit()
    environ = {"SOURCE_DATE_EPOCH": date} if date else {}
    run(session, "sphinx", *strict, *options, "docs", str(to), **environ)


def build_all(session: nox.Session, *options: str) -> None:
    """Build the site, the zip of its pages and the book, which the site offers."""
    build_site(session, *options)
    build_site(session, *options, "-b", "epub", to=BOOK.parent)
    shutil.copy(BOOK, SITE)


def date_of_commit() -> str:
    """Seconds from 1970 to the last commit, unless said already; empty without git."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return given
    if not shutil.which("git"):
        return ""
    asked = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return subprocess.run(asked, capture_output=True, text=True).stdout.strip()


@nox.session(reuse_venv=True, default=False)
def environment(session: nox.Session) -> None:
    """Install ownloss and all that the other commands use, once."""
    groups = nox.project.dependency_groups(PYPROJECT, "docs", "test", "lint")
    known = ENVIRONMENT / ".installed"
    wanted = "\n".join(
        (ROOT / name).read_text() for name in ("pyproject.toml", "constraints.txt")
    )
    if known.exists() and known.read_text() == wanted:
        session.log("up to date with pyproject.toml and constraints.txt")
        return
    session.log("installing, torch first: 200 MB on a CPU build, gigabytes with CUDA")
    session.install("--constraint", "constraints.txt", "torch")
    session.install("--constraint", "constraints.txt", "--editable", ".", *groups)
    known.write_text(wanted)


@command
def docs(session: nox.Session) -> None:
    """Build the site with its book, `-- huber` one example of it; or `-- watch`.

    `-- publish` fails where the site has no address.
    """
    match session.posargs:
        case ["watch"]:
            watched = [f"--watch={name}" for name in ("src", "gallery", "README.md")]
            ignored = ["--re-ignore=docs/examples/", "--re-ignore=__pycache__"]
            options = ["-n", "-d", "build/doctrees", "docs", str(SITE)]
            run(session, "sphinx_autobuild", *watched, *ignored, *options)
            return
        case []:
            build_all(session)
        case ["publish"]:
            build_all(session, "-t", "publish")
        case [name] if list(ROOT.glob(f"src/examples/*/{name}.py")):
            one = rf"sphinx_gallery_conf.filename_pattern=[\\/]{name}\.py$"
            again = "sphinx_gallery_conf.run_stale_examples=True"
            build_site(session, "-D", one, "-D", again)
        case _:
            given = " ".join(session.posargs)
            session.error(
                f"expected 'watch', 'publish' or the name of an example, got {given!r}"
            )
    print(f"\nThe site lies in {SITE}\nOpen {(SITE / 'index.html').as_uri()}")


@command
def tests(session: nox.Session) -> None:
    """Build the site and run all tests; `-- -k huber` runs some, and builds nothing."""
    # By file: the snippets of a page share their names, so one process runs them all.
    share = ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]
    if session.posargs:
        run(session, "pytest", *share, *session.posargs)
        return
    # The build runs the examples. The tests that read the site come last, and wait.
    with building(session):
        done = "--ignore=tests/examples/test_scripts.py"
        run(session, "pytest", *share, done, SITE_ENDED=str(ENDED))


@contextmanager
def building(session: nox.Session) -> Iterator[None]:
    """Build the site beside what is done meanwhile; fail where it cannot be built."""
    ENDED.parent.mkdir(exist_ok=True)
    ENDED.unlink(missing_ok=True)
    log = ENDED.with_name("docs.log")
    with log.open("w") as said:
        command = [sys.executable, "-m", "nox", "-s", "docs"]
        build = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said)

    def wait() -> None:
        code = build.wait()
        if code:
            print(log.read_text(), flush=True)
        ENDED.write_text(f"{code}")

    waiting = Thread(target=wait)
    waiting.start()
    try:
        yield
    finally:
        waiting.join()
        if build.returncode:
            session.error(f"the site cannot be built: {log} says why")


@nox.session(venv_backend="none", default=False)
def versions(session: nox.Session) -> None:
    """Run the tests on other torch: `-- 2.5.1 2.15.0`, `-- newest` or `-- nightly`."""
    rows = []
    for release in session.posargs or ["newest"]:
        python = install_torch(session, release)
        report = ROOT / "build" / "versions" / f"{release}.xml"
        report.parent.mkdir(parents=True, exist_ok=True)
        report.unlink(missing_ok=True)
        options = ["-n", "auto", "--dist", "loadfile", f"--junitxml={report}"]
        run_in = [str(python), "-m", "pytest", "-p", "no:cacheprovider", *options]
        # 1: a test has failed, 2: a file cannot be imported. The table says so.
        codes = {"external": True, "env": ENV, "success_codes": [0, 1, 2]}
        session.run(*run_in, *VARIES, **codes)
        ask = "import sys, torch; print(torch.__version__, sys.version.split()[0])"
        asked = session.run(str(python), "-c", ask, silent=True, external=True)
        rows.append([*asked.split()[-2:], *counted(report)])
    print(f"\n{'torch':24}{'Python':8}{'passed':>8}{'failed':>8}{'skipped':>8}")
    for torch, version, passed, failed, skipped in rows:
        print(f"{torch:24}{version:8}{passed:8}{failed:8}{skipped:8}")
    if any(failed or not passed for _, _, passed, failed, _ in rows):
        session.error("not all tests pass on all of these")


def install_torch(session: nox.Session, release: str) -> Path:
    """Make an environment with a release of torch and what the tests use, once."""
    # A release of torch may itself name the one sympy that it works with.
    folder, free = ROOT / ".nox" / "versions" / release, ("torch", "sympy")
    known = folder / ".installed"
    wanted = (ROOT / "pyproject.toml").read_text() + pins_without(*free)
    settled = release not in ("newest", "nightly")
    if settled and known.exists() and known.read_text() == wanted:
        session.log(f"{folder} is up to date")
        return python_of(folder)
    torch = {"newest": ["torch"], "nightly": ["--pre", "torch"]}
    chosen = torch.get(release, [f"torch=={release}"])
    python = install_with(session, folder, free, chosen)
    known.write_text(wanted)
    return python


def pins_without(*free: str) -> str:
    """The exact versions of all but some packages."""
    pins = (ROOT / "constraints.txt").read_text().splitlines(keepends=True)
    return "".join(p for p in pins if p.partition("==")[0].lower() not in free)


def install_with(
    session: nox.Session, folder: Path, free: tuple[str, ...], wanted: list[str]
) -> Path:
    """Make an environment of what the tests use, in which some versions are free."""
    python, outside = python_of(folder), {"external": True}
    if not python.exists():
        session.run(sys.executable, "-m", "venv", str(folder), **outside)
    constraints = folder / "constraints.txt"
    constraints.write_text(pins_without(*free))
    groups = nox.project.dependency_groups(PYPROJECT, "docs", "test")
    install = [str(python), "-m", "pip", "install", "--upgrade"]
    install += ["--upgrade-strategy", "only-if-needed", "-c", str(constraints)]
    # All at once: alone, a test's tool would bring a torch that suits it.
    session.run(*install, *wanted, "--editable", ".", *groups, **outside)
    return python


@nox.session(venv_backend="none", default=False)
def canary(session: nox.Session) -> None:
    """Build a small site with what the libraries bring next: `-- development`."""
    which = session.posargs or ["newest"]
    if which not in (["newest"], ["development"]):
        session.error(f"expected 'newest' or 'development', got {' '.join(which)!r}")
    folder = ROOT / ".nox" / "canary" / which[0]
    free = (*NEXT, "docutils", "sphinx-basic-ng")
    python = install_with(session, folder, free, [*NEXT])
    if which == ["development"]:
        # Each for itself: none says yet that it works with the next of the others.
        sources = [f"{name} @ git+{address}" for name, address in NEXT.items()]
        install = [str(python), "-m", "pip", "install", "--force-reinstall"]
        session.run(*install, "--no-deps", *sources, external=True)
    run_in = [str(python), "-m", "pytest", "-p", "no:cacheprovider"]
    session.run(*run_in, *CANARY, external=True, env=ENV)


@nox.session(default=False, reuse_venv=True)
def release(session: nox.Session) -> None:
    """Build sdist and wheel, and prove each where nothing else is; uploads nothing."""
    version = PYPROJECT["project"]["version"]
    if session.posargs not in ([], [f"v{version}"]):
        given = " ".join(session.posargs)
        session.error(
            f"the version is {version}, so the tag is v{version}, not {given}"
        )
    group = nox.project.dependency_groups(PYPROJECT, "release")
    session.install("--constraint", "constraints.txt", *group)
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist))
    archives = sorted(map(str, dist.glob("ownloss-*")))
    session.run("twine", "check", "--strict", *archives)
    for archive in archives:
        prove(session, archive)


def prove(session: nox.Session, archive: str) -> None:
    """Install an archive into an empty environment, and run the proof of every loss."""
    folder = Path(session.create_tmp()) / "empty"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "venv", str(folder))
    python = str(python_of(folder))
    alone = {"external": True, "env": {**ENV, "PYTHONPATH": None}}
    install = [python, "-m", "pip", "install", "-c", str(ROOT / "constraints.txt")]
    # Only an example whose subject is SciPy needs more than what comes along.
    session.run(*install, archive, "scipy", **alone)
    command = [python, "-m", "ownloss"]
    listed = session.run(*command, "list", silent=True, **alone)
    names = [line.partition("\t")[0] for line in listed.splitlines() if "\t" in line]
    losses = folder / "losses"
    session.run(*command, "copy", *names, "--to", str(losses), silent=True, **alone)
    files = sorted(map(str, losses.glob("*.py")))
    if len(files) < len(list(ROOT.glob("src/examples/*/*.py"))):
        session.error(f"{archive} lacks losses: it has {len(files)}")
    session.run(python, "-m", "doctest", *files, **alone)
    session.log(f"{len(files)} losses of {archive} prove themselves")


def counted(report: Path) -> tuple[int, int, int]:
    """Tests that passed, failed and were skipped, from pytest's report."""
    suite = ElementTree.parse(report).getroot().find("testsuite").attrib
    failed = int(suite["failures"]) + int(suite["errors"])
    skipped = int(suite["skipped"])
    return int(suite["tests"]) - failed - skipped, failed, skipped


@command
def lint(session: nox.Session) -> None:
    """Check code with ruff, types with mypy, prose with codespell; `-- --fix` mends."""
    fix = ["--fix"] if "--fix" in session.posargs else []
    run(session, "ruff", "check", *fix, ".")
    run(session, "ruff", "format", *([] if fix else ["--check"]), ".")
    run(session, "codespell_lib", *(["--write-changes"] if fix else []))
    run(session, "mypy")


@command
def new(session: nox.Session) -> None:
    """Make a new example and its test: `nox -s new -- robust/cauchy`."""
    run(session, "gallery.new_example", *session.posargs)


@command
def confusion(session: nox.Session) -> None:
    """Print what the checker finds in losses known to be right or wrong."""
    run(session, "tests.checker.confusion", *session.posargs)


def run_apart(session: nox.Session, group: str, module: str) -> None:
    """Run a module with what a group brings, in an environment of the session's own."""
    groups = nox.project.dependency_groups(PYPROJECT, group)
    session.install("--constraint", "constraints.txt", "--editable", ".", *groups)
    session.run("python", "-m", module, *session.posargs, env=ENV)


@nox.session(default=False, reuse_venv=True)
def museum(session: nox.Session) -> None:
    """Ask all tools about the museum's losses; `-- no-triplet` about one."""
    run_apart(session, "museum", "tests.museum.verdicts")


@nox.session(default=False, reuse_venv=True)
def peers(session: nox.Session) -> None:
    """Measure the losses beside the libraries that people take: `bench -- peers`."""
    run_apart(session, "peers", "benchmarks.peers")


@command
def bench(session: nox.Session) -> None:
    """Measure the losses, as ratios; `-- peers`, `-- check`, `-- build` more."""
    match session.posargs:
        case ["check"]:
            run(session, "benchmarks.check_cost")
        case ["build", *options]:
            run(session, "benchmarks.build_cost", *options)
        case ["peers", *options]:
            session.notify("peers", options)
        case names:
            run(session, "benchmarks", *names)


@nox.session(venv_backend="none", default=False)
def clean(session: nox.Session) -> None:
    """Remove what the other commands have made, the environment apart."""
    for path in ("build", "dist", "docs/examples", "docs/reference/kinds"):
        shutil.rmtree(ROOT / path, ignore_errors=True)
