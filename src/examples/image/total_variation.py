r"""
Total variation
===============

The gradient flattens noise and keeps edges: a step costs the same, sharp or spread.

The absolute differences of neighbours, down and to the right:

.. math::

   \ell = \sum_{i, j} |x_{i+1, j} - x_{ij}| + |x_{i, j+1} - x_{ij}|
   \qquad
   \frac{\partial \ell}{\partial x_{ij}} = \sum_{\text{neighbours } n}
   \operatorname{sign}(x_{ij} - x_n)

This is the anisotropic form, summed over each image and its channels; the isotropic one
takes the root of the sum of both squares.

Source: L. I. Rudin, S. Osher, E. Fatemi, *Nonlinear total variation based noise removal
algorithms*, Physica D 60 (1992), there isotropic.
"""

import torch
from torch import Tensor


def total_variation(image: Tensor, reduction: str = "sum") -> Tensor:
    """Sum of the absolute differences of neighbouring pixels.

    Args:
        image: Tensor of shape (N, C, H, W).
        reduction: ``"sum"`` or ``"mean"`` over the images, or ``"none"``. Over pixels
            and channels it is a sum in all three.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``; of half precision in
        float32, since the sum over an image is soon above 65,504.

    Raises:
        ValueError: The shape does not fit, or ``reduction`` is not one of these.

    >>> image = torch.tensor([[[[0.0, 1.0], [0.0, 3.0]]]], requires_grad=True)
    >>> loss = total_variation(image)
    >>> loss.item()  # down 0 + 2, to the right 1 + 3
    6.0
    >>> loss.backward()
    >>> image.grad[0, 0]
    tensor([[-1.,  0.],
            [-1.,  2.]])

    >>> x = torch.tensor([[[[2.0, 0.5, -1.0], [0.3, 1.7, -2.0]]]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(total_variation, (x.requires_grad_(),))
    True
    """
    if image.ndim != 4:
        raise ValueError(
            f"image must have the shape (N, C, H, W), got {tuple(image.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    wide = torch.promote_types(image.dtype, torch.float32)
    down, right = image.diff(dim=2).abs(), image.diff(dim=3).abs()
    loss = down.sum((1, 2, 3), dtype=wide) + right.sum((1, 2, 3), dtype=wide)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Noise goes, the edge stays
# --------------------------
# A row of pixels: a step of 1, noise, and a fit that pays for both the squared error
# and its variation. The square of the differences instead of their size has to spread
# the step, because ten steps of 0.1 cost it a tenth of one of 1. The price is contrast:
# a step costs its height, so both sides move towards each other, the more, the larger
# the weight.

import matplotlib.pyplot as plt

_ = torch.manual_seed(0)
clean = (torch.arange(100) >= 50).float()
noisy = clean + 0.15 * torch.randn(100)
penalties = {
    "total variation, 0.6": lambda row: 0.6 * total_variation(row[None, None, None]),
    "total variation, 6": lambda row: 6 * total_variation(row[None, None, None]),
    "squared differences, 10": lambda row: 10 * row.diff().square().sum(),
}
fig, ax = plt.subplots()
ax.plot(noisy, ".", label="noisy")
for name, penalty in penalties.items():
    row = noisy.clone().requires_grad_()
    optimizer = torch.optim.Adam([row], lr=0.02)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, 400)
    for _ in range(400):
        optimizer.zero_grad()
        ((row - noisy).square().sum() / 2 + penalty(row)).backward()
        optimizer.step()
        schedule.step()
    ax.plot(row.detach(), label=name)
    print(f"{name}: step {row[50] - row[49]:.2f}, means of the halves ", end="")
    print(f"{row[:50].mean():.2f} and {row[50:].mean():.2f}")
ax.set(xlabel="pixel", ylabel="value")
ax.set_title("The square blurs the step, the absolute value keeps it")
ax.legend()

# %%
# Why is it in the hundreds of thousands?
# ---------------------------------------
# Because it is a sum over pixels: its weight depends on the size of the image. Weights
# in papers go with a sum or with a mean. To carry one over, divide by the number of
# elements; beside a data term that is a mean, a weight for the sum is far too strong.

for size in (64, 256):
    image = torch.rand(1, 3, size, size)
    loss = total_variation(image)
    print(f"{size} pixels: {loss:9.0f}, per element {loss / image.numel():.3f}")

# %%
# Use it when an image is piecewise flat, as a regulariser beside a data term; rather
# squared differences when it should be smooth, and
# :doc:`/examples/image/focal_frequency` or :doc:`/examples/image/ssim` when there is a
# target to compare with. It prefers edges along the rows and columns: a disc costs more
# than its outline.

line = torch.linspace(-1, 1, 400)
disc = ((line**2 + line[:, None] ** 2) < 0.5).float()
outline = 2 * torch.pi * 0.5**0.5 * 200
print(f"{total_variation(disc[None, None]) / outline:.3f} = 4 / pi times the outline")

# sphinx_gallery_tags = ["images", "no target"]
