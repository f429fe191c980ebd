"""Find the losses of a file, a folder or an installed package."""

import ast
import functools
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ownloss.discovery.recipes import role_of

__all__ = [
    *("CannotGuessError", "Found", "Left", "NoLossError", "import_file", "losses_in"),
    *("module_named", "modules_of"),
]

LOSS = re.compile(
    r"loss|criterion|objective|diverg|nll|likelihood|cross_?entropy|penalty|elbo|xent",
    re.IGNORECASE,
)
"""Names like these belong to losses."""

KNOWN = re.compile(
    r"infonce|info.nce|nt_?xent|ssim|psnr|lpips|triplet|arc_?face|cos_?face|sup_?con|simclr|dice"
    r"|tversky|jaccard|lovasz|huber|wasserstein|sinkhorn|chamfer|hausdorff|barlow|vicreg"
    r"|focal|pinball|crps|charbonnier|total_?variation|quantile"
    r"|(^|_)(r?mse|mae|bce|ce|kld?|jsd?|nll|ctc|tv|vif|fsim|gmsd|haarpsi|mdsi|vsi|dpo|hinge"
    r"|smape|mape|mase|iou|giou|diou|ciou)(_|$)",
    re.IGNORECASE,
)
"""Losses that go by names of their own."""

PLACE = re.compile(r"loss|criteri|objective", re.IGNORECASE)
"""Modules with names like these hold losses."""

_NOTHING = (
    "there is neither a file nor an installed package {!r}; expected "
    "FILE.py, a folder, or a package as it is imported"
)
_COSTS = re.compile(
    r"error|distance|cost|energy|regulari|(^|_)l[12](_|$)", re.IGNORECASE
)
_MEASURES = re.compile(
    r"accuracy|metric|recall|precision|\bauc|plot|evaluate|train|step|collate|score$"
)
"""Functions with names like these compare, but nothing is minimised by them."""

_SETTINGS = re.compile(
    r"^(args|cfg|conf|config|configs|opts?|options|params|hparams|name|kind)$"
    r"|(^|_)(name|type|config)$"
)
"""What a function makes a loss from is called like this: it is none itself."""

_ELSEWHERE = re.compile(
    r"(^|[./\\])(tests?|testing|test_\w+|conftest|__main__|setup)([./\\]|$)"
)


@dataclass(frozen=True)
class Found:
    """A loss, not yet called.

    Attributes:
        name: What it is called.
        loss: A Module or another class whose instances are called, a subclass of
            `autograd.Function`, or a function.
        module: Where it is defined; constructor calls are evaluated there.
        path: The file that defines it.
        line: The line that its definition begins at.
    """

    name: str
    loss: Any
    module: ModuleType
    path: Path
    line: int

    @property
    def sure(self) -> bool:
        """Whether it is a loss by its name or its class, not just by its arguments."""
        named = LOSS.search(self.name) or KNOWN.search(self.name)
        return isinstance(self.loss, type) or bool(named or _COSTS.search(self.name))

    @functools.cached_property
    def forward(self) -> Any:
        """The function that takes prediction and target."""
        import torch

        forward = getattr(self.loss, "forward", None)
        if forward is torch.nn.Module.forward:  # some write `__call__` in its place
            forward = None
        return forward or (self.loss.__call__ if self.constructed else self.loss)

    @property
    def constructed(self) -> bool:
        """Whether there is a constructor to be called first."""
        import torch

        function = torch.autograd.Function
        return isinstance(self.loss, type) and not issubclass(self.loss, function)

    @functools.cached_property
    def parameters(self) -> list[inspect.Parameter]:
        """The arguments of the call, without ``self`` and ``ctx``."""
        try:
            parameters = list(inspect.signature(self.forward).parameters.values())
        except (TypeError, ValueError):
            return []
        if not isinstance(self.loss, type):
            return parameters
        # `Function.forward` has a `ctx` unless there is a `setup_context`.
        first = self.constructed or (parameters and parameters[0].name == "ctx")
        return parameters[1:] if first else parameters

    @functools.cached_property
    def doc(self) -> str:
        """What its docstrings say, the constructor's and forward's included."""
        own = [self.loss, self.forward]
        if isinstance(self.loss, type):
            own.append(vars(self.loss).get("__init__"))
        docs = [inspect.cleandoc(thing.__doc__ or "") for thing in own if thing]
        return "\n\n".join(dict.fromkeys(doc for doc in docs if doc))


class CannotGuessError(ValueError):
    """A loss that needs what nobody can guess; the text is half a sentence."""


class NoLossError(CannotGuessError):
    """A base class or a helper: there is nothing to check."""


@dataclass(frozen=True)
class Left:
    """What was not checked, and why.

    Attributes:
        name: What it is called.
        reason: Half a sentence.
        path: The file that defines it, where one is known.
        line: The line that its definition begins at.
        doubtful: Whether it may be a loss, so that something was left undone.
    """

    name: str
    reason: str
    path: Path | None = None
    line: int = 1
    doubtful: bool = True


def modules_of(target: str) -> Iterator[ModuleType | Left]:
    """Import what may hold losses, and nothing else.

    Args:
        target: A file, a folder or the name of an installed package or module.

    Yields:
        Each module, or why one cannot be imported.

    Raises:
        ValueError: There is neither such a file nor such a package.
    """
    path = Path(target)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.py") if _holds_code(file, path))
        if not files:
            raise ValueError(f"there is no Python file in the folder {target!r}")
        for file in files:
            if file.name != "__init__.py" and defines(file):
                yield _imported(functools.partial(import_file, file), str(file))
    elif target.endswith(".py"):
        if not path.is_file():
            raise ValueError(f"there is no file {target!r}")
        yield import_file(path)
    else:
        yield from _modules_of_package(target)


def module_named(where: str) -> ModuleType:
    """Import one file, or one module of an installed package.

    Args:
        where: The file, or the module as it is imported.

    Returns:
        The module.

    Raises:
        ValueError: There is no such file or module.
        ImportError: It cannot be run.
    """
    if where.endswith(".py"):
        if not Path(where).is_file():
            raise ValueError(f"there is no file {where!r}")
        return import_file(Path(where))
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name and not f"{where}.".startswith(f"{error.name}."):
            raise
        raise ValueError(_NOTHING.format(where)) from None


def _holds_code(file: Path, root: Path) -> bool:
    inside = file.relative_to(root)
    hidden = any(part.startswith((".", "__pycache__")) for part in inside.parts)
    return not hidden and not _ELSEWHERE.search(inside.with_suffix("").as_posix())


def _modules_of_package(name: str) -> Iterator[ModuleType | Left]:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name and not f"{name}.".startswith(f"{error.name}."):
            yield Left(name, f"cannot be imported: {error}")
            return
        spec = None
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise ValueError(_NOTHING.format(name))
    if not spec.submodule_search_locations:
        yield _imported(functools.partial(importlib.import_module, name), name)
        return
    package = _imported(functools.partial(importlib.import_module, name), name)
    if isinstance(package, Left):  # nor can any of its modules
        yield package
        return
    root = Path(spec.origin).parent
    files = [file for file in sorted(root.rglob("*.py")) if _holds_code(file, root)]
    places = {file: file.relative_to(root).with_suffix("") for file in files}
    chosen = [file for file in files if defines(file, places[file].as_posix())]
    # Where nothing is called a loss, as in a package of metrics of images.
    chosen = chosen or [file for file in files if defines(file, "", KNOWN)]
    for file in chosen:
        inside = places[file]
        parts = [name, *(part for part in inside.parts if part != "__init__")]
        module = ".".join(parts)
        yield _imported(functools.partial(importlib.import_module, module), module)


def _imported(import_it: Callable[[], ModuleType], name: str) -> ModuleType | Left:
    try:
        return import_it()
    except (Exception, SystemExit) as error:
        cause = (
            f"{error.__cause__!r}"
            if isinstance(error, ImportError) and error.__cause__
            else str(error)
        )
        said = (cause.strip().splitlines() or [type(error).__name__])[0]
        return Left(name, f"cannot be imported: {said}")


def defines(
    file: Path, place: str = "loss", names_of_losses: re.Pattern[str] = LOSS
) -> bool:
    """Whether the source of a file defines what may be a loss, without running it.

    Args:
        file: The file.
        place: Where it lies in its package; a place for losses counts by itself.
        names_of_losses: What a class or a function is called that counts.
    """
    try:
        tree = ast.parse(file.read_text(encoding="utf-8", errors="replace"))
    except (SyntaxError, ValueError, OSError):
        return False
    kinds = (ast.ClassDef, ast.FunctionDef)
    names = [node.name for node in tree.body if isinstance(node, kinds)]
    return bool(names) and bool(
        PLACE.search(place) or any(map(names_of_losses.search, names))
    )


def import_file(file: Path) -> ModuleType:
    """Import a file by its path.

    Args:
        file: The file; what stands beside it can be imported by it.

    Returns:
        The module.

    Raises:
        ImportError: The file cannot be run.
    """
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # What stands beside the file can be imported by it, as when it is run.
    sys.path.insert(0, str(file.parent.resolve()))
    before = sys.modules.get(file.stem)
    sys.modules[file.stem] = module  # dataclasses and torch.compile look there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ImportError(f"{file} cannot be run: {error!r}") from error
    finally:
        sys.path.pop(0)
        if before is not None:
            sys.modules[file.stem] = before
    return module


def losses_in(module: ModuleType, *, everything: bool) -> Iterator[Found | Left]:
    """Find the losses that a module defines.

    Args:
        module: The module.
        everything: Whether each Module and Function is meant, as in a file of losses,
            and what is not taken for a loss is named; else names have to tell.

    Yields:
        Each loss, or why a thing is not taken for one.
    """
    place = everything or bool(PLACE.search(module.__name__))
    seen: set[int] = set()
    for name, thing in list(vars(module).items()):
        defined_here = getattr(thing, "__module__", None) == module.__name__
        if name.startswith("_") or not defined_here or id(thing) in seen:
            continue
        if not (inspect.isclass(thing) or inspect.isroutine(thing)):
            continue
        seen.add(id(thing))
        found = Found(name, thing, module, *_place_of(thing, module))
        reason = _why_not(found, place)
        if reason is None:
            yield found
        elif everything or reason == ABSTRACT:
            yield Left(name, reason, found.path, found.line, doubtful=False)


ABSTRACT = "has no forward: a base class, or its methods have other names"


def _why_not(found: Found, place: bool) -> str | None:
    """Say why something is not taken for a loss; None where it is.

    Args:
        found: The class or function.
        place: Whether it stands where losses stand.
    """
    import torch

    named = bool(LOSS.search(found.name))
    likely = place or bool(KNOWN.search(found.name))
    looks = named or (likely and _compares(found))
    if not inspect.isclass(found.loss):
        return None if looks and _takes_tensors(found) else UNLIKE
    if issubclass(found.loss, torch.autograd.Function):
        return None if named or place else UNLIKE
    # Instances of some losses are called without being Modules.
    if not any("__call__" in vars(parent) for parent in found.loss.__mro__):
        return "is neither a Module nor a Function"
    without = found.forward is torch.nn.Module.__call__
    if looks and (without or inspect.isabstract(found.loss)):
        return ABSTRACT
    return None if looks else UNLIKE


UNLIKE = "does not look like a loss"


def _place_of(thing: Any, module: ModuleType) -> tuple[Path, int]:
    try:
        thing = inspect.unwrap(thing)
        return Path(inspect.getsourcefile(thing) or ""), inspect.getsourcelines(thing)[
            1
        ]
    except (TypeError, OSError):
        return Path(getattr(module, "__file__", None) or module.__name__), 1


def _compares(found: Found) -> bool:
    """Whether it is called with something predicted and something to compare with."""
    roles = [
        role_of(parameter.name)
        for parameter in found.parameters
        if parameter.default is parameter.empty or parameter.default is None
    ]
    if found.constructed:
        return len(roles) >= 2
    if len(roles) < 2 or roles[0] == "target" or _MEASURES.search(found.name):
        return False
    return "target" in roles and _takes_tensors(found)


def _takes_tensors(found: Found) -> bool:
    """Whether its first argument can be a tensor, as name and annotation tell."""
    required = [p for p in found.parameters if p.default is p.empty]
    if not required:
        return False
    if _SETTINGS.search(required[0].name):
        return False
    annotation = required[0].annotation
    text = annotation if isinstance(annotation, str) else str(annotation)
    return annotation is inspect.Parameter.empty or bool(
        re.search(r"tensor|any|list|sequence|tuple|ndarray|float", text, re.IGNORECASE)
    )
