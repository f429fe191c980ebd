"""``python -m benchmarks.peers [NAME...]``: losses beside well-known libraries.

Both run in turn in one process, forward and backward, at one size of everyday use. The
libraries live in an environment of their own: ``nox -s bench -- peers`` makes it. What
is written is dated and kept in the repository, since few have all of them installed.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType

import click
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from benchmarks.losses import labels, mask, normal, side_by_side
from benchmarks.measuring import Work, keep, times_longer
from ownloss import catalogue

FIGURES = Path(__file__).with_name("peers.json")
SAME = 1e-3
"""Two gradients are taken for the same up to this share: epsilons, and rounding."""


@dataclass(frozen=True)
class Peer:
    """One comparison.

    Attributes:
        name: The name of the example.
        library: The distribution that the other loss comes from.
        rival: What the other loss is called in there.
        compiled: Whether the other is a compiled kernel, which Python cannot match.
        pair: Makes the work of both.
    """

    name: str
    library: str
    rival: str
    compiled: bool
    pair: Callable[[ModuleType], tuple[Work, Work]]


PEERS: list[Peer] = []


def peer(library: str, rival: str, *, compiled: bool = False) -> Callable:
    """Declare a comparison; the function has the name of the example."""

    def declare(pair: Callable) -> Callable:
        PEERS.append(Peer(pair.__name__, library, rival, compiled, pair))
        return pair

    return declare


def images(classes: int) -> tuple[Tensor, Tensor]:
    """Logits and classes of four images of 128 x 128."""
    return normal(4, classes, 128, 128), labels(4, 128, 128, classes=classes)


def embeddings() -> tuple[Tensor, Tensor]:
    """A batch of 256 embeddings of 64 classes."""
    return normal(256, 128), torch.arange(256) % 64


def boxes() -> tuple[Tensor, Tensor]:
    """4,096 boxes as corners, and others near them."""
    corner = 100 * torch.rand(4096, 2)
    target = torch.cat([corner, corner + 5 + 50 * torch.rand(4096, 2)], 1)
    return (target + 2 * torch.rand(4096, 4)).requires_grad_(), target


# torch


@peer("torch", "F.huber_loss", compiled=True)
def huber(example: ModuleType) -> tuple[Work, Work]:
    """A vector of 100,000."""
    inputs = normal(100_000), torch.zeros(100_000)
    return side_by_side(example.huber, F.huber_loss, *inputs)


@peer("torch", "F.gaussian_nll_loss")
def gaussian_nll(example: ModuleType) -> tuple[Work, Work]:
    """A vector of 100,000 with a variance each."""

    def theirs(mean: Tensor, target: Tensor, var: Tensor) -> Tensor:
        return F.gaussian_nll_loss(mean, target, var, full=True)

    var = (torch.rand(100_000) + 0.5).requires_grad_()
    inputs = normal(100_000), torch.zeros(100_000), var
    return side_by_side(example.gaussian_nll, theirs, *inputs)


@peer("torch", "F.cross_entropy", compiled=True)
def label_smoothing(example: ModuleType) -> tuple[Work, Work]:
    """4,096 rows of 100 classes."""

    def ours(logits: Tensor, target: Tensor) -> Tensor:
        return example.label_smoothing(logits, target, 0.1)

    def theirs(logits: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(logits, target, label_smoothing=0.1)

    return side_by_side(ours, theirs, normal(4096, 100), labels(4096, classes=100))


@peer("torch", "F.triplet_margin_loss")
def triplet(example: ModuleType) -> tuple[Work, Work]:
    """4,096 triplets of 128 numbers."""
    inputs = normal(4096, 128), normal(4096, 128), normal(4096, 128)
    return side_by_side(example.triplet, F.triplet_margin_loss, *inputs)


@peer("torch", "F.ctc_loss", compiled=True)
def ctc(example: ModuleType) -> tuple[Work, Work]:
    """Sixteen sequences of 100 frames."""
    logits, target = normal(16, 100, 32), 1 + labels(16, 20, classes=31)
    lengths = torch.full((16,), 100), torch.full((16,), 20)

    def theirs(logits: Tensor, target: Tensor, *lengths: Tensor) -> Tensor:
        log_probs = logits.log_softmax(2).transpose(0, 1)
        return F.ctc_loss(log_probs, target, *lengths, reduction="sum")

    return side_by_side(example.ctc, theirs, logits, target, *lengths)


# kornia


@peer("kornia", "losses.lovasz_softmax_loss")
def lovasz_softmax(example: ModuleType) -> tuple[Work, Work]:
    """Images of five classes."""
    from kornia.losses import lovasz_softmax_loss

    return side_by_side(example.lovasz_softmax, lovasz_softmax_loss, *images(5))


@peer("kornia", "losses.focal_loss")
def focal(example: ModuleType) -> tuple[Work, Work]:
    """4,096 rows of 100 classes."""
    from kornia.losses import focal_loss

    def theirs(logits: Tensor, target: Tensor) -> Tensor:
        return focal_loss(logits, target, alpha=None, gamma=2.0, reduction="mean")

    inputs = normal(4096, 100), labels(4096, classes=100)
    return side_by_side(example.focal, theirs, *inputs)


@peer("kornia", "losses.ssim_loss")
def ssim(example: ModuleType) -> tuple[Work, Work]:
    """Four images of 64 x 64 in colour."""
    from kornia.losses import ssim_loss

    prediction, target = torch.rand(4, 3, 64, 64), torch.rand(4, 3, 64, 64)

    def theirs(prediction: Tensor, target: Tensor) -> Tensor:
        return ssim_loss(prediction, target, 11, padding="valid")

    return side_by_side(example.ssim, theirs, prediction.requires_grad_(), target)


@peer("kornia", "losses.total_variation")
def total_variation(example: ModuleType) -> tuple[Work, Work]:
    """Four images of 128 x 128 in colour."""
    from kornia.losses import total_variation

    def theirs(image: Tensor) -> Tensor:
        return total_variation(image).sum()

    return side_by_side(example.total_variation, theirs, normal(4, 3, 128, 128))


# MONAI


@peer("monai", "losses.DiceLoss")
def dice(example: ModuleType) -> tuple[Work, Work]:
    """Images of four discs."""
    from monai.losses import DiceLoss

    target = mask(128)
    theirs = DiceLoss(sigmoid=True, smooth_nr=1e-5, smooth_dr=1e-5)
    return side_by_side(example.dice, theirs, normal(*target.shape), target)


@peer("monai", "losses.TverskyLoss")
def tversky(example: ModuleType) -> tuple[Work, Work]:
    """Images of four discs."""
    from monai.losses import TverskyLoss

    target = mask(128)
    weights = {"alpha": 0.3, "beta": 0.7, "smooth_nr": 1e-5, "smooth_dr": 1e-5}
    theirs = TverskyLoss(sigmoid=True, **weights)
    return side_by_side(example.tversky, theirs, normal(*target.shape), target)


@peer("monai", "losses.GeneralizedDiceLoss")
def generalized_dice(example: ModuleType) -> tuple[Work, Work]:
    """Images of five classes."""
    from monai.losses import GeneralizedDiceLoss

    other = GeneralizedDiceLoss(softmax=True, to_onehot_y=True)

    def theirs(logits: Tensor, target: Tensor) -> Tensor:
        return other(logits, target[:, None])

    return side_by_side(example.generalized_dice, theirs, *images(5))


@peer("monai", "losses.HausdorffDTLoss")
def hausdorff_dt(example: ModuleType) -> tuple[Work, Work]:
    """Images of four discs; both ask SciPy for the distances."""
    from monai.losses import HausdorffDTLoss

    target = mask(64)
    theirs = HausdorffDTLoss(alpha=2.0, sigmoid=True)
    return side_by_side(example.hausdorff_dt, theirs, normal(*target.shape), target)


@peer("monai", "losses.SoftclDiceLoss")
def cldice(example: ModuleType) -> tuple[Work, Work]:
    """Images of four discs."""
    from monai.losses import SoftclDiceLoss

    target = mask(128)
    probability = torch.rand(target.shape, requires_grad=True)
    other = SoftclDiceLoss(iter_=3)

    def theirs(probability: Tensor, target: Tensor) -> Tensor:
        return other(target, probability)

    return side_by_side(example.cldice, theirs, probability, target)


@peer("monai", "losses.BarlowTwinsLoss")
def barlow_twins(example: ModuleType) -> tuple[Work, Work]:
    """A batch of 256 pairs."""
    from monai.losses import BarlowTwinsLoss

    inputs = normal(256, 128), normal(256, 128)
    return side_by_side(example.barlow_twins, BarlowTwinsLoss(5e-3), *inputs)


# pytorch-metric-learning


def metric_learning(name: str, **options: object) -> Callable[..., Tensor]:
    """A loss of pytorch-metric-learning, which is imported only where it is asked."""
    from pytorch_metric_learning import losses

    return getattr(losses, name)(**options)


@peer("pytorch-metric-learning", "NTXentLoss")
def ntxent(example: ModuleType) -> tuple[Work, Work]:
    """A batch of 256 embeddings."""
    theirs = metric_learning("NTXentLoss", temperature=0.5)
    return side_by_side(example.ntxent, theirs, *embeddings())


@peer("pytorch-metric-learning", "SupConLoss")
def supcon(example: ModuleType) -> tuple[Work, Work]:
    """A batch of 256 embeddings."""
    theirs = metric_learning("SupConLoss", temperature=0.1)
    return side_by_side(example.supcon, theirs, *embeddings())


@peer("pytorch-metric-learning", "CircleLoss")
def circle(example: ModuleType) -> tuple[Work, Work]:
    """A batch of 256 embeddings."""
    theirs = metric_learning("CircleLoss", m=0.4, gamma=80)
    return side_by_side(example.circle, theirs, *embeddings())


@peer("pytorch-metric-learning", "MultiSimilarityLoss")
def multi_similarity(example: ModuleType) -> tuple[Work, Work]:
    """A batch of 256 embeddings."""
    theirs = metric_learning("MultiSimilarityLoss", alpha=2, beta=50, base=0.5)
    return side_by_side(example.multi_similarity, theirs, *embeddings())


def with_proxies(
    loss: Callable[..., Tensor], name: str, **options: object
) -> tuple[Work, Work]:
    """A loss that has a vector for each class, which the other loss keeps in itself."""
    embedding, target = embeddings()
    weight = normal(64, 128)
    other = metric_learning(name, num_classes=64, embedding_size=128, **options)
    (vectors,) = other.parameters()
    same = weight.detach() if vectors.shape == weight.shape else weight.detach().T
    vectors.data.copy_(same)

    def theirs(embedding: Tensor, _weight: Tensor, target: Tensor) -> Tensor:
        # The gradient of its own vectors is asked for, too.
        return other(embedding, target) + 0 * _weight[0, 0]

    return side_by_side(loss, theirs, embedding, weight, target)


@peer("pytorch-metric-learning", "CosFaceLoss")
def cosface(example: ModuleType) -> tuple[Work, Work]:
    """A batch of 256 embeddings, 64 classes."""
    return with_proxies(example.cosface, "CosFaceLoss", margin=0.35, scale=16)


@peer("pytorch-metric-learning", "ArcFaceLoss")
def arcface(example: ModuleType) -> tuple[Work, Work]:
    """A batch of 256 embeddings, 64 classes."""
    return with_proxies(example.arcface, "ArcFaceLoss", margin=28.6, scale=16)


@peer("pytorch-metric-learning", "ProxyAnchorLoss")
def proxy_anchor(example: ModuleType) -> tuple[Work, Work]:
    """A batch of 256 embeddings, 64 classes."""
    options = {"margin": 0.1, "alpha": 32}
    return with_proxies(example.proxy_anchor, "ProxyAnchorLoss", **options)


@peer("pytorch-metric-learning", "VICRegLoss")
def vicreg(example: ModuleType) -> tuple[Work, Work]:
    """A batch of 256 pairs."""
    other = metric_learning("VICRegLoss")

    def theirs(first: Tensor, second: Tensor) -> Tensor:
        return other(first, ref_emb=second)

    return side_by_side(example.vicreg, theirs, normal(256, 128), normal(256, 128))


# One loss each


@peer("coral-pytorch", "coral_loss")
def coral(example: ModuleType) -> tuple[Work, Work]:
    """4,096 rows of ten grades."""
    from coral_pytorch.losses import coral_loss

    levels = (torch.arange(9) < labels(4096, 1, classes=10)).float()
    return side_by_side(example.coral, coral_loss, normal(4096, 9), levels)


@peer("coral-pytorch", "corn_loss")
def corn(example: ModuleType) -> tuple[Work, Work]:
    """4,096 rows of ten grades."""
    from coral_pytorch.losses import corn_loss

    def ours(logits: Tensor, target: Tensor) -> Tensor:
        return example.corn(logits, target, 10)

    def theirs(logits: Tensor, target: Tensor) -> Tensor:
        return corn_loss(logits, target, 10)

    return side_by_side(ours, theirs, normal(4096, 9), labels(4096, classes=10))


@peer("entmax", "entmax15_loss")
def entmax15_loss(example: ModuleType) -> tuple[Work, Work]:
    """1,024 rows of 1,000 classes."""
    from entmax import entmax15_loss

    def theirs(logits: Tensor, target: Tensor) -> Tensor:
        return entmax15_loss(logits, target).mean()

    inputs = normal(1024, 1000), labels(1024, classes=1000)
    return side_by_side(example.entmax15_loss, theirs, *inputs)


@peer("entmax", "sparsemax_loss")
def sparsemax_loss(example: ModuleType) -> tuple[Work, Work]:
    """1,024 rows of 1,000 classes."""
    from entmax import sparsemax_loss

    def theirs(logits: Tensor, target: Tensor) -> Tensor:
        return sparsemax_loss(logits, target).mean()

    inputs = normal(1024, 1000), labels(1024, classes=1000)
    return side_by_side(example.sparsemax_loss, theirs, *inputs)


@peer("fvcore", "nn.sigmoid_focal_loss")
def sigmoid_focal(example: ModuleType) -> tuple[Work, Work]:
    """4,096 anchors of 80 classes."""
    from fvcore.nn import sigmoid_focal_loss

    def theirs(logits: Tensor, target: Tensor) -> Tensor:
        return sigmoid_focal_loss(logits, target, 0.25, 2, reduction="mean")

    target = (torch.rand(4096, 80) > 0.99).float()
    return side_by_side(example.sigmoid_focal, theirs, normal(4096, 80), target)


@peer("fvcore", "nn.giou_loss")
def giou(example: ModuleType) -> tuple[Work, Work]:
    """4,096 boxes."""
    from fvcore.nn import giou_loss

    def theirs(boxes: Tensor, target: Tensor) -> Tensor:
        return giou_loss(boxes, target, reduction="mean")

    return side_by_side(example.giou, theirs, *boxes())


@peer("torchsurv", "neg_partial_log_likelihood")
def cox_ph(example: ModuleType) -> tuple[Work, Work]:
    """2,000 patients without a tie."""
    from torchsurv.loss.cox import neg_partial_log_likelihood

    event, time = torch.rand(2000) > 0.3, torch.randperm(2000).float()
    return side_by_side(
        example.cox_ph, neg_partial_log_likelihood, normal(2000), event, time
    )


@peer("POT", "sinkhorn2 in the log domain")
def entropic_ot(example: ModuleType) -> tuple[Work, Work]:
    """200 points on each side."""
    import ot

    cost = torch.rand(200, 200, requires_grad=True)
    weights = torch.full((200,), 1 / 200)

    def ours(cost: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return example.entropic_ot(cost, a, b, 0.1)

    def theirs(cost: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return ot.sinkhorn2(a, b, cost, 0.1, method="sinkhorn_log")

    return side_by_side(ours, theirs, cost, weights, weights)


@peer("POT", "wasserstein_1d")
def wasserstein_1d(example: ModuleType) -> tuple[Work, Work]:
    """Two samples of 10,000."""
    import ot

    def theirs(first: Tensor, second: Tensor) -> Tensor:
        return ot.wasserstein_1d(first, second, p=1)

    return side_by_side(example.wasserstein_1d, theirs, normal(10_000), normal(10_000))


@peer("POT", "sliced_wasserstein_distance")
def sliced_wasserstein(example: ModuleType) -> tuple[Work, Work]:
    """Two samples of 1,000 in ten dimensions, 50 directions."""
    import ot

    projections = F.normalize(torch.randn(50, 10), dim=1)

    def theirs(first: Tensor, second: Tensor, projections: Tensor) -> Tensor:
        return ot.sliced_wasserstein_distance(
            first, second, projections=projections.T
        ).square()

    inputs = normal(1000, 10), normal(1000, 10), projections
    return side_by_side(example.sliced_wasserstein, theirs, *inputs)


@peer("tslearn", "SoftDTWLossPyTorch", compiled=True)
def soft_dtw(example: ModuleType) -> tuple[Work, Work]:
    """Eight pairs of series of 100 steps; tslearn compiles the recursion with Numba."""
    from tslearn.metrics import SoftDTWLossPyTorch

    other = SoftDTWLossPyTorch(gamma=1.0)

    def theirs(first: Tensor, second: Tensor) -> Tensor:
        return other(first, second).mean()

    return side_by_side(example.soft_dtw, theirs, normal(8, 100, 3), normal(8, 100, 3))


@peer("auraloss", "time.SISDRLoss")
def si_sdr(example: ModuleType) -> tuple[Work, Work]:
    """Eight signals of one second."""
    from auraloss.time import SISDRLoss

    theirs = SISDRLoss(zero_mean=False)
    return side_by_side(example.si_sdr, theirs, normal(8, 16_000), normal(8, 16_000))


@click.command()
@click.argument("names", nargs=-1)
@click.option("--seconds", default=2.0, help="How long to measure each.")
def main(names: tuple[str, ...], seconds: float) -> None:
    """Measure the examples NAMES, or all of them, beside their peers."""
    if unknown := set(names) - {peer.name for peer in PEERS}:
        raise click.ClickException(f"no peer is known of {', '.join(sorted(unknown))}")
    chosen = [peer for peer in PEERS if not names or peer.name in names]
    rows = [measure(peer, seconds) for peer in track(chosen, "measuring")]
    title = "time of the example / of the other"
    table = Table("example", "beside", "its gradient", "time", title=title)
    for row in rows:
        beside = f"{row['library']} {row['rival']}"
        table.add_row(row["name"], beside, row["gradient"], f"{row['time']:.2g}")
    console = Console()
    console.print(table)
    if not names:
        keep(FIGURES, sorted(rows, key=lambda row: row["name"]))
        console.print(f"kept in {FIGURES}; the next build of the site shows them")


def measure(peer: Peer, seconds: float) -> dict[str, object]:
    """Measure one comparison."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the others' own
        ours, theirs = peer.pair(catalogue.load(peer.name))
        torch.set_num_threads(1)  # some libraries set it when they are imported
        ratio = times_longer(ours, theirs, seconds)
        gradient = compared(ours()[0], theirs()[0])
    return {
        "name": peer.name,
        "library": f"{peer.library} {metadata.version(peer.library)}",
        "rival": peer.rival,
        "compiled": peer.compiled,
        "gradient": gradient,
        "time": ratio,
    }


def compared(ours: Tensor, theirs: Tensor) -> str:
    """Say how two gradients of the first input differ.

    A ratio of times means less where they are those of two losses.

    >>> compared(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0]))
    'the same'
    >>> compared(torch.tensor([1.0, 2.0]), torch.tensor([0.5, 1.0]))
    '0.5 times'
    """
    scale = ((ours * theirs).sum() / ours.square().sum()).item()
    apart = ((theirs - scale * ours).norm() / theirs.norm()).item()
    if apart > SAME:
        return f"{apart:.1%} apart"
    return "the same" if abs(scale - 1) < SAME else f"{scale:.3g} times"


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.peers")
