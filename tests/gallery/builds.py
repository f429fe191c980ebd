"""Sphinx as `python -m sphinx` runs it, without the seconds that its imports take.

A server imports and uses the libraries once, and each build is a fork of it. Nothing of
ours is imported there: a small site has its own copy of the gallery and of the
extensions.
"""

import os
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path

SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["tests.gallery.libraries"])
ROOT = Path(__file__).parents[2]


def sphinx(
    *arguments: str,
    cwd: Path,
    cores: int | None = None,
    environ: dict[str, str] | None = None,
) -> tuple[int, str, str]:
    """Run Sphinx on this number of cores; return exit status, output and errors."""
    env = {**os.environ, "NO_COLOR": "1", **(environ or {})}
    if environ and "PYTHONHASHSEED" in environ:  # read when an interpreter starts
        ran = subprocess.run(
            [sys.executable, "-m", "sphinx", *arguments],
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=(lambda: _allow(cores)) if cores else None,
        )
        return ran.returncode, ran.stdout, ran.stderr
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("output", "errors")]
        process = SERVER.Process(target=_run, args=(arguments, cwd, cores, env, *files))
        process.start()
        process.join()
        output, errors = (file.read_text(encoding="utf-8") for file in files)
        return process.exitcode, output, errors


def _allow(cores: int) -> None:
    """Let this process use so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def _run(
    arguments: tuple[str, ...],
    cwd: Path,
    cores: int | None,
    env: dict[str, str],
    output: Path,
    errors: Path,
) -> None:
    """What the fork does: become the process that a shell would have started."""
    from sphinx.cmd.build import main

    os.setsid()  # what kills a build kills its workers, and not the server
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    if cores:
        _allow(cores)
    # What pytest put first, this repository, is not what the site is built with.
    ours = {str(ROOT), str(ROOT / "docs" / "_extensions")}
    sys.path[:] = [str(cwd), *(path for path in sys.path if path not in ours)]
    for module in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[module]
    for number, path in ((1, output), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644), number)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.exit(main(list(arguments)))
