"""``python -m benchmarks.bare_scripts FOLDER``: run scripts one after the other.

What the site's build is measured against: the same scripts in one process that also
saves their figures, and nothing else. With ``--checks`` it also makes the checks that
two pages of the reference make.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import torch

from gallery.look import LIGHT

ROOT = Path(__file__).parents[1]


def run(script: Path, out: Path) -> None:
    """Run one script from a known state, and save what it has drawn.

    Args:
        script: The script.
        out: The folder that the figures go to.
    """
    mpl.rcdefaults()
    plt.style.use(LIGHT)
    torch.manual_seed(0)
    source = compile(script.read_text(encoding="utf-8"), str(script), "exec")
    with contextlib.redirect_stdout(None):
        exec(source, {"__name__": "__main__"})  # noqa: S102 - our own examples
    for number in plt.get_fignums():
        plt.figure(number).savefig(out / f"{script.stem}_{number}.svg")
    plt.close("all")


def check() -> None:
    """Make the checks of the pages of kinds and of the support matrix."""
    sys.path.insert(0, str(ROOT / "docs" / "_extensions"))
    from ownloss.catalogue import examples
    from ownloss.checker import kinds as all_kinds
    from ownloss_site import kinds, support_matrix

    for kind in all_kinds().values():
        for source in (kind.wrong, kind.right):
            kinds.check(source), kinds.by_gradcheck(source)
    for example in examples():
        support_matrix.try_features(example)


def main(folder: Path, *options: str) -> None:
    """Run every script below a folder.

    Args:
        folder: Such as ``src/examples``.
        *options: Nothing, or ``--checks``.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as out:
        for script in sorted(folder.rglob("*.py")):
            run(script, Path(out))
    if "--checks" in options:
        check()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
