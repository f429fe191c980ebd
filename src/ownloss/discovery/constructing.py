"""Guess what the constructor of a loss is called with."""

import inspect
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import torch

from ownloss.discovery import sandbox
from ownloss.discovery.docstrings import choices, entry_of
from ownloss.discovery.finding import CannotGuessError, Found
from ownloss.discovery.recipes import CLASSES, FEATURES

__all__ = ["NO_GUESS", "build", "constructions", "values_for"]

# What the arguments of constructors are usually set to.
_VALUES = (
    (
        r"num_?class|n_?class|^class(es)?$|num_labels|nb_class|num_centers|^c$",
        str(CLASSES),
    ),
    (
        r"embed|feat\w*_?(dim|size|num|in)|in_features|^dim$|_dim$|hidden|d_model|in_channels|^num_features$",
        f"{FEATURES}|2|1|3",
    ),
    (r"out_features|out_dim", str(CLASSES)),
    (r"^reduction$", "'mean'"),
    (
        r"margin|temperature|^tau|alpha|beta|quantile$|^q$|ratio|momentum|smoothing",
        "0.5",
    ),
    (r"quantiles", "[0.1, 0.5, 0.9]"),
    (r"gamma|^p$|norm", "2"),
    (r"eps|smooth", "1e-06"),
    (r"delta|threshold|sigma|scale|std|bandwidth|^s$|^m$|^t$", "1.0"),
    (r"kernel|window|^patch", "3"),
    (r"sample_rate|^sr$|^fs$", "16000"),
    (r"batch_size|^n$", "8"),
    (r"bins|^num_|^n_|steps|samples", "10"),
    (r"device", "'cpu'"),
    (r"^dims?$|axis", "1"),
    (r"ignore", "-100"),
    (r"weights$", "[1.0, 1.0]"),
    (r"weight|lambda|coef|factor|^w_|^l_|lam", "0.5"),
    (r"spatial_dims|ndim", "2"),
)


_MODES = ("'multiclass'", "'binary'", "'multilabel'")


NO_GUESS = re.compile(
    r"model|^net|network|encoder|decoder|discriminator|generator|teacher|dataset|tokenizer|config|^cfg$|layer|graph|path|file|likelihood$"
)


_INNER = re.compile(r"loss|criterion|metric|distance|func|^fn$|base")


_INNER_LOSSES = (
    "torch.nn.MSELoss()",
    "torch.nn.CrossEntropyLoss()",
    "torch.nn.BCEWithLogitsLoss()",
)


def values_for(parameter: inspect.Parameter, doc: str) -> list[str]:
    """Guess what an argument of a constructor may be, as Python writes it."""
    name, annotation = parameter.name.lower(), str(parameter.annotation)
    if NO_GUESS.search(name):
        return []
    literal = re.findall(r"'([\w-]+)'", annotation) if "Literal" in annotation else []
    quoted = [repr(word) for word in literal or choices(parameter.name, doc)]
    if name == "mode":
        return list(dict.fromkeys([*quoted, *_MODES]))
    if quoted and ("str" in annotation or "Literal" in annotation):
        return quoted
    if (
        re.search(r"^(losses|criterions?|criteria|loss_fns)$", name)
        and name[-1] in "sa"
    ):
        return ["[torch.nn.MSELoss()]"]
    if re.search(r"Module|Callable|Loss\b", annotation) or (
        "empty" in annotation
        and _INNER.search(name)
        and not re.search(r"weight|type|name|scale|num", name)
    ):
        return list(_INNER_LOSSES)
    found = next((value for pattern, value in _VALUES if re.search(pattern, name)), "")
    entry = entry_of(parameter.name, doc)
    if bound := re.search(r"(?:>|larger than|greater than)=? ?(\d+(?:\.\d+)?)", entry):
        found = (
            found if float(bound[1]) == 0 and found else f"{float(bound[1]) + 0.5:g}"
        )
    if re.search(r"Tensor", annotation):
        return [f"torch.ones({CLASSES})", "torch.tensor(1.0)"]
    if re.search(r"\b(list|List|Sequence|tuple|Tuple|Iterable)\b", annotation):
        return [found] if found.startswith("[") else ["[0.5, 0.5]", "[1]", "[3, 3]"]
    if "bool" in annotation:
        return ["False"]
    if re.search(r"\bint\b", annotation):
        numbers = [value for value in found.split("|") if value.isdecimal()]
        return numbers or ["2"]
    if re.search(r"\bfloat\b", annotation):
        return [found if found and found[0].isdigit() else "0.5"]
    if found:
        return found.split("|")
    return quoted or ([] if "empty" not in annotation else ["1.0", "1"])


def constructions(found: Found) -> Iterator[str]:
    """Yield calls of a constructor that succeed, the most usual first.

    Raises:
        CannotGuessError: None does, and why.
    """
    if not found.constructed:
        yield found.name
        return
    skipped = {"self", "args", "kwargs"}
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    try:
        parameters = list(inspect.signature(found.loss).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    required = [
        p
        for p in parameters
        if p.default is p.empty and p.kind not in variadic and p.name not in skipped
    ]
    options: list[list[str]] = []
    for parameter in required:
        values = values_for(parameter, found.doc)
        if not values:
            raise CannotGuessError(f"its constructor needs {parameter.name!r}")
        options.append(values)
    # A base class often takes from **kwargs what nobody sees in the signature.
    hidden: list[dict[str, str]] = [
        {},
        {"num_classes": str(CLASSES), "embedding_size": str(FEATURES)},
    ]
    taken = any(p.kind == p.VAR_KEYWORD for p in parameters)
    error: Exception | None = None
    worked = 0
    for extra in hidden[: 1 + taken]:
        for chosen in itertools.islice(itertools.product(*options), 12):
            pairs = {p.name: value for p, value in zip(required, chosen, strict=True)}
            positional = [
                value
                for p, value in zip(required, chosen, strict=True)
                if p.kind == p.POSITIONAL_ONLY
            ]
            named = [f"{k}={v}" for k, v in {**pairs, **extra}.items()]
            expression = f"{found.name}({', '.join(positional or named)})"
            try:
                with sandbox.quiet(3 * sandbox.SECONDS):
                    build(found, expression)
            except Exception as raised:
                error = error if extra else raised
                continue
            worked += 1
            yield expression
            if worked == 4:
                return
        if worked:
            return
    raise CannotGuessError(
        f"its constructor refuses what was tried: {sandbox.first_line(error)}"
    )


def build(found: Found, expression: str) -> Callable[..., Any]:
    """Make the loss that an expression describes."""
    if isinstance(found.loss, type) and issubclass(found.loss, torch.autograd.Function):
        return found.loss.apply
    known = {"torch": torch, **vars(found.module), found.name: found.loss}
    # Our own guess, of the user's own class.
    loss: Callable[..., Any]
    loss = eval(expression, known) if found.constructed else found.loss
    return loss
