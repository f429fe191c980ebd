"""What a tensor is for, as far as its name and its values tell.

Heuristics on names stand here, and nowhere else.
"""

import enum

from torch import Tensor

from ownloss.checker.domains import Domain


class Role(enum.Enum):
    """What a loss takes a tensor for."""

    PREDICTION = "what is to be trained"
    TARGET = "the values to reach"
    LABELS = "the classes to predict"
    MASK = "True or 1 where an entry counts"
    IGNORED = "True or 1 where an entry does not count"
    LENGTHS = "how many steps of each sample count"
    AVOIDED = "the classes that the model should not predict"
    INDEX = "a place or a size"
    ANCHOR = "what others are compared with"
    POSITIVE = "what the anchor should be near"
    NEGATIVE = "what the anchor should be far from"
    CONSTANT = "what another model says, or said before, and that is not to learn"
    TABLE = "a matrix to learn that belongs to no sample, such as a codebook"
    PARAMETER = "a parameter of a Module"
    OTHER = "anything else"


_SELECTS = ("mask", "valid", "keep", "legal", "allowed", "hidden")
_NEVER_TARGETS = ("valid", "keep", "legal", "allowed")
_SELECTING_LETTERS = ("m",)
_SIDES = (
    *("fg", "foreground", "pos", "positive", "obj", "object", "matched"),
    *("bg", "background", "neg", "negative", "noobj"),
)
_IGNORES = ("pad", "prompt", "ignore", "invalid", "illegal", "missing")
_AVOIDS = ("forbid", "neg", "complement", "avoid", "unlikely", "banned", "reject")
_TARGETS = ("target", "truth", "label", "gt", "y_true", "true", "reference", "observed")
_TARGET_LETTERS = ("y", "t")
_LENGTHS = ("len",)
_TABLES = (
    "codebook",
    "centres",
    "centers",
    "prototypes",
    "proxies",
    "bias",
    "table",
    "thresholds",
    "cutpoints",
    "cutoffs",
)
_PLACES = ("size", "index", "idx", "num")
_SIZES = ("size", "batch", "num", "count", "len", "total", "sample", "rows", "steps")
_COUNTED = ("num", "number", "batches", "accumulation", "steps")
_PARTS = ("batch", "micro", "chunk", "part", "shard", "split", "accum")
_SCALES = ("scale", "level", "pyramid", "layer", "stage", "feature", "head")
_SPREADS = ("sigma", "gamma", "var", "scale", "std", "width", "temperature", "spread")
_BETTER = ("chosen", "preferred", "winner", "accepted")
_WORSE = ("rejected", "dispreferred", "loser")
_SCORED = ("score", "scores", "logit", "logits", "sim", "similarity")
_LOG_PROBABILITIES = ("log_p", "logp", "lp")
_CONSTANTS = ("teacher", "ema", "momentum", "old", "ref", "frozen", "weak", "pseudo")
_SAID_BY_MODELS = ("kl", "model", "policy", "reward", *_BETTER, *_WORSE)
_PEERS = ("emb", "embs", "embedding", "embeddings")
_PAIRS = ("cost", "dist", "sim", "kernel", "gram", "adj", "affinit", "pair", "coupl")
_DISTANCES = ("dist", "cost", "energy", "energies", "error")
_GRADES = ("relevan", "grade", "gain", "rating")
_PAIR_LETTERS = ("a", "c", "d", "k", "m", "s")
_REVERSED = ("backward", "reverse", "right_to_left", "r2l", "rtl", "previous")
_VALUES = ("q", "v", "value", "values", "qvalue", "qvalues")
_TRIPLET = {"anchor": Role.ANCHOR, "pos": Role.POSITIVE, "neg": Role.NEGATIVE}


def _named_like(name: str, words: tuple[str, ...]) -> bool:
    return any(word in name.lower() for word in words)


def role_of(name: str, value: Tensor, domain: Domain, differentiable: bool) -> Role:
    """Guess what an argument is for; the first guess that fits."""
    if domain in (Domain.MASK, Domain.BINARY) and not differentiable:
        if _named_like(name, _IGNORES):
            return Role.IGNORED
        if _named_like(name, _SELECTS) or name.lower() in _SELECTING_LETTERS:
            return Role.MASK
    if domain is Domain.LABELS:
        flags = value.numel() > 1 and bool(((value == 0) | (value == 1)).all())
        if flags and _named_like(name, _IGNORES):
            return Role.IGNORED
        if flags and _named_like(name, _SELECTS):
            return Role.MASK
        if _named_like(name, _LENGTHS):
            return Role.LENGTHS
        if _named_like(name, _AVOIDS):
            return Role.AVOIDED
        return Role.INDEX if _named_like(name, _PLACES) else Role.LABELS
    if not (value.is_floating_point() or value.is_complex()):
        return Role.OTHER
    for word, role in _TRIPLET.items():
        if differentiable and _named_like(name, (word,)):
            return role
    if differentiable and _is_table(name, value):
        return Role.TABLE
    if differentiable and _is_constant(name):
        return Role.CONSTANT
    if differentiable:
        return Role.PREDICTION
    named = _named_like(name, _TARGETS) or name.lower() in _TARGET_LETTERS
    if named and not _is_of_a_reference_model(name) and not _is_constant(name):
        return Role.TARGET
    return Role.OTHER


def _is_of_a_reference_model(name: str) -> bool:
    """Whether it is what another model says: compared with, and not to be reached."""
    words = name.lower().split("_")
    said = is_log_probability(name) or any(word in _SAID_BY_MODELS for word in words)
    return "reference" in words and said


def _is_table(name: str, value: Tensor) -> bool:
    words = name.lower().replace("[", "_").split("_")
    if words[-1] == "weight":
        return value.dim() == 2 and "log" not in words and "sample" not in words
    return any(word in _TABLES for word in words)


def _is_constant(name: str) -> bool:
    words = name.lower().split("_")
    values = any(word in _VALUES for word in words)
    bootstrapped = values and ("next" in words or "target" in words)
    # Embeddings that others are compared with: no model is frozen that gives them.
    peers = "ref" in words and any(word in _PEERS for word in words)
    if words == ["momentum"]:
        return False  # that of a body, as well
    return bootstrapped or (any(word in _CONSTANTS for word in words) and not peers)


def is_preferred(name: str) -> bool | None:
    """Whether a name is that of the better of two answers; None if of neither."""
    words = name.lower().split("_")
    if _is_constant(name):
        return None
    if any(word in _SCORED for word in words):
        for word, better in (("pos", True), ("neg", False)):
            if any(part.startswith(word) for part in words):
                return better
    if any(word in _BETTER for word in words):
        return True
    return False if any(word in _WORSE for word in words) else None


_VIEWS = (("1", "2"), ("_a", "_b"), ("first", "second"), ("left", "right"))


def other_view(name: str) -> str:
    """The name of the second of two views, given that of the first; empty if none is.

    >>> other_view("projection_1"), other_view("target")
    ('projection_2', '')
    """
    for one, other in _VIEWS:
        if name.endswith(one) or name.startswith(one):
            return name.replace(one, other)
    return ""


def is_of_pairs(name: str, value: Tensor) -> bool:
    """Whether a tensor is a matrix of all pairs, such as costs or similarities."""
    square = value.dim() > 1 and value.shape[-1] == value.shape[-2]
    letters = any(word in _PAIR_LETTERS for word in name.lower().split("_"))
    return square and (letters or _named_like(name, _PAIRS))


def is_grade(name: str) -> bool:
    """Whether numbers of this name tell how good each item of a list is."""
    return _named_like(name, _GRADES)


def is_distance(name: str) -> bool:
    """Whether numbers of this name are small where things fit."""
    return _named_like(name, _DISTANCES)


def is_of_a_part(name: str) -> bool:
    """Whether a mask of this name tells positives from negatives, which count, too."""
    return any(word in _SIDES for word in name.lower().split("_"))


def may_be_a_target(name: str) -> bool:
    """Whether a mask of this name may be what is to be predicted, as of a picture."""
    return not _named_like(name, _NEVER_TARGETS)


def is_reversed(name: str) -> bool:
    """Whether a loss of this name goes through its steps from the last to the first."""
    return _named_like(name, _REVERSED)


def is_spread(name: str) -> bool:
    """Whether a name is that of a width, which is positive."""
    return _named_like(name, _SPREADS) or "temp" in name.lower().split("_")


def is_log_probability(name: str) -> bool:
    """Whether a name is that of a logarithm of probabilities."""
    return _named_like(name, _LOG_PROBABILITIES)


def is_logarithm(name: str) -> bool:
    """Whether a name is that of a logarithm, of a width or of anything else."""
    return "log" in name.lower().split("_")


def is_size(name: str) -> bool:
    """Whether a number of this name is how many there are of something."""
    return _named_like(name, _SIZES)


def is_part(name: str) -> bool:
    """Whether a list of this name holds the parts of one batch."""
    return _named_like(name, _PARTS)


def is_scale(name: str) -> bool:
    """Whether a list of this name holds scales or layers, each its own thing."""
    return _named_like(name, _SCALES)


def is_size_of_batch(name: str) -> bool:
    """Whether a number of this name counts the samples of a batch, not batches."""
    words = name.lower().split("_")
    return "batch" in words and not any(word in _COUNTED for word in words)


def is_batch_size(name: str) -> bool:
    """Whether a number of this name is a configured batch size."""
    return "batch" in name.lower() or name.lower() in ("bs", "b", "n")
