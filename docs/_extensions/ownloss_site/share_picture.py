"""The picture that goes with a link to the site: Huber's loss and its gradient.

Most places that show such a picture take no SVG. It is drawn once, as PNG, and again
when the style or the loss changes.
"""

from importlib.metadata import metadata
from pathlib import Path

from sphinx.application import Sphinx

from gallery.look import LIGHT
from ownloss import catalogue

WIDTH, HEIGHT = 1200, 630
DOTS_PER_INCH = 150


def draw(path: Path, words: str) -> None:
    """Draw the picture into a file, with some words above it."""
    import matplotlib.pyplot as plt
    import torch

    residual = torch.linspace(-4, 4, 201, requires_grad=True)
    loss = catalogue.load("huber").huber(residual, torch.zeros(201), reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), residual)
    with plt.style.context(LIGHT):
        figure, axes = plt.subplots(
            figsize=(WIDTH / DOTS_PER_INCH, HEIGHT / DOTS_PER_INCH)
        )
        axes.plot(residual.detach(), loss.detach(), label="loss")
        axes.plot(residual.detach(), gradient, label="its gradient")
        axes.set(xlabel="residual", ylim=(-1.5, 4))
        axes.set_title(words, fontsize=15, pad=14)
        axes.legend(loc="upper center")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})
        plt.close(figure)


def draw_when_stale(app: Sphinx) -> None:
    """Draw the picture into the site, unless a good one is there."""
    path = Path(app.outdir, app.config.ogp_image)
    sources = (LIGHT, Path(__file__), catalogue.find("huber").path)
    newest = max(source.stat().st_mtime for source in sources)
    if not path.exists() or path.stat().st_mtime < newest:
        draw(path, metadata("ownloss")["Summary"].removesuffix("."))
