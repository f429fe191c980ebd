"""What losses are usually called with, the most usual first.

A recipe says what prediction and target look like; arguments of another role, such as
a mask or a duration, follow from them. Sizes differ from one another where they may,
so that a loss that takes one for another is caught: 6 samples, 5 classes, 16 features,
12 steps of time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ownloss.discovery.specs import with_kind

__all__ = ["CLASSES", "FEATURES", "RECIPES", "Recipe", "role_of"]

CLASSES, FEATURES = 5, 16


@dataclass(frozen=True)
class Recipe:
    """A pair of prediction and target that many losses take.

    Attributes:
        title: What the two are, for a reader.
        prediction: The specification of whatever is predicted.
        target: The specification of what it is compared with.
        words: A pattern; where name or docstring of a loss match, it comes early.
    """

    title: str
    prediction: str
    target: str
    words: str = ""

    @property
    def shape(self) -> list[str]:
        """The sizes of the prediction, as text."""
        return self.prediction.partition(":")[0].split(",")

    @property
    def target_shape(self) -> list[str]:
        """The sizes of the target, as text."""
        return self.target.partition(":")[0].split(",")

    @property
    def title_of_prediction(self) -> str:
        """What the prediction is, for a loss that takes no target.

        >>> Recipe("scores, and zeros and ones", "6,5", "6,5").title_of_prediction
        'scores'
        """
        return re.split(r",? and ", self.title)[0]

    @property
    def special(self) -> bool:
        """Whether it belongs to a field of its own, such as sound or boxes."""
        return bool(_FIELDS.search(self.title))

    @property
    def kind(self) -> str:
        """What the prediction consists of, such as ``uniform``; empty for numbers."""
        return self.prediction.partition(":")[2]

    @property
    def target_kind(self) -> str:
        """What the target consists of, such as ``labels``; empty for numbers."""
        return self.target.partition(":")[2].partition(":")[0]


SEGMENTS = (
    r"segment|dice|jaccard|tversky|trevsky|lovasz|\biou|boundary|hausdorff|cldice|voxel"
)
_EMBEDS = (
    r"embed|metric.?learning|contrastive|triplet|arcface|cosface|angular|proxy|infonce"
    r"|simclr|nt_?xent|supcon|center.?loss|n.?pairs?|margin.?loss|cosine"
)
IMAGES = r"image|ssim|psnr|pixel|perceptual|charbonnier|\btv\b|total.?variation|img"
_REGRESSION = r"regress|mse|mae|\bl1|\bl2|huber|squared|quantile|cosh|rmse|error"
_BINARY = r"binary|multi.?label|bce|sigmoid|logistic"
_DISTRIBUTIONS = r"\bkl|\bjs|diverg|distribution|wasserstein|\bemd|earth|distill"
_AUDIO = r"audio|waveform|stft|si.?s[nd]r|\bsnr|\bsdr|mel\b|spectr|\besr\b|speech"

_FIELDS = re.compile(
    r"sound|boxes|clouds|of sequences|displacement|volume|matrices|large"
)

RECIPES = (
    Recipe(
        "scores and classes",
        "6,5",
        "6:labels:5",
        r"class|cross.?entropy|focal|softmax|smooth|\bce\b",
    ),
    Recipe("scores and floats", "6,5", "6,5", _REGRESSION),
    Recipe("one number a sample, in a column", "6,1", "6,1", r"\(\w+, ?1\)"),
    Recipe("scores, and zeros and ones", "6,5", "6,5:binary", _BINARY),
    Recipe(
        "one score a sample, and zeros and ones", "6", "6:binary", _BINARY + "|hinge"
    ),
    Recipe("one score a sample, and signs", "6", "6:signs", r"hinge|rank|signs?\b"),
    Recipe(
        "scores in a column, and zeros and ones",
        "6,1",
        "6,1:binary",
        _BINARY + r"|discriminator|\bgan",
    ),
    Recipe("one number a sample", "6", "6", _REGRESSION + r"|\(N\)|\(B,?\)"),
    Recipe("embeddings and labels", "6,16", "6:labels:3", _EMBEDS),
    Recipe("pairs of embeddings", "6,16", "6,16", _EMBEDS),
    Recipe("images", "2,3,32,32:uniform", "2,3,32,32:uniform", IMAGES),
    Recipe("score maps and class maps", "2,5,16,16", "2,16,16:labels:5", SEGMENTS),
    Recipe("score maps and masks", "2,1,16,16", "2,1,16,16:binary", SEGMENTS),
    Recipe(
        "probability maps and masks",
        "2,1,16,16:uniform",
        "2,1,16,16:binary",
        SEGMENTS + "|heat.?map",
    ),
    Recipe("score maps and one-hot maps", "2,5,16,16", "2,5,16,16:one-hot", SEGMENTS),
    Recipe("score maps and masks, no channel", "2,16,16", "2,16,16:binary", SEGMENTS),
    Recipe(
        "probabilities of each class, and one-hot maps",
        "2,5,16,16:probabilities",
        "2,5,16,16:one-hot",
        SEGMENTS,
    ),
    Recipe("probabilities, and zeros and ones", "6,5:uniform", "6,5:binary", _BINARY),
    Recipe(
        "one probability a sample, and zeros and ones",
        "6:uniform",
        "6:binary",
        _BINARY + r"|probab",
    ),
    Recipe("probabilities and classes", "6,5:probabilities", "6:labels:5", r"probab"),
    Recipe(
        "probabilities and one-hot", "6,5:probabilities", "6,5:one-hot", r"one.?hot"
    ),
    Recipe("scores and one-hot", "6,5", "6,5:one-hot", r"one.?hot"),
    Recipe("distributions", "6,5:probabilities", "6,5:probabilities", _DISTRIBUTIONS),
    Recipe(
        "log-probabilities and distributions",
        "6,5:log-probabilities",
        "6,5:probabilities",
        _DISTRIBUTIONS,
    ),
    Recipe("scores and distributions", "6,5", "6,5:probabilities", r"soft.?target"),
    Recipe("sequences", "4,12,5", "4,12,5", r"sequence|time.?series|forecast|horizon"),
    Recipe(
        "sequences of scores and of classes",
        "4,12,5",
        "4,12:labels:5",
        r"token|language|vocab|sequence",
    ),
    Recipe("a sequence of numbers each", "4,12", "4,12", r"sequence|forecast|horizon"),
    Recipe(
        "scores of a list, and grades", "4,12", "4,12:labels:5", r"rank|listwise|ndcg"
    ),
    Recipe("boxes", "6,4:boxes", "6,4:boxes", r"box|[gdc]iou|\biou"),
    Recipe(
        "log-probabilities of sequences",
        "6:negative",
        "6:negative",
        r"logps?\b|preference|\bdpo|policy|reward",
    ),
    Recipe(
        "positive numbers",
        "6,5:positive",
        "6,5:positive",
        r"poisson|gamma|tweedie|log.?error|r?msle|positive|count",
    ),
    Recipe("sound", "2,1,8192", "2,1,8192", _AUDIO),
    Recipe("sound in one channel", "2,8192", "2,8192", _AUDIO),
    Recipe(
        "clouds of points", "2,64,3", "2,64,3", r"point|chamfer|cloud|mesh|hausdorff"
    ),
    Recipe("images of one channel", "2,1,32,32:uniform", "2,1,32,32:uniform", IMAGES),
    Recipe(
        "feature maps", "2,16,16,16", "2,16,16,16", r"feature|style|gram|distill|match"
    ),
    Recipe(
        "volumes",
        "1,1,16,16,16:uniform",
        "1,1,16,16,16:uniform",
        r"3d|volume|registration|voxel",
    ),
    Recipe(
        "score volumes and one-hot volumes",
        "1,2,12,12,12",
        "1,2,12,12,12:one-hot",
        r"3d|volume|voxel",
    ),
    Recipe(
        "displacements in 2-D", "2,2,16,16", "2,2,16,16", r"displacement|flow|deform"
    ),
    Recipe(
        "displacements in 3-D",
        "1,3,12,12,12",
        "1,3,12,12,12",
        r"displacement|flow|deform",
    ),
    Recipe(
        "large images", "1,3,176,176:uniform", "1,3,176,176:uniform", r"multi.?scale"
    ),
    Recipe("square matrices", "4,6,6", "4,6,6", r"matri|covariance|kernel"),
    Recipe(
        "classes of one score map with a channel", "2,5,16,16", "2,1,16,16:labels:5"
    ),
)
"""The pairs to try, in this order where nothing else is known."""

_ROLES = (
    ("length", r"len(gth)?s?$|_len|length"),
    ("mask", r"mask|valid|^keep"),
    ("event", r"event|censor|^status$|observed|^e$"),
    ("duration", r"^times?$|duration|survival_time"),
    ("weight", r"weight|importance"),
    ("spread", r"^(pred_)?(var|std|sigma|scale|variance|precision|stddev)s?$|^b$"),
    ("log spread", r"^log_?(var|std|sigma|scale|variance)$|^logvar$"),
    ("mean", r"^(mu|mean|means|loc|location)\d?$"),
    ("log-probability", r"log_?p(s|rob|robs|robabilit\w*)?$|log_?prob|logp"),
    ("choice", r"^(is_)?(same|similar|positive_pair|match)\w*$|^polarity$"),
    ("order", r"^(anchor|positive|negative|pos|neg)s?(_\w+)?$|^[apn]$"),
    ("advantage", r"advantage|reward|returns?$"),
    (
        "target",
        r"target|label|truth|^gts?$|_gt$|^gt_|true|^ys?$|^y_(?!p|hat|score|out)|tgt|teacher"
        r"|^t$|annotation|^ref(erence)?s?$|ground|^class(es)?$|^hr$|expected|actual"
        r"|grades?$|relevance|^obs|original|^real$",
    ),
)


def role_of(name: str) -> str:
    """Tell what an argument is for.

    Args:
        name: How the loss calls it.

    Returns:
        A role, ``"prediction"`` where its name says nothing.

    >>> [role_of(name) for name in ("y_pred", "labels", "pixel_mask", "log_var")]
    ['prediction', 'target', 'mask', 'log spread']
    """
    lower = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    predicted = re.search(r"pred|^y_p|logit|y_?hat|input|output|student|estimat", lower)
    if predicted and not re.search(r"mask|length|_len|log_?prob|target", lower):
        return "prediction"
    for role, pattern in _ROLES:
        if re.search(pattern, lower):
            return role
    return "prediction"


def of_role(role: str, name: str, recipe: Recipe) -> Iterator[str]:
    """Say how an argument of a role can look beside a prediction.

    Args:
        role: What the argument is for.
        name: How the loss calls it.
        recipe: Prediction and target.

    Yields:
        Specifications, the most usual first.
    """
    batch, same = recipe.shape[:1], recipe.shape
    match role:
        case "length":
            steps = recipe.shape[1] if len(recipe.shape) > 1 else "4"
            if re.search("target|label", name):
                steps = str(min(int(steps), 4))
            yield with_kind(batch, f"constant:{steps}")
        case "mask":
            like = recipe.target_shape if len(same) < 4 else same
            yield with_kind(like, "bool")
            yield with_kind(like, "binary")
            yield with_kind(same, "binary")
            yield with_kind(same[:-1], "binary")
        case "event":
            yield with_kind(batch, "bool")
            yield with_kind(batch, "binary")
        case "duration":
            yield with_kind(batch, "positive")
        case "weight":
            yield with_kind(recipe.target_shape, "positive")
            yield with_kind(batch, "positive")
            yield with_kind(same, "positive")
        case "spread":
            yield with_kind(same, "positive:grad")
        case "log spread" | "mean":
            yield with_kind(same, "grad")
        case "log-probability":
            frozen = re.search(r"ref|old|behav|sampl|teacher|target", name)
            shape = recipe.shape if recipe.kind in ("negative",) else batch
            yield with_kind(shape, "negative" + ("" if frozen else ":grad"))
        case "advantage":
            yield with_kind(batch, "")
        case "choice":
            yield with_kind(batch, "binary")
        case "order":
            yield with_kind(same, (recipe.kind + ":grad").strip(":"))
