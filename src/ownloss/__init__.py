"""Write your own PyTorch loss, and prove that its gradient is right.

:func:`ownloss.check` says in words what is wrong with a gradient;
:mod:`ownloss.catalogue` holds the losses to copy. Both are loaded when they are used,
so importing ownloss costs nothing, and reading the catalogue needs no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ownloss.checker import Finding, LossError, Report, check
    from ownloss.training import checked

__all__ = ["Finding", "LossError", "Report", "check", "checked"]


if not TYPE_CHECKING:  # or a name that is misspelt would have a type

    def __getattr__(name: str) -> Any:
        """Load the checker when it is first used."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = "ownloss.training" if name == "checked" else "ownloss.checker"
        return globals().setdefault(name, getattr(importlib.import_module(home), name))


def __dir__() -> list[str]:
    """Name what is loaded on use, too."""
    return sorted([*globals(), *__all__])
