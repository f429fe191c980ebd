"""What an exception of a loss says, and whether it was meant."""

import builtins
import re
import traceback

from ownloss.checker.trace import TORCH

# How torch refuses a value that it is given; a size that does not fit sounds different.
_REFUSED_VALUE = re.compile(
    r"xpected more|^Target -?\d+ is out of bounds|to have value|"
    r"index out of range in self|num_classes|non-negative|between 0 and",
)


def first_line(error: BaseException) -> str:
    r"""What an exception says, in one line; its class where it says nothing.

    >>> first_line(ValueError("no samples\ngiven")), first_line(KeyError())
    ('no samples', 'KeyError')
    """
    try:
        said = str(error).strip()
    except Exception:  # an exception of the user's own that cannot be written
        said = ""
    return said.splitlines()[0] if said else type(error).__name__


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
