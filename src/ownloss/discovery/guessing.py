"""Guess what a loss wants, and try until it runs and moves."""

import contextlib
import inspect
import io
import itertools
import math
import re
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from ownloss.discovery.docstrings import calls_in_examples, choices, entry_of, shape_in
from ownloss.discovery.finding import Found
from ownloss.discovery.recipes import (
    CLASSES,
    FEATURES,
    IMAGES,
    RECIPES,
    SEGMENTS,
    Recipe,
    of_role,
    role_of,
    with_kind,
)
from ownloss.discovery.specs import make_all

__all__ = ["CannotGuessError", "Guess", "guesses"]

TRIALS = 60
"""So many calls are tried for a loss."""


class CannotGuessError(ValueError):
    """A loss that needs what nobody can guess; the text is half a sentence."""


class NoLossError(CannotGuessError):
    """A base class or a helper: there is nothing to check."""


@dataclass(frozen=True)
class Guess:
    """How a loss can be called.

    Attributes:
        expression: The loss as Python writes it, such as ``Focal(gamma=2.0)``.
        specs: One specification for each argument.
        title: What the arguments are.
    """

    expression: str
    specs: tuple[str, ...]
    title: str

    def said(self, found: Found) -> str:
        """Name the arguments with their specifications, on one line."""
        names = [parameter.name for parameter in found.parameters]
        parts = [
            spec if re.match(r"\w+=", spec) else f"{name} {spec.removeprefix('=')}"
            for name, spec in itertools.zip_longest(names, self.specs, fillvalue="")
            if spec
        ]
        return f"{self.title}: {', '.join(parts)}"


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
_NO_GUESS = re.compile(
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
    if _NO_GUESS.search(name):
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
        parameters = inspect.signature(found.loss).parameters.values()
    except (TypeError, ValueError):
        parameters = ()
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
    hidden = [{}, {"num_classes": str(CLASSES), "embedding_size": str(FEATURES)}]
    taken = any(p.kind == p.VAR_KEYWORD for p in parameters)
    error: Exception | None = None
    worked = 0
    for extra in hidden[: 1 + taken]:
        for values in itertools.islice(itertools.product(*options), 12):
            pairs = {p.name: value for p, value in zip(required, values, strict=True)}
            positional = [
                value
                for p, value in zip(required, values, strict=True)
                if p.kind == p.POSITIONAL_ONLY
            ]
            named = [f"{k}={v}" for k, v in {**pairs, **extra}.items()]
            expression = f"{found.name}({', '.join(positional or named)})"
            try:
                with quiet(seconds=30):
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
        f"its constructor refuses what was tried: {first_line(error)}"
    )


def build(found: Found, expression: str) -> Callable[..., Any]:
    """Make the loss that an expression describes."""
    if isinstance(found.loss, type) and issubclass(found.loss, torch.autograd.Function):
        return found.loss.apply
    known = {"torch": torch, **vars(found.module), found.name: found.loss}
    # Our own guess, of the user's own class.
    return eval(expression, known) if found.constructed else found.loss


@contextlib.contextmanager
def quiet(seconds: float = 10.0) -> Iterator[None]:
    """Run a stranger's code: no printing, no warning, no download, not for ever."""

    def refuse(*_arguments: Any, **_named: Any) -> None:
        raise OSError("it wants to download something")

    def stop(*_arguments: Any) -> None:
        raise TimeoutError(f"it takes longer than {seconds:g} seconds of computing")

    # The time of the processor, so that a busy machine decides nothing. Signals reach
    # the main thread alone, and Windows has none of this kind.
    main = threading.current_thread() is threading.main_thread()
    timed = main and hasattr(signal, "setitimer")
    connect = socket.socket.connect
    resolve = socket.getaddrinfo
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        if timed:
            before = signal.signal(signal.SIGPROF, stop)
            signal.setitimer(signal.ITIMER_PROF, seconds)
        socket.socket.connect = refuse  # type: ignore[method-assign]
        socket.getaddrinfo = refuse
        try:
            yield
        finally:
            socket.socket.connect = connect  # type: ignore[method-assign]
            socket.getaddrinfo = resolve
            if timed:
                signal.setitimer(signal.ITIMER_PROF, 0)
                signal.signal(signal.SIGPROF, before)


def first_line(error: BaseException | None) -> str:
    """An error in one line, with its type."""
    if error is None:
        return "nothing"
    lines = str(error).strip().splitlines()
    return (
        f"{type(error).__name__}: {lines[0][:150]}" if lines else type(error).__name__
    )


@dataclass(frozen=True)
class Trial:
    """How a call went.

    Attributes:
        rank: 3 where it runs and moves, 2 where only the value does, 1 where it runs,
            0 where it raises.
        error: What was raised, if anything.
    """

    rank: int
    error: BaseException | None = None


def attempt(found: Found, guess: Guess) -> Trial:
    """Call a loss twice with different numbers, and look at value and gradient."""
    values: list[float] = []
    moved = []
    try:
        with quiet(), torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(0)
            loss = build(found, guess.expression)
            for seed in (0, 1):
                positional, named = make_all(guess.specs, seed)
                result = loss(*positional, **named)
                total = total_of(result)
                if total is None:
                    return Trial(0, TypeError("it returns no floating tensor"))
                values.append(total.item().real if total.is_complex() else total.item())
                if not total.requires_grad:
                    moved.append(False)
                    continue
                leaves = [t for t in tensors((positional, named)) if t.requires_grad]
                wanted = leaves[:1] and leaves
                gradients = torch.autograd.grad(total.real, wanted, allow_unused=True)
                known = [g for g in gradients if g is not None]
                finite = all(bool(torch.isfinite(g).all()) for g in known)
                moved.append(finite and any(bool((g != 0).any()) for g in known))
    except (Exception, SystemExit) as error:
        return Trial(0, error)
    finite = all(abs(value) < float("inf") for value in values)
    if not finite or values[0] == values[1]:
        return Trial(1)
    return Trial(3 if all(moved) else 2)


def total_of(result: Any) -> torch.Tensor | None:
    """The sum of all floating numbers of a result; None where there is none."""
    floats = [
        t
        for t in tensors(result)
        if (t.is_floating_point() or t.is_complex()) and t.numel()
    ]
    with_graph = [t for t in floats if t.requires_grad]
    chosen = with_graph or floats
    return sum(t.sum() for t in chosen) if chosen else None  # type: ignore[return-value]


def tensors(tree: Any) -> Iterator[torch.Tensor]:
    """All tensors of nested containers."""
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, dict):
        for branch in tree.values():
            yield from tensors(branch)
    elif isinstance(tree, (tuple, list)):
        for branch in tree:
            yield from tensors(branch)


def spec_of(value: Any) -> str | None:
    """Describe an argument of an example of a docstring; None where it cannot be."""
    if isinstance(value, (bool, int, float, str)) or value is None:
        return f"={value!r}"
    if isinstance(value, (list, tuple)):
        parts = [spec_of(part) for part in value]
        if parts and all(part and part[0] not in "=[" for part in parts):
            return "[" + "; ".join(map(str, parts)) + "]"
        plain = all(isinstance(part, (bool, int, float, str)) for part in value)
        return f"={value!r}" if plain else None
    if not isinstance(value, torch.Tensor) or value.numel() > 500_000:
        return None
    # A picture of an example may have thousands of columns, which show nothing more.
    sizes = [
        str(size if size <= 256 or value.dim() < 3 else 64) for size in value.shape
    ]
    v = value.detach()
    if v.dtype == torch.bool:
        return with_kind(sizes, "bool")
    if not (v.is_floating_point() or v.is_complex()):
        if v.numel() and v.min() == v.max() and v.min() > 1:
            return with_kind(sizes, f"constant:{int(v.min())}")
        return with_kind(
            sizes, f"labels:{max(int(v.max()) + 1, 2) if v.numel() else 2}"
        )
    if v.is_complex():
        return with_kind(sizes, "complex64")
    kind = ""
    classes = -1 if v.dim() < 3 else 1
    if v.numel() > 1:
        zero_one = bool(((v == 0) | (v == 1)).all())
        wide = v.dim() > 1 and v.shape[classes] > 1
        if zero_one:
            kind = "binary"
            if wide and bool((v.sum(classes) == 1).all()):
                kind = "one-hot"
        elif bool((v.abs() == 1).all()):
            kind = "signs"
        elif (
            wide
            and bool((v >= 0).all())
            and bool(((v.sum(classes) - 1).abs() < 1e-4).all())
        ):
            kind = "probabilities"
        elif (
            wide
            and bool((v <= 0).all())
            and bool((v.logsumexp(classes).abs() < 1e-4).all())
        ):
            kind = "log-probabilities"
        elif bool(((v >= 0) & (v <= 1)).all()):
            kind = "uniform"
        elif (
            v.shape[-1] == 4
            and v.dim() < 4
            and bool((v[..., 2:] > v[..., :2]).all())
            and bool((v >= 0).all())
        ):
            kind = "boxes"
        elif bool((v > 0).all()):
            kind = "positive"
    if value.requires_grad and kind in ("", "uniform", "positive", "probabilities"):
        kind = f"{kind}:grad" if kind else "float32:grad"
    return with_kind(sizes, kind)


def guesses_of_examples(found: Found) -> Iterator[Guess]:
    """Read guesses out of the examples of the docstrings."""
    for made, positional, named in calls_in_examples(found.doc, found.loss, found.name):
        specs = [spec_of(value) for value in positional]
        specs += [
            spec and (f"{name}{spec}" if spec.startswith("=") else f"{name}={spec}")
            for name, spec in ((name, spec_of(value)) for name, value in named.items())
        ]
        if not specs or None in specs or (found.constructed and not made):
            continue
        expression = made or found.name
        yield Guess(expression, tuple(map(str, specs)), "as in its docstring")


def needed(found: Found) -> list[inspect.Parameter]:
    """The arguments that a call has to give: those without default, and a target."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    plain = [p for p in found.parameters if p.kind not in variadic]
    wanted = [p for p in plain if p.default is p.empty]
    if not wanted and any(p.kind == p.VAR_POSITIONAL for p in found.parameters):
        kind = inspect.Parameter.POSITIONAL_ONLY
        wanted = [inspect.Parameter(name, kind) for name in ("input", "target")]
    roles = [role_of(p.name) for p in wanted]
    if "target" not in roles:
        # `labels=None`: asked for by all but one use. Nothing may be left out before.
        for parameter in plain[len(wanted) :][:1]:
            if parameter.default is None and role_of(parameter.name) == "target":
                wanted.append(parameter)
    return wanted


def arguments(
    found: Found, wanted: list[inspect.Parameter], recipe: Recipe
) -> Iterator[tuple[str, ...]]:
    """Write the arguments of a call after a recipe, in a few variants."""
    roles = [role_of(p.name) for p in wanted]
    free = [i for i, role in enumerate(roles) if role == "prediction"]
    if "target" not in roles and len(free) > 1 and "order" not in roles:
        roles[free[-1]] = "target"
    elif sorted(roles) == ["mask", "prediction"]:
        roles[roles.index("mask")] = "target"
    options: list[list[str]] = []
    several = sum(role == "prediction" for role in roles) > 1
    for parameter, role in zip(wanted, roles, strict=True):
        name, annotation = parameter.name.lower(), str(parameter.annotation)
        tensor = "Tensor" in annotation or "empty" in annotation
        plain = re.fullmatch(r".*'(int|float|bool)'>", annotation)
        if (
            not plain
            and _NO_GUESS.search(name)
            and not re.search(r"logit|out|feat|pred|logp|prob|embed|emb", name)
            and "Tensor" not in annotation
        ):
            raise CannotGuessError(f"its call needs {parameter.name!r}")
        if not tensor and re.search(r"\b(int|float|bool|str)\b", annotation):
            values = values_for(parameter, found.doc)
            if not values:
                raise CannotGuessError(f"its call needs {parameter.name!r}")
            options.append([f"={value}" for value in values])
            continue
        if "empty" in annotation and (scalar := scalar_for(name)):
            options.append([f"={scalar}"])
            continue
        match role:
            case "prediction":
                kind = recipe.kind
                if several and ":" not in recipe.prediction:
                    kind = "float32:grad"
                elif several:
                    kind += ":grad"
                spec = [with_kind(recipe.shape, kind)]
            case "target":
                spec = [recipe.target]
            case _:
                spec = list(of_role(role, name, recipe))
                if (
                    role not in ("order",)
                    and roles.count("prediction")
                    and any(":grad" in s for s in spec)
                    and not several
                ):
                    several = True
        if re.search(r"\b(list|List|Sequence|tuple|Tuple)\b", annotation):
            spec = [f"[{one}; {one}]" for one in spec]
        options.append(spec)
    longest = max((len(option) for option in options), default=0)
    for variant in range(min(longest, 4)):
        specs = []
        for parameter, option in zip(wanted, options, strict=True):
            spec = option[min(variant, len(option) - 1)]
            if parameter.kind == parameter.KEYWORD_ONLY:
                spec = (
                    f"{parameter.name}{spec}"
                    if spec.startswith("=")
                    else f"{parameter.name}={spec}"
                )
            specs.append(spec)
        if any(":grad" in spec for spec in specs):
            specs = [
                spec
                if ":grad" in spec or role != "prediction" or not re.match(r"\d", spec)
                else (f"{spec}:grad" if ":" in spec else f"{spec}:float32:grad")
                for spec, role in zip(specs, roles, strict=True)
            ]
        yield tuple(specs)
        if len(specs) > 1 and wanted[-1].default is None:
            yield tuple(specs[:-1])  # the target may be left out


def scalar_for(name: str) -> str:
    """A number for an argument that is named like one; empty where it is not."""
    if re.search(r"^(epoch|step|iteration|global_step|cur_\w+)$", name):
        return "1"
    if re.search(r"^(num_class(es)?|n_class(es)?|classes_num|num_labels)$", name):
        return str(CLASSES)
    if re.search(
        r"^(alpha|beta|gamma|delta|eps|temperature|tau|margin|smooth|lam|lambda_?\w*|quantile|q|scale)$",
        name,
    ):
        return "0.5"
    return ""


@dataclass(frozen=True)
class Evidence:
    """What the source and the constructor of a loss tell of its inputs.

    Attributes:
        logits: Whether it turns scores into probabilities itself; None: nobody knows.
        labels: Whether it takes classes as integers.
        classifies: Whether its target consists of zeros and ones.
    """

    logits: bool | None
    labels: bool
    classifies: bool


def evidence_of(found: Found) -> Evidence:
    """Read source, names and defaults of a loss."""
    source = ""
    for thing in (found.loss, found.forward):
        with contextlib.suppress(TypeError, OSError):
            source += inspect.getsource(thing)
    code = re.sub(r'(?s)""".*?"""|\'\'\'.*?\'\'\'|#[^\n]*', "", source)
    logits: bool | None = None
    if re.search(r"sigmoid\(|softmax\(|with_logits|cross_entropy\(|\bsoftplus\(", code):
        logits = not re.search(r"(?<!with_logits)\bbinary_cross_entropy\(", code)
    elif re.search(r"dice|jaccard|tversky|\biou|binary_cross_entropy\(", code, re.I):
        logits = False
    if re.search(r"logit", " ".join(p.name for p in found.parameters)):
        logits = True
    try:
        settings = inspect.signature(found.loss).parameters
    except (TypeError, ValueError):
        settings = {}
    for name, parameter in settings.items():
        if re.search(r"sigmoid|softmax|logits", name) and parameter.default in (
            True,
            False,
        ):
            flags = [
                p.default
                for n, p in settings.items()
                if re.search(r"sigmoid|softmax|logits", n)
            ]
            logits = True in flags
    words = f"{found.name} {found.module.__name__}"
    labels = re.search(
        r"one_hot\(|\.gather\(|nll_loss\(|\.long\(\)|F\.cross_entropy\(", code
    )
    classifies = re.search(
        SEGMENTS + r"|focal|bce|binary|cross.?entropy|class|asymmetric.?loss",
        words,
        re.IGNORECASE,
    )
    return Evidence(logits, bool(labels), bool(classifies))


_LABELS = r"ind(ex|ices)|integer|\blong|int64|class.?label|0\s*(<=|≤|\\le)|categorical"
_KINDS = (
    (r"log.?prob", "log-probabilities"),
    (r"one.?hot", "one-hot"),
    (r"logit|\braw\b|unnormali[sz]ed|un-?normali[sz]ed", ""),
    (r"probab|softmax|after sigmoid", "probabilities"),
    (r"\[0, ?1\]|between 0 and 1|\(0, ?1\)|sigmoid", "uniform"),
    (r"binary|0 or 1|zeros? and ones?", "binary"),
    (r"box", "boxes"),
    (r"imag", "uniform"),
)


def kind_in(text: str, sizes: list[str]) -> str:
    """Read in a docstring what a tensor consists of; empty for any numbers."""
    for pattern, kind in _KINDS:
        # "Embeddings of the first images" are no images.
        if re.search(pattern, text, re.IGNORECASE) and (
            pattern != "imag" or len(sizes) > 2
        ):
            return kind
    return ""


def recipes_of_docs(found: Found, wanted: list[inspect.Parameter]) -> Iterator[Recipe]:
    """Read a recipe out of the docstring: shapes, and the words beside them."""
    entries = {p.name: entry_of(p.name, found.doc) for p in wanted}
    by_role: dict[str, str] = {}
    for parameter in wanted:
        by_role.setdefault(role_of(parameter.name), entries[parameter.name])
    if "target" not in by_role and len(wanted) > 1:
        by_role["target"] = entries[wanted[1].name]
    if not re.search(r"\S", by_role.get("prediction", "")):
        section = re.search(r"(?i)shape:?\n(.*?)(?:\n\n|\Z)", found.doc, re.DOTALL)
        text = section[1] if section else ""
        by_role["prediction"] = next(iter(text.splitlines()), "")
        by_role["target"] = " ".join(text.splitlines()[1:2])
    said = by_role.get("prediction", "")
    shape = shape_in(said)
    if shape is None:
        return
    about = by_role.get("target", "")
    sizes = shape.split(",")
    kind = kind_in(said, sizes)
    if kind in ("probabilities", "log-probabilities") and (
        len(sizes) < 2 or sizes[-1 if len(sizes) < 3 else 1] == "1"
    ):
        kind = "uniform" if kind == "probabilities" else "negative"
    target = shape_in(about)
    labels = bool(re.search(_LABELS, about, re.IGNORECASE))
    target_kind = (
        f"labels:{CLASSES}"
        if labels
        else next(
            (
                k
                for pattern, k in _KINDS
                if k and re.search(pattern, about, re.IGNORECASE)
            ),
            "",
        )
    )
    if labels and len(sizes) > 3:
        sizes[1] = str(CLASSES)
    without_classes = (
        [s for i, s in enumerate(sizes) if i != 1] if len(sizes) > 1 else sizes
    )
    if target is not None:
        target = ",".join([sizes[0], *target.split(",")[1:]])
        if target_kind == "one-hot" and len(target.split(",")) < len(sizes):
            target_kind = "binary"
    else:
        target = ",".join(without_classes if labels else sizes)
    about_all = f"{found.name} {found.module.__name__} {found.doc[:1000]}"
    if not kind and len(sizes) == 4 and sizes[1] in ("1", "3"):
        logits = re.search("logit|raw|score|unnormali", said)
        kind = "uniform" if re.search(IMAGES, about_all) and not logits else kind
    evidence = evidence_of(found)
    wide = len(sizes) > 1 and sizes[1] in ("3", str(CLASSES))
    if not kind and evidence.logits is False and evidence.classifies:
        kind = "probabilities" if wide else "uniform"
    if not target_kind and evidence.classifies and kind not in ("boxes",):
        target_kind = "one-hot" if wide else "binary"
    title = "as its docstring says"
    prediction = with_kind(sizes, kind)
    yield Recipe(title, prediction, with_kind(target.split(","), target_kind))
    yield Recipe(
        title, prediction, with_kind(sizes, target_kind if not labels else kind)
    )
    yield Recipe(
        title,
        with_kind(
            [sizes[0], str(CLASSES), *sizes[2:]] if len(sizes) > 1 else sizes, kind
        ),
        with_kind(without_classes, f"labels:{CLASSES}"),
    )


_OF_CLASSES = ("labels", "binary", "signs", "one-hot")


def likeness(
    recipe: Recipe, place: int, found: Found, wanted: list[inspect.Parameter]
) -> float:
    """Score how likely a recipe is, before anything is tried."""
    score = -0.15 * place
    if recipe.title.startswith("as its"):
        return score + 6
    words = re.compile(recipe.words, re.IGNORECASE) if recipe.words else None
    spoken = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", found.name) + " " + found.name
    module = found.module.__name__.replace("_", " ")
    if words:
        score += 3.5 * bool(words.search(spoken.replace("_", " ")))
        score += 1.5 * bool(words.search(module))
        score += 1.0 * bool(words.search(found.doc[:2000]))
    names = " ".join(p.name.lower() for p in wanted)
    if re.search(r"embed|feature|\bz\d?\b|anchor|z_i", names):
        score += 4 * ("embed" in recipe.title) + 1 * ("feature" in recipe.title)
    if re.search(r"img|image", names):
        score += 4 * ("image" in recipe.title)
    if re.search(r"box", names):
        score += 4 * ("box" in recipe.title)
    if re.search(r"logp|log_prob", names):
        score += 4 * (recipe.kind == "negative") + 1 * (
            recipe.kind == "log-probabilities"
        )
    if re.search(r"label|class", names):
        score += 1.5 * (recipe.target_kind == "labels")
    if re.search(r"logit", names):
        score += 1.5 * (not recipe.kind)
    elif re.search(r"prob", names):
        score += 2 * (recipe.kind in ("uniform", "probabilities"))
    alike = {"target", "mask"}.isdisjoint(role_of(p.name) for p in wanted)
    if alike and len(wanted) > 1 and recipe.target_kind in _OF_CLASSES:
        score -= 2.5
    if re.search(r"mask", names):
        score += 1 * (len(recipe.shape) > 2)
    evidence = evidence_of(found)
    score += 1.0 * (evidence.labels and recipe.target_kind == "labels")
    if evidence.logits is not None and (evidence.classifies or recipe.kind):
        takes_scores = not recipe.kind
        score += 1.5 if evidence.logits == takes_scores else -1.5
    if evidence.classifies and recipe.target_kind in ("", "uniform"):
        score -= 2.0
    if re.search(r"binary|bce|sigmoid", found.name, re.IGNORECASE):
        score -= 2.0 * (recipe.target_kind == "labels")
    if (
        words
        and recipe.special
        and not words.search(f"{spoken} {module} {found.doc[:2000]}")
    ):
        score -= 3.0
    return score


_MORE_SAMPLES = re.compile(
    r"(batch|samples).{0,40}(greater|larger|at least|>)|(too few|not enough) samples",
    re.IGNORECASE,
)


def wishes(error: BaseException | None) -> tuple[dict[str, Any], str | None]:
    """Read in an error what a loss wants instead.

    Returns:
        Properties of a recipe that were asked for, and a shape if one was named.
    """
    text = str(error or "")
    wish: dict[str, Any] = {}
    if isinstance(
        error, (AssertionError, ValueError, RuntimeError, TypeError, IndexError)
    ):
        dims = re.search(
            r"\b([1-5])\s?-?[dD]\b|\b([1-5])\s?-?dimensions?"
            r"|dim\w*(?:\(\))? ?(?:must |should |to )?(?:be |== ?)([1-5])\b"
            r"|\b(two|three|four|five)[- ]dim",
            text,
        )
        if dims:
            number = next(filter(None, dims.groups()))
            spelled = {"two": 2, "three": 3, "four": 4, "five": 5}
            wish["dims"] = spelled.get(number) or int(number)
        if re.search(
            r"\blong\b|int64|Long|integer|one_hot is only applicable|used as indices",
            text,
        ):
            wish["target"] = "labels"
        if (
            re.search(r"found Long|to be float|floating|Float but", text)
            and "expected scalar type Long" not in text
        ):
            wish["target"] = ""
        if re.search(r"\[0, ?1\]|between 0 and 1|range \[0", text):
            wish["kind"] = "uniform"
        if re.search(
            r"same (shape|size|dim)|shapes? .*(match|differ)|size.*different",
            text,
            re.IGNORECASE,
        ):
            wish["same"] = True
        if re.search(
            r"[Kk]ernel size|too small|larger than|at least \d{2,}|[Pp]adding size",
            text,
        ):
            wish["large"] = True
        channels = re.search(r"(\d+) channels?|channels? .{0,20}?(\d+)", text)
        if channels:
            wish["channels"] = next(filter(None, channels.groups()))
    return wish, shape_in(text) if wish is not None else None


def grants(recipe: Recipe, wish: dict[str, Any]) -> float:
    """Score how well a recipe does what was asked for."""
    score = 0.0
    shape = recipe.shape
    if "dims" in wish:
        score += 3 if len(shape) == wish["dims"] else -1
    if "target" in wish:
        score += 3 if recipe.target_kind == wish["target"] else -1
    if "kind" in wish:
        score += 3 * (recipe.kind in (wish["kind"], "probabilities"))
    if wish.get("same"):
        score += 2 if recipe.target_shape == shape else -2
    if wish.get("large"):
        score += 5 * (max(map(int, shape), default=0) > 100)
    if "channels" in wish:
        score += 2 * (len(shape) > 2 and shape[1] == wish["channels"])
    return score


def guesses(found: Found, made: str = "") -> list[Guess]:
    """Try calls of a loss until one runs and moves.

    Args:
        found: The loss.
        made: How it is made, such as ``Focal(gamma=2)``; guessed by default.

    Returns:
        The calls that run, the one to be checked first; one of them moves if any does.

    Raises:
        CannotGuessError: Nothing that was tried runs, and why.
    """
    ranked: list[tuple[int, Guess]] = []
    last: BaseException | None = None
    tried: set[tuple[str, tuple[str, ...]]] = set()

    def goes(guess: Guess) -> bool:
        nonlocal last
        if (guess.expression, guess.specs) in tried:
            return False
        tried.add((guess.expression, guess.specs))
        trial = attempt(found, guess)
        last = trial.error
        if trial.rank and tiny(guess):
            ranked.append((1, guess))
        elif trial.rank:
            ranked.append((trial.rank, guess))
        return trial.rank == 3 and not tiny(guess)

    for guess in guesses_of_examples(found):
        guess = replace(guess, expression=made or guess.expression)
        if goes(guess):
            return [guess]

    expressions = [made] if made else list(constructions(found))
    wanted = needed(found)
    if not wanted:
        raise CannotGuessError("its call takes no argument")
    pool = [*recipes_of_docs(found, wanted), *RECIPES]
    scores = [likeness(recipe, i, found, wanted) for i, recipe in enumerate(pool)]
    refused: BaseException | None = None
    bases: BaseException | None = None
    slow = 0
    asked_before: set[str] = set()
    while pool and len(tried) < TRIALS:
        best = max(range(len(pool)), key=scores.__getitem__)
        recipe = pool.pop(best)
        scores.pop(best)
        wish: dict[str, Any] = {}
        shape: str | None = None
        for expression in expressions:
            for specs in arguments(found, wanted, recipe):
                if goes(Guess(expression, specs, recipe.title)):
                    return best_first(ranked)
                if isinstance(last, NotImplementedError):
                    bases = last
                refused = last or refused
                more, named = wishes(last)
                wish |= more
                shape = shape or named
        if isinstance(last, OSError) and "download" in str(last):
            raise CannotGuessError("it wants to download something")
        if isinstance(last, TimeoutError):
            slow += 1
            if slow > 1:
                raise CannotGuessError(str(last))
        if bases and not ranked:
            raise NoLossError("is a base class: its forward is not implemented")
        if _MORE_SAMPLES.search(str(last)) and recipe.shape[0] != "256":
            first, rest = r"^\d+", "256"
            more = (re.sub(first, rest, s) for s in (recipe.prediction, recipe.target))
            pool.append(Recipe(recipe.title, *more))
            scores.append(8.0)
        if shape and shape not in asked_before:
            asked_before.add(shape)
            for asked in asked_for(shape, recipe):
                pool.append(asked)
                scores.append(8.0)
        if wish:
            scores = [s + grants(r, wish) for s, r in zip(scores, pool, strict=True)]
    if not found.sure and not any(rank == 3 for rank, _ in ranked):
        raise NoLossError("does not look like a loss")
    if not ranked:
        raise CannotGuessError(
            f"nothing that was tried fits it; the last error: {first_line(refused)}"
        )
    return best_first(ranked)


def asked_for(shape: str, recipe: Recipe) -> Iterator[Recipe]:
    """Recipes of the shape that an error names."""
    sizes = shape.split(",")
    plain = Recipe("as it asks for", shape, shape)
    yield plain
    if len(sizes) > 1:
        labelled = [sizes[0], str(CLASSES), *sizes[2:]]
        without = [sizes[0], *sizes[2:]]
        yield replace(
            plain,
            prediction=",".join(labelled),
            target=with_kind(without, f"labels:{CLASSES}"),
        )
    yield replace(plain, prediction=f"{shape}:uniform", target=f"{shape}:uniform")


def tiny(guess: Guess) -> bool:
    """Whether an example of a docstring has a number or two: nothing to check with."""
    sizes = re.match(r"[\d,]*", guess.specs[0])
    numbers = [int(size) for size in sizes[0].split(",") if size] if sizes else []
    return math.prod(numbers) < 4


def best_first(ranked: list[tuple[int, Guess]]) -> list[Guess]:
    """Order calls by how well they went, then by when they were tried."""
    return [guess for _, guess in sorted(ranked, key=lambda pair: -pair[0])]
