"""Which recipe is tried first: names, docstrings, source, and errors tell."""

import contextlib
import functools
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ownloss.discovery.docstrings import entry_of, shape_in
from ownloss.discovery.finding import Found
from ownloss.discovery.recipes import (
    CLASSES,
    IMAGES,
    SEGMENTS,
    Recipe,
    role_of,
)
from ownloss.discovery.specs import with_kind

__all__ = [
    "MORE_SAMPLES",
    "asked_for",
    "grants",
    "likeness",
    "recipes_of_docs",
    "wishes",
]


@dataclass(frozen=True)
class Evidence:
    """What the source and the constructor of a loss tell of its inputs.

    Attributes:
        logits: Whether it turns scores into probabilities itself; None: nobody knows.
        labels: Whether it takes classes as integers.
        classifies: Whether its target consists of zeros and ones.
        complements: Whether it takes 1 minus the target, so that both are shares.
    """

    logits: bool | None
    labels: bool
    classifies: bool
    complements: bool


@functools.lru_cache(maxsize=8)  # asked once a recipe; reading source is slow
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
    settings: Mapping[str, inspect.Parameter] = {}
    with contextlib.suppress(TypeError, ValueError):
        settings = inspect.signature(found.loss).parameters
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
    targets = [p.name for p in found.parameters if role_of(p.name) == "target"]
    complement = rf"\b1(\.0?)? ?- ?({'|'.join(map(re.escape, targets))})\b"
    complements = bool(targets and not labels and re.search(complement, code))
    return Evidence(logits, bool(labels), bool(classifies), complements)


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
    if evidence.complements:
        score += 2.0 * (recipe.target_kind in ("binary", "one-hot"))
        score -= 4.0 * (recipe.target_kind in ("", "labels", "signs"))
    if re.search(r"binary|bce|sigmoid", found.name, re.IGNORECASE):
        score -= 2.0 * (recipe.target_kind == "labels")
    if (
        words
        and recipe.special
        and not words.search(f"{spoken} {module} {found.doc[:2000]}")
    ):
        score -= 3.0
    return score


MORE_SAMPLES = re.compile(
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
