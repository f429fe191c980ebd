"""What is measured: each example beside torch's own loss, or beside plain autograd.

A case is a generator of pairs: it makes its inputs for a size and yields the work of
the example and the work that it is compared with, each a forward and a backward pass.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from benchmarks.measuring import Work


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        name: The name of the example.
        rival: What the example is compared with, in words.
        small: A size at which the overhead counts.
        large: A size at which the work counts.
        pair: Makes the example's work and the rival's for a size.
        memory: Whether the page of the example claims that it takes less memory.
    """

    name: str
    rival: str
    small: int
    large: int
    pair: Callable[[ModuleType, int], tuple[Work, Work]]
    memory: bool = False


CASES: list[Case] = []

# Small and large: the numbers of a vector, the rows of a batch, and tokens.
VECTOR = 1_000, 100_000
PASSED_ON = 1_000, 1_000_000  # a copy is soon made: more numbers, for less overhead
ROWS = 32, 4_096
TOKENS = 256, 4_096


def case(
    rival: str, small: int, large: int, *, name: str = "", memory: bool = False
) -> Callable:
    """Declare a case; the function has the name of the example, or it is given."""

    def declare(pair: Callable) -> Callable:
        CASES.append(Case(name or pair.__name__, rival, small, large, pair, memory))
        return pair

    return declare


def both_ways(loss: Callable[..., Tensor], *inputs: Tensor) -> Work:
    """The work of one forward and one backward pass."""
    wanted = [tensor for tensor in inputs if tensor.requires_grad]

    def work() -> object:
        return torch.autograd.grad(loss(*inputs), wanted)

    return work


def side_by_side(
    ours: Callable[..., Tensor], theirs: Callable[..., Tensor], *inputs: Tensor
) -> tuple[Work, Work]:
    """The work of two losses on the same inputs."""
    return both_ways(ours, *inputs), both_ways(theirs, *inputs)


def normal(*shape: int) -> Tensor:
    """A leaf of normal numbers."""
    return torch.randn(shape, requires_grad=True)


def positive(*shape: int) -> Tensor:
    """A leaf of numbers from 0.5 to 1.5."""
    return (torch.rand(shape) + 0.5).requires_grad_()


def labels(*shape: int, classes: int) -> Tensor:
    """Classes drawn with equal chances."""
    return torch.randint(classes, shape)


def mask(size: int) -> Tensor:
    """Four images of discs."""
    line = torch.linspace(-1, 1, size)
    radius = torch.tensor([0.3, 0.5, 0.7, 0.9])[:, None, None, None]
    return (line.square() + line.square()[:, None] < radius.square()).float()


# Robust losses


def plain_huber(prediction: Tensor, target: Tensor) -> Tensor:
    """Both branches, and a choice."""
    distance = (prediction - target).abs()
    return torch.where(distance < 1, distance.square() / 2, distance - 0.5).mean()


@case("plain autograd", *VECTOR)
def huber(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Huber on a vector."""
    return side_by_side(example.huber, plain_huber, normal(size), torch.zeros(size))


@case("F.huber_loss, one kernel", *VECTOR, name="huber")
def huber_kernel(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Huber beside the kernel that torch has for it."""
    return side_by_side(example.huber, F.huber_loss, normal(size), torch.zeros(size))


@case("plain autograd, which overflows", *VECTOR)
def log_cosh(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Beside the formula as it is written."""

    def plain(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).cosh().log().mean()

    return side_by_side(example.log_cosh, plain, normal(size), torch.zeros(size))


@case("plain autograd", *VECTOR)
def pinball(example: ModuleType, size: int) -> tuple[Work, Work]:
    """The 0.9 quantile."""

    def ours(prediction: Tensor, target: Tensor) -> Tensor:
        return example.pinball(prediction, target, 0.9)

    def plain(prediction: Tensor, target: Tensor) -> Tensor:
        residual = target - prediction
        return torch.maximum(0.9 * residual, -0.1 * residual).mean()

    return side_by_side(ours, plain, normal(size), torch.zeros(size))


@case("plain autograd, case by case as its author has it", *VECTOR)
def general_robust(example: ModuleType, size: int) -> tuple[Work, Work]:
    """With a shape and a scale that are learnt; the rival is inexact near 0 and 2."""

    def plain(
        prediction: Tensor, target: Tensor, alpha: Tensor, scale: Tensor
    ) -> Tensor:
        eps = torch.finfo(prediction.dtype).eps
        square = ((prediction - target) / scale) ** 2
        width = (alpha - 2).abs().clamp(min=eps)
        safe = torch.where(alpha < 0, -1, 1) * alpha.abs().clamp(min=eps)
        loss = width / safe * ((square / width + 1) ** (alpha / 2) - 1)
        for shape, limit in (
            (0, torch.log1p(square / 2)),
            (2, square / 2),
            (math.inf, torch.expm1(square / 2)),
            (-math.inf, -torch.expm1(-square / 2)),
        ):
            loss = torch.where(alpha == shape, limit, loss)
        return loss.mean()

    one = torch.ones((), requires_grad=True)
    inputs = normal(size), torch.zeros(size), one, one.detach().requires_grad_()
    return side_by_side(example.general_robust, plain, *inputs)


# Probabilistic losses


@case("F.gaussian_nll_loss", *VECTOR)
def gaussian_nll(example: ModuleType, size: int) -> tuple[Work, Work]:
    """With a mean and a variance that are predicted."""

    def torchs(mean: Tensor, target: Tensor, var: Tensor) -> Tensor:
        return F.gaussian_nll_loss(mean, target, var, full=True)

    inputs = normal(size), torch.zeros(size), positive(size)
    return side_by_side(example.gaussian_nll, torchs, *inputs)


@case("plain autograd", *VECTOR)
def beta_nll(example: ModuleType, size: int) -> tuple[Work, Work]:
    """With a mean and a variance that are predicted."""

    def plain(mean: Tensor, target: Tensor, var: Tensor) -> Tensor:
        nll = 0.5 * (var.log() + (target - mean) ** 2 / var)
        return (nll * var.detach() ** 0.5).mean()

    inputs = normal(size), torch.zeros(size), positive(size)
    return side_by_side(example.beta_nll, plain, *inputs)


@case("plain autograd", *VECTOR)
def student_t_nll(example: ModuleType, size: int) -> tuple[Work, Work]:
    """With three degrees of freedom."""

    def ours(mean: Tensor, target: Tensor, scale: Tensor) -> Tensor:
        return example.student_t_nll(mean, target, scale, 3.0)

    def plain(mean: Tensor, target: Tensor, scale: Tensor) -> Tensor:
        log_norm = math.lgamma(1.5) - math.lgamma(2) + math.log(3 * math.pi) / 2
        z = (target - mean) / scale
        return (2 * torch.log1p(z**2 / 3) + scale.log() + log_norm).mean()

    return side_by_side(ours, plain, normal(size), torch.zeros(size), positive(size))


@case("plain autograd", 100, 100_000)
def mdn(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Five components."""

    def plain(logits: Tensor, mean: Tensor, log_std: Tensor, target: Tensor) -> Tensor:
        z = (target[:, None] - mean) / log_std.exp()
        log_density = -(z**2) / 2 - log_std - math.log(2 * math.pi) / 2
        return -torch.logsumexp(logits.log_softmax(1) + log_density, 1).mean()

    inputs = normal(size, 5), normal(size, 5), normal(size, 5), torch.randn(size)
    return side_by_side(example.mdn, plain, *inputs)


@case("plain autograd", *VECTOR)
def crps_normal(example: ModuleType, size: int) -> tuple[Work, Work]:
    """With a mean and a scale that are predicted."""

    def plain(mean: Tensor, target: Tensor, scale: Tensor) -> Tensor:
        z = (target - mean) / scale
        density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        distance = z * torch.erf(z / math.sqrt(2))
        return (scale * (distance + 2 * density - 1 / math.sqrt(math.pi))).mean()

    inputs = normal(size), torch.zeros(size), positive(size)
    return side_by_side(example.crps_normal, plain, *inputs)


@case("plain autograd, a matrix of who is at risk", 100, 2_000)
def cox_ph(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Half of the times are events, and many are ties."""

    def plain(risk: Tensor, event: Tensor, time: Tensor) -> Tensor:
        gone = time < time[:, None]
        at_risk = risk.expand(size, size).masked_fill(gone, -math.inf).logsumexp(1)
        return (event * (at_risk - risk)).sum() / event.sum()

    inputs = normal(size), labels(size, classes=2), labels(size, classes=size)
    return side_by_side(example.cox_ph, plain, *inputs)


@case("logcumsumexp, its second derivative wrong", 100, 100_000, name="cox_ph")
def cox_ph_cumulative(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Half of the times are events, and many are ties."""

    def plain(risk: Tensor, event: Tensor, time: Tensor) -> Tensor:
        order = time.argsort(descending=True)
        at_risk = risk[order].logcumsumexp(0)
        last = torch.searchsorted(-time[order], -time, right=True) - 1
        return (event * (at_risk[last] - risk)).sum() / event.sum()

    inputs = normal(size), labels(size, classes=2), labels(size, classes=size)
    return side_by_side(example.cox_ph, plain, *inputs)


# Classification


@case("plain autograd", *ROWS)
def focal(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A hundred classes."""

    def plain(logits: Tensor, target: Tensor) -> Tensor:
        cross_entropy = F.cross_entropy(logits, target, reduction="none")
        return ((1 - torch.exp(-cross_entropy)) ** 2 * cross_entropy).mean()

    inputs = normal(size, 100), labels(size, classes=100)
    return side_by_side(example.focal, plain, *inputs)


@case("plain autograd", *VECTOR)
def sigmoid_focal(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Anchors of one class."""

    def plain(logits: Tensor, target: Tensor) -> Tensor:
        cross_entropy = F.binary_cross_entropy_with_logits(
            logits, target, reduction="none"
        )
        p = logits.sigmoid()
        missing = 1 - (p * target + (1 - p) * (1 - target))
        weight = 0.25 * target + 0.75 * (1 - target)
        return (weight * missing**2 * cross_entropy).mean()

    inputs = normal(size), labels(size, classes=2).float()
    return side_by_side(example.sigmoid_focal, plain, *inputs)


@case("F.cross_entropy", *ROWS)
def label_smoothing(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A hundred classes."""

    def torchs(logits: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(logits, target, label_smoothing=0.1)

    inputs = normal(size, 100), labels(size, classes=100)
    return side_by_side(example.label_smoothing, torchs, *inputs)


@case("plain autograd", *ROWS, name="label_smoothing")
def label_smoothing_composed(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A hundred classes."""

    def plain(logits: Tensor, target: Tensor) -> Tensor:
        wanted = F.one_hot(target, 100) * 0.9 + 0.001
        return -(wanted * logits.log_softmax(1)).sum(1).mean()

    inputs = normal(size, 100), labels(size, classes=100)
    return side_by_side(example.label_smoothing, plain, *inputs)


@case("plain autograd", *ROWS)
def generalized_cross_entropy(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A hundred classes."""

    def plain(logits: Tensor, target: Tensor) -> Tensor:
        p = logits.softmax(1).gather(1, target.unsqueeze(1)).squeeze(1)
        return ((1 - p**0.7) / 0.7).mean()

    inputs = normal(size, 100), labels(size, classes=100)
    return side_by_side(example.generalized_cross_entropy, plain, *inputs)


@case("plain autograd", *ROWS)
def entmax15_loss(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Through the sort, for a hundred classes."""

    def plain(logits: Tensor, target: Tensor) -> Tensor:
        x = (logits - logits.detach().amax(1, keepdim=True)) / 2
        best = x.sort(dim=1, descending=True).values
        count = torch.arange(1, x.shape[1] + 1)
        mean = best.cumsum(1) / count
        spread = best.square().cumsum(1) - count * mean.square()
        # a root of 0 has no finite slope
        thresholds = mean - ((1 - spread) / count).clamp(min=1e-12).sqrt()
        support = (thresholds < best).sum(1, keepdim=True)
        p = (x - thresholds.gather(1, support - 1)).clamp(min=0).square()
        own = 2 * x.gather(1, target.unsqueeze(1)).squeeze(1)
        entropy = (1 - p.clamp(min=1e-12).pow(1.5).sum(1)) * 4 / 3
        return (entropy + 2 * (p * x).sum(1) - own).mean()

    inputs = normal(size, 100), labels(size, classes=100)
    return side_by_side(example.entmax15_loss, plain, *inputs)


# Ordinal losses and ranking


@case("F.binary_cross_entropy_with_logits", *ROWS)
def coral(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Ten levels."""

    def torchs(logits: Tensor, levels: Tensor) -> Tensor:
        total = F.binary_cross_entropy_with_logits(logits, levels, reduction="sum")
        return total / len(logits)

    levels = (labels(size, 1, classes=10) > torch.arange(9)).float()
    return side_by_side(example.coral, torchs, normal(size, 9), levels)


@case("plain autograd with masks", *ROWS)
def corn(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Ten classes."""

    def ours(logits: Tensor, target: Tensor) -> Tensor:
        return example.corn(logits, target, 10)

    def plain(logits: Tensor, target: Tensor) -> Tensor:
        asked, above = (target[:, None] + up > torch.arange(9) for up in (1, 0))
        total = F.binary_cross_entropy_with_logits(
            logits, above.float(), weight=asked.float(), reduction="sum"
        )
        return total / asked.sum()

    return side_by_side(ours, plain, normal(size, 9), labels(size, classes=10))


@case("F.cross_entropy", *ROWS)
def listnet(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Lists of fifty."""

    def torchs(scores: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(scores, target.softmax(1))

    return side_by_side(example.listnet, torchs, normal(size, 50), torch.rand(size, 50))


@case("plain autograd", *ROWS)
def listmle(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Lists of fifty."""

    def plain(scores: Tensor, target: Tensor) -> Tensor:
        best_first = scores.gather(1, target.argsort(1, descending=True))
        left = best_first.flip(1).logcumsumexp(1).flip(1)
        return (left - best_first).sum(1).mean()

    return side_by_side(example.listmle, plain, normal(size, 50), torch.rand(size, 50))


@case("plain autograd, all means of neighbours", 20, 300)
def soft_rank(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Isotonic regression as the maximum of minima of means."""

    def ours(values: Tensor, upstream: Tensor) -> Tensor:
        return (example.soft_rank(values) * upstream).sum()

    def plain(values: Tensor, upstream: Tensor) -> Tensor:
        ordered, order = values.sort(descending=True)
        index = torch.arange(size)
        total = F.pad((ordered - (size - index)).cumsum(0), (1, 0))
        length = index[:, None] + 1 - index
        mean = (total[1:, None] - total[:-1]) / length.clamp(min=1)
        # from the means of j..k, the least over j up to i, the most over k from i
        least = mean.masked_fill(length < 1, math.inf).cummin(1).values
        most = least.masked_fill(length < 1, -math.inf).flip(0).cummax(0).values
        ranks = ordered - most.flip(0).diagonal()
        return (ranks * upstream[order]).sum()

    return side_by_side(ours, plain, normal(size), torch.randn(size))


# Segmentation and detection


@case("plain autograd", 32, 256)
def dice(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Four images."""

    def plain(logits: Tensor, target: Tensor) -> Tensor:
        p, true = logits.sigmoid().flatten(1), target.flatten(1)
        overlap, size = (p * true).sum(1), p.sum(1) + true.sum(1)
        return 1 - ((2 * overlap + 1e-5) / (size + 1e-5)).mean()

    return side_by_side(example.dice, plain, normal(4, 1, size, size), mask(size))


@case("plain autograd", 32, 256)
def tversky(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Four images."""

    def plain(logits: Tensor, target: Tensor) -> Tensor:
        p, true = logits.sigmoid().flatten(1), target.flatten(1)
        overlap = (p * true).sum(1)
        alarmed, missed = (p * (1 - true)).sum(1), ((1 - p) * true).sum(1)
        whole = overlap + 0.3 * alarmed + 0.7 * missed
        return 1 - ((overlap + 1e-5) / (whole + 1e-5)).mean()

    return side_by_side(example.tversky, plain, normal(4, 1, size, size), mask(size))


@case("plain autograd", 16, 128)
def lovasz_softmax(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Two images of five classes."""

    def plain(logits: Tensor, target: Tensor) -> Tensor:
        p = logits.softmax(1).flatten(2)
        true = F.one_hot(target.flatten(1), 5).mT.to(p)
        errors, order = (true - p).abs().sort(2, descending=True)
        wrong = true.gather(2, order)
        size = true.sum(2, keepdim=True)
        union = size + (1 - wrong).cumsum(2)
        jaccard = 1 - (size - wrong.cumsum(2)) / union
        loss = (errors * jaccard.diff(dim=2, prepend=torch.zeros_like(size))).sum(2)
        present = size.squeeze(2) > 0
        return ((loss * present).sum(1) / present.sum(1)).mean()

    inputs = normal(2, 5, size, size), labels(2, size, size, classes=5)
    return side_by_side(example.lovasz_softmax, plain, *inputs)


@case("SciPy's distances, plain autograd", 32, 256)
def boundary(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Four images."""

    def plain(logits: Tensor, target: Tensor) -> Tensor:
        maps = [
            distance_transform_edt(1 - image) - (distance_transform_edt(image) - image)
            for image in target[:, 0].numpy()
        ]
        signed = torch.from_numpy(np.stack(maps)).float().unsqueeze(1)
        return (signed * logits.sigmoid()).mean()

    return side_by_side(example.boundary, plain, normal(4, 1, size, size), mask(size))


@case("plain autograd", 100, 100_000)
def giou(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Boxes in the unit square."""

    def area(corners: Tensor) -> Tensor:
        return (corners[:, 2:] - corners[:, :2]).clamp(min=0).prod(1)

    def plain(boxes: Tensor, target: Tensor) -> Tensor:
        least, most = torch.minimum(boxes, target), torch.maximum(boxes, target)
        intersection = area(torch.cat([most[:, :2], least[:, 2:]], 1))
        hull = area(torch.cat([least[:, :2], most[:, 2:]], 1))
        union = area(boxes) + area(target) - intersection
        return (1 - intersection / union + (hull - union) / hull).mean()

    def boxes() -> Tensor:
        return torch.rand(size, 2).repeat(1, 2) + torch.tensor([0, 0, 0.3, 0.3])

    return side_by_side(example.giou, plain, boxes().requires_grad_(), boxes())


# Embeddings


@case("F.triplet_margin_loss", *ROWS)
def triplet(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A hundred and twenty-eight dimensions."""
    inputs = [normal(size, 128) for _ in range(3)]
    return side_by_side(example.triplet, F.triplet_margin_loss, *inputs)


@case("plain autograd", 32, 512)
def infonce(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A hundred and twenty-eight dimensions."""

    def plain(query: Tensor, positive: Tensor) -> Tensor:
        logits = F.normalize(query) @ F.normalize(positive).T / 0.1
        return F.cross_entropy(logits, torch.arange(size))

    return side_by_side(example.infonce, plain, normal(size, 128), normal(size, 128))


@case("plain autograd", 32, 512)
def clip(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A hundred and twenty-eight dimensions, and a scale that is learnt."""

    def plain(image: Tensor, text: Tensor, logit_scale: Tensor) -> Tensor:
        logits = logit_scale * F.normalize(image) @ F.normalize(text).T
        own = torch.arange(size)
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2

    scale = torch.tensor(10.0, requires_grad=True)
    inputs = normal(size, 128), normal(size, 128), scale
    return side_by_side(example.clip, plain, *inputs)


@case("plain autograd", 32, 512)
def supcon(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A hundred and twenty-eight dimensions, ten classes."""

    def plain(embedding: Tensor, target: Tensor) -> Tensor:
        rows = F.normalize(embedding)
        logits = (rows @ rows.T / 0.1).fill_diagonal_(-math.inf)
        positive = (target[:, None] == target).fill_diagonal_(False)
        log_p = logits.log_softmax(1).masked_fill(~positive, 0)
        return -(log_p.sum(1) / positive.sum(1)).nanmean()

    inputs = normal(size, 128), torch.arange(size) % 10
    return side_by_side(example.supcon, plain, *inputs)


@case("plain autograd with acos", 32, 512)
def arcface(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A hundred and twenty-eight dimensions, a thousand classes."""

    def plain(embedding: Tensor, weight: Tensor, target: Tensor) -> Tensor:
        cosine = F.linear(F.normalize(embedding), F.normalize(weight))
        own = target.unsqueeze(1)
        angle = cosine.gather(1, own).clamp(-1 + 1e-6, 1 - 1e-6).acos()
        return F.cross_entropy(16 * cosine.scatter(1, own, (angle + 0.5).cos()), target)

    inputs = normal(size, 128), normal(1_000, 128), labels(size, classes=1_000)
    return side_by_side(example.arcface, plain, *inputs)


@case("plain autograd", *ROWS)
def center(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A hundred and twenty-eight dimensions, ten classes."""

    def plain(embedding: Tensor, centers: Tensor, target: Tensor) -> Tensor:
        return (embedding - centers[target]).square().sum(1).mean() / 2

    inputs = normal(size, 128), normal(10, 128), labels(size, classes=10)
    return side_by_side(example.center, plain, *inputs)


@case("plain autograd", 32, 2_048)
def vicreg(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A hundred and twenty-eight dimensions."""

    def terms(rows: Tensor) -> Tensor:
        spread = torch.relu(1 - (rows.var(0) + 1e-4).sqrt()).mean()
        covariance = rows.T.cov()
        between = covariance - covariance.diag().diag()
        return 12.5 * spread + between.square().sum() / rows.shape[1]

    def plain(first: Tensor, second: Tensor) -> Tensor:
        return 25 * F.mse_loss(first, second) + terms(first) + terms(second)

    return side_by_side(example.vicreg, plain, normal(size, 128), normal(size, 128))


# Sequences and transport


def symbols(size: int) -> tuple[Tensor, ...]:
    """Eight sequences over thirty symbols, a quarter as many labels as frames."""
    lengths = torch.full((8,), size), torch.full((8,), size // 4)
    return normal(8, size, 30), labels(8, size // 4, classes=29) + 1, *lengths


@case("plain autograd along the frames", 20, 200, memory=True)
def ctc(example: ModuleType, size: int) -> tuple[Work, Work]:
    """The forward recursion, for sequences of one length."""

    def plain(logits: Tensor, target: Tensor, *_: Tensor) -> Tensor:
        states = F.pad(torch.stack([0 * target, target], 2).flatten(1), (0, 1))
        index = states.unsqueeze(1).expand(-1, size, -1)
        emitted = logits.log_softmax(2).gather(2, index)
        skip = F.pad((states != 0)[:, 2:] & (states[:, 2:] != states[:, :-2]), (2, 0))
        # for -inf autograd has nan where this stays finite
        never = -1e30
        paths = F.pad(emitted[:, 0, :2], (0, states.shape[1] - 2), value=never)
        for t in range(1, size):
            one = F.pad(paths, (1, -1), value=never)
            two = F.pad(paths, (2, -2), value=never).masked_fill(~skip, never)
            paths = torch.stack([paths, one, two]).logsumexp(0) + emitted[:, t]
        return -paths[:, -2:].logsumexp(1).sum()

    return side_by_side(example.ctc, plain, *symbols(size))


@case("F.ctc_loss, one kernel", 20, 200, name="ctc", memory=True)
def ctc_kernel(example: ModuleType, size: int) -> tuple[Work, Work]:
    """CTC beside the kernel that torch has for it."""

    def torchs(logits: Tensor, target: Tensor, *lengths: Tensor) -> Tensor:
        log_p = logits.log_softmax(2).transpose(0, 1)
        return F.ctc_loss(log_p, target, *lengths, reduction="sum")

    return side_by_side(example.ctc, torchs, *symbols(size))


@case("plain autograd, a double loop", 10, 100, memory=True)
def soft_dtw(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Eight pairs of curves, all pairs at once in each step of the loops."""

    def plain(first: Tensor, second: Tensor) -> Tensor:
        cost = (first[:, :, None] - second[:, None]).square().sum(3)
        start, wall = cost.new_zeros(8), cost.new_full((8,), math.inf)
        above = [start] + [wall] * size
        for i in range(size):
            row = [wall]
            for j in range(size):
                ways = torch.stack([above[j], above[j + 1], row[j]])
                row.append(cost[:, i, j] - torch.logsumexp(-ways, 0))
            above = row
        return above[-1].mean()

    return side_by_side(example.soft_dtw, plain, normal(8, size, 2), normal(8, size, 2))


@case("plain autograd, unrolled Sinkhorn", 20, 1_000, memory=True)
def entropic_ot(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Two clouds in the plane, in float64, to the same accuracy."""

    def ours(cost: Tensor) -> Tensor:
        return example.entropic_ot(cost, weight, weight, 0.03)

    def plain(cost: Tensor) -> Tensor:
        kernel, log_weight = -cost / 0.03, weight.log()
        tolerance = 2 * torch.finfo(cost.dtype).eps * (1 + kernel.abs().max())
        v, off = torch.zeros_like(weight), math.inf
        while off > tolerance:
            u = -(kernel + (v + log_weight)).logsumexp(1)
            before, v = v, -(kernel + (u + log_weight)[:, None]).logsumexp(0)
            off = (weight * (v - before).abs()).sum()
        return 0.03 * (weight * (u + v)).sum()

    weight = torch.full((size,), 1 / size, dtype=torch.float64)
    clouds = torch.rand(2, size, 2, dtype=torch.float64)
    cost = (torch.cdist(*clouds) ** 2).requires_grad_()
    return side_by_side(ours, plain, cost)


@case("SciPy's search, plain autograd", 10, 200)
def assignment(example: ModuleType, size: int) -> tuple[Work, Work]:
    """One square matrix."""

    def plain(cost: Tensor) -> Tensor:
        return cost[linear_sum_assignment(cost.detach())].sum()

    return side_by_side(example.assignment, plain, normal(size, size))


# Language models


@case("F.kl_div", *ROWS)
def kd(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A hundred classes."""

    def torchs(student: Tensor, teacher: Tensor) -> Tensor:
        log_q, log_p = ((logits / 3).log_softmax(1) for logits in (student, teacher))
        return 9 * F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)

    return side_by_side(example.kd, torchs, normal(size, 100), torch.randn(size, 100))


@case("plain autograd", *VECTOR)
def dpo(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Log-probabilities of whole answers."""

    def plain(chosen: Tensor, rejected: Tensor, *reference: Tensor) -> Tensor:
        margin = (chosen - rejected) - (reference[0] - reference[1])
        return -F.logsigmoid(0.1 * margin).mean()

    inputs = normal(size), normal(size), torch.randn(size), torch.randn(size)
    return side_by_side(example.dpo, plain, *inputs)


@case("plain autograd", *ROWS)
def z_loss(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A hundred classes."""

    def plain(logits: Tensor) -> Tensor:
        return (torch.logsumexp(logits, 1) ** 2).mean()

    return side_by_side(example.z_loss, plain, normal(size, 100))


def tokens(size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden states of width 512, an output layer, and the tokens that come next."""
    vocabulary = 32_000 if size > 1_000 else 2_000
    hidden, weight = torch.randn(size, 512), torch.randn(vocabulary, 512) / 512**0.5
    target = labels(size, classes=vocabulary)
    return hidden.requires_grad_(), weight.requires_grad_(), target


@case("F.cross_entropy(F.linear(...))", *TOKENS, memory=True)
def chunked_cross_entropy(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Beside the table of all logits."""

    def torchs(hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(F.linear(hidden, weight), target)

    return side_by_side(example.chunked_cross_entropy, torchs, *tokens(size))


@case("F.linear_cross_entropy", *TOKENS, name="chunked_cross_entropy", memory=True)
def linear_cross_entropy(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Beside torch's own with its default, which is not chunked."""
    ours, torchs = example.chunked_cross_entropy, F.linear_cross_entropy
    return side_by_side(ours, torchs, *tokens(size))


@case(
    "F.linear_cross_entropy, chunked",
    *TOKENS,
    name="chunked_cross_entropy",
    memory=True,
)
def linear_cross_entropy_chunked(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Beside torch's own in chunks that torch chooses."""
    options = torch.nn.LinearCrossEntropyOptions()

    def torchs(*inputs: Tensor) -> Tensor:
        return F.linear_cross_entropy(*inputs, options=options)

    return side_by_side(example.chunked_cross_entropy, torchs, *tokens(size))


# A gradient on purpose


def squared(function: Callable[..., Tensor], *options: float) -> Callable[..., Tensor]:
    """A scalar, so that what passes back is no constant."""
    return lambda x: function(x, *options).square().sum()


@case("plain autograd with detach", *PASSED_ON)
def grad_reverse(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A difference whose value is x."""

    def plain(x: Tensor) -> Tensor:
        return 1.5 * x.detach() - 0.5 * x

    ours = squared(example.grad_reverse, 0.5)
    return side_by_side(ours, squared(plain), normal(size))


@case("plain autograd with detach", *PASSED_ON)
def straight_through_step(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A sum whose value is the step."""

    def plain(x: Tensor) -> Tensor:
        return x + ((x > 0).float() - x).detach()

    ours = squared(example.straight_through_step)
    return side_by_side(ours, squared(plain), normal(size))


@case("plain autograd with detach", *PASSED_ON)
def surrogate_fast_sigmoid(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A sum whose value is the step."""

    def plain(x: Tensor) -> Tensor:
        smooth = x / (1 + 25 * x.abs())
        return smooth + ((x > 0).float() - smooth).detach()

    ours = squared(example.surrogate_fast_sigmoid)
    return side_by_side(ours, squared(plain), normal(size))


@case("a tensor's hook", *PASSED_ON)
def clip_gradient(example: ModuleType, size: int) -> tuple[Work, Work]:
    """To half of what most of the gradient is."""

    def hooked(x: Tensor) -> Tensor:
        x = x.clone()
        x.register_hook(lambda grad: grad.clamp(-0.5, 0.5))
        return x

    ours = squared(example.clip_gradient, 0.5)
    return side_by_side(ours, squared(hooked), normal(size))


# Second order


@case("plain autograd", 32, 1_024)
def gradient_penalty(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A critic of one hidden layer."""
    real, fake, eps = torch.randn(size, 64), torch.randn(size, 64), torch.rand(size, 1)

    def critic(inner: Tensor, outer: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda x: (x @ inner / 8).tanh() @ outer

    def ours(*weights: Tensor) -> Tensor:
        return example.gradient_penalty(critic(*weights), real, fake, eps)

    def plain(*weights: Tensor) -> Tensor:
        mixed = (eps * real + (1 - eps) * fake).requires_grad_()
        scores = critic(*weights)(mixed).sum()
        (gradient,) = torch.autograd.grad(scores, mixed, create_graph=True)
        return ((gradient.norm(dim=1) - 1) ** 2).mean()

    return side_by_side(ours, plain, normal(64, 128), normal(128, 1))


@case("plain autograd", 32, 4_096)
def pinn_residual(example: ModuleType, size: int) -> tuple[Work, Work]:
    """A network of one hidden layer."""
    x = torch.rand(size, 1)

    def network(inner: Tensor, outer: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda x: (x @ inner).tanh() @ outer

    def ours(*weights: Tensor) -> Tensor:
        return example.pinn_residual(network(*weights), x, 2.0)

    def plain(*weights: Tensor) -> Tensor:
        place = x.clone().requires_grad_()
        value = network(*weights)(place)
        (first,) = torch.autograd.grad(value.sum(), place, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), place, create_graph=True)
        return ((second + 4 * value) ** 2).mean()

    return side_by_side(ours, plain, normal(1, 64), normal(64, 1))


# Stability


@case("plain autograd, NaN near 0", *VECTOR)
def log1mexp(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Beside both branches and a choice."""

    def ours(x: Tensor) -> Tensor:
        return example.log1mexp(x).sum()

    def plain(x: Tensor) -> Tensor:
        near, far = torch.log(-torch.expm1(x)), torch.log1p(-torch.exp(x))
        return torch.where(x > -math.log(2), near, far).sum()

    return side_by_side(ours, plain, (-positive(size)).detach().requires_grad_())


@case("torch.special.log_ndtr, its slope wrong in the tail", *VECTOR)
def probit_nll(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Scores of a few units."""

    def torchs(score: Tensor, target: Tensor) -> Tensor:
        return -torch.special.log_ndtr((2 * target - 1) * score).mean()

    inputs = normal(size), labels(size, classes=2).float()
    return side_by_side(example.probit_nll, torchs, *inputs)
