"""The wheel: installed where nothing else is, it copies losses that prove themselves.

The empty environment gets what ownloss requires and nothing more. It is linked from
the environment of the tests, so that no test downloads torch.
"""

import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ownloss import catalogue
from ownloss.exercises import exercises

ROOT = Path(__file__).parents[2]
DOCTEST_ALL = """
import doctest, importlib.util, pathlib
for path in sorted(pathlib.Path("losses").glob("*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    print(path.stem, *doctest.testmod(module))
"""


def closure(*names):
    """The distributions that these need, themselves included."""
    wanted, found = list(names), {}
    while wanted:
        name = wanted.pop()
        distribution = metadata.distribution(name)
        key = distribution.name.lower().replace("_", "-")
        if key in found:
            continue
        found[key] = distribution
        for line in distribution.requires or ():
            requirement = Requirement(line)
            if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
                wanted.append(requirement.name)
    return found.values()


def link(distributions, site_packages):
    """Link distributions into an environment."""
    for distribution in distributions:
        for top in {file.parts[0] for file in distribution.files or ()} - {".."}:
            source, link = distribution.locate_file(top), site_packages / top
            if top != "__pycache__" and not link.exists():
                link.symlink_to(source)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An environment with the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("empty")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-q", "-w", folder, ROOT], check=True, capture_output=True)
    (wheel,) = folder.glob("ownloss-*.whl")

    venv.create(folder / "venv", with_pip=False, symlinks=True)
    scripts = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    python = scripts / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    asked = subprocess.run([python, "-c", ask], capture_output=True, text=True)
    site_packages = Path(asked.stdout.strip())
    link(closure("torch", "click", "rich"), site_packages)
    install = ["install", "-q", "--no-deps", "--target", str(site_packages), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True)
    return folder, python, site_packages


def run(environment, *arguments):
    """Run the environment's python; return what it printed."""
    folder, python, _ = environment
    ran = subprocess.run(
        [python, "-W", "ignore:Failed to initialize NumPy", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        env={"OMP_NUM_THREADS": "1"},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_every_copied_loss_proves_itself_in_an_empty_environment(environment):
    _, _, site_packages = environment
    asked = ("ownloss", "numpy", "scipy", "matplotlib", "sphinx")
    ask = (
        f"from importlib.util import find_spec as f; print(*map(f, {asked}), sep='\\n')"
    )
    ours, *others = run(environment, "-c", ask).splitlines()
    assert "site-packages" in ours
    assert others == ["None"] * 4

    listed = run(environment, "-m", "ownloss", "list").splitlines()
    names = [line.partition("\t")[0] for line in listed]
    assert names == [example.name for example in catalogue.examples()]

    needing = {
        example.name
        for example in catalogue.examples()
        if "import numpy" in example.loss
        or "scipy" in example.loss.partition("def ")[0]
    }
    alone = [name for name in names if name not in needing]
    assert len(alone) > len(needing)

    def prove(chosen):
        run(environment, "-m", "ownloss", "copy", *chosen, "--to", "losses", "--force")
        proofs = dict(
            line.split(" ", 1)
            for line in run(environment, "-c", DOCTEST_ALL).splitlines()
            if line.partition(" ")[0] in names
        )
        assert {name: proofs[name].split()[0] for name in chosen} == dict.fromkeys(
            chosen, "0"
        )
        assert all(int(proofs[name].split()[1]) >= 3 for name in chosen)

    prove(alone)
    said = run(environment, "-m", "doctest", "-v", "losses/huber.py")
    assert "Test passed." in said
    if needing:
        link(closure("scipy"), site_packages)
        prove(sorted(needing))


def test_the_wheel_holds_the_examples_and_no_cache(environment):
    _, _, site_packages = environment
    examples = site_packages / "ownloss" / "examples"
    inside = {path.name for path in examples.glob("*/*.py")}
    assert inside == {example.path.name for example in catalogue.examples()}


def test_the_wheel_holds_the_exercises_and_judges_an_answer(environment):
    _, _, site_packages = environment
    folder = site_packages / "ownloss" / "exercises"
    names = {path.parent.name for path in folder.glob("*/task.py")}
    assert names == {one.folder.name for one in exercises()}
    for name in names:
        files = {path.name for path in (folder / name).glob("*.py")}
        assert files == {"task.py", "answer.py", "judge.py"}
    answer = str(folder / "softmax_backward" / "answer.py")
    command = ("-m", "ownloss", "exercise", "check", answer)
    said = run(environment, *command, "--name", "softmax-backward")
    assert said.startswith("softmax-backward: right")
