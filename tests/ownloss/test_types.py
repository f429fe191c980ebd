"""Types reach the code of whoever installs ownloss."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What `nox -s lint` has read of torch is not read again: same settings, same cache.
MYPY = ("--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache")
CODE = """
import ownloss
from torch import nn

report = ownloss.check(nn.MSELoss())
report.ok + "text"
ownloss.check_it(nn.MSELoss())
ownloss.checked(nn.MSELoss()).reduction.upper()
ownloss.checked(3)
"""


def test_a_type_checker_sees_the_public_interface(tmp_path):
    (tmp_path / "mine.py").write_text(CODE)
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", *MYPY, "mine.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    found = re.findall(r"^mine\.py:(\d+): error: .*\[([\w-]+)\]", ran.stdout, re.M)
    lines = CODE.splitlines()
    said = {lines[int(number) - 1]: code for number, code in found}
    assert said == {
        'report.ok + "text"': "operator",
        "ownloss.check_it(nn.MSELoss())": "attr-defined",
        "ownloss.checked(3)": "type-var",
    }, ran.stdout
