"""What an exception of a loss says, and whether it was meant."""

import builtins
import re
import sysconfig
import traceback

from ownloss.checker.trace import TORCH

# How torch refuses a value that it is given; a size that does not fit sounds different.
_REFUSED_VALUE = re.compile(
    r"xpected more|^Target -?\d+ is out of bounds|to have value|"
    r"index out of range in self|num_classes|non-negative|between 0 and|"
    r"is singular|not positive-definite",
)
# Longer texts hold data, and would be searched for long.
LONGEST = 2_000
# Some of torch's lines list every backend.
LONGEST_LINE = 300
# Where packages are installed that no one edits.
_INSTALLED = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


def text_of(error: BaseException | None) -> str:
    """The text of an exception, cut off where it is very long; empty without one.

    >>> text_of(ValueError("expected a shape"))
    'expected a shape'
    """
    if error is None:
        return ""
    try:
        return str(error)[:LONGEST]
    except Exception as second:
        return f"its text cannot be shown: str() raises {type(second).__name__}"


def first_line(error: BaseException | None) -> str:
    """The first line of its text, cut off where it is long; its type without a text.

    >>> first_line(RuntimeError())
    'RuntimeError'
    """
    lines = text_of(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    line = lines[0]
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"


def raised_on_purpose(error: BaseException) -> bool:
    """Whether somebody refuses an input: by `raise`, a validator, or a check of values.

    A size that does not fit where torch computes is an accident.

    >>> raised_on_purpose(RuntimeError("Target 4 is out of bounds."))
    True
    >>> raised_on_purpose(RuntimeError("The size of tensor a (4) must match b (5)"))
    False
    """
    if _REFUSED_VALUE.search(first_line(error)):
        return True
    home = type(error).__module__.partition(".")[0]
    if not hasattr(builtins, type(error).__name__) and home != "torch":
        return True  # such as the errors of pydantic, beartype and einops
    frames = traceback.extract_tb(error.__traceback__)
    if any(frame.name.startswith("_check") for frame in frames):
        return True  # torch._check and its kin
    if not frames or frames[-1].filename.startswith(TORCH):
        return False
    return (frames[-1].line or "").strip().startswith(("raise", "assert"))


def raised_in_a_package(error: BaseException) -> bool:
    """Whether the line that raises, or that calls torch, is an installed package's.

    >>> raised_in_a_package(RuntimeError("view size is not compatible"))
    False
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [f.filename for f in frames if not f.filename.startswith(TORCH)]
    return bool(own) and own[-1].startswith(_INSTALLED)
