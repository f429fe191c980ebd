r"""
clDice
======

The gradient goes to the centrelines of vessels: a gap costs more than a rough edge.

With the soft skeletons :math:`S_p` and :math:`S_t` of the probabilities :math:`p` and
of the mask :math:`t`:

.. math::

   T_\text{prec} = \frac{\sum S_p \, t + s}{\sum S_p + s}
   \qquad
   T_\text{sens} = \frac{\sum S_t \, p + s}{\sum S_t + s}
   \qquad
   \ell = 1 - 2 \, \frac{T_\text{prec} \, T_\text{sens}}{T_\text{prec} + T_\text{sens}}

A skeleton is what an opening, erosion and dilation by min- and max-pooling, takes away
after 0, 1, 2, … erosions. Sums go over the whole batch, as in the authors' code.

Source: S. Shit et al., *clDice – a Novel Topology-Preserving Loss Function for Tubular
Structure Segmentation*, CVPR 2021, algorithms 1 and 2.
"""

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d


def erode(image: Tensor) -> Tensor:
    """Take the minimum over a cross of 3 by 3 pixels; the border erodes nothing."""
    down = -max_pool2d(-image, (3, 1), stride=1, padding=(1, 0))
    across = -max_pool2d(-image, (1, 3), stride=1, padding=(0, 1))
    return torch.minimum(down, across)


def skeleton(image: Tensor, iterations: int) -> Tensor:
    """Collect what an opening removes from an image and from each of its erosions."""
    lines = torch.zeros_like(image)
    for step in range(iterations + 1):
        if step > 0:
            image = erode(image)
        opened = max_pool2d(erode(image), 3, stride=1, padding=1)
        removed = (image - opened).relu()
        lines = lines + (removed - lines * removed).relu()
    return lines


def cldice(
    probability: Tensor, target: Tensor, iterations: int = 3, smooth: float = 1.0
) -> Tensor:
    """One minus the Dice overlap of the centrelines with the other's mask.

    Args:
        probability: Tensor of shape (N, C, H, W), in [0, 1].
        target: The masks, 1.0 in the object and 0.0 outside, of the same shape.
        iterations: Erosions before the skeleton is complete, at least half the width of
            the widest structure, in pixels.
        smooth: Added to both sides of the fractions, in pixels; above 0.

    Returns:
        A scalar in [0, 1).

    Raises:
        ValueError: The shapes differ or are not (N, C, H, W), or ``smooth`` is not
            above 0.

    >>> probability = torch.full((1, 1, 3, 5), 0.5, requires_grad=True)
    >>> target = torch.zeros(1, 1, 3, 5)
    >>> target[0, 0, 1] = 1  # a line is its own skeleton; of a flat 1/2 there is none
    >>> loss = cldice(probability, target)
    >>> loss.item()  # precision (0 + 1) / (0 + 1), sensitivity (5/2 + 1) / (5 + 1)
    0.2631579041481018

    >>> x = torch.tensor([0.1, 0.8, 0.3, 0.9, 0.6, 0.2, 0.4, 0.7], dtype=torch.float64)
    >>> x = x.reshape(1, 1, 2, 4).requires_grad_()
    >>> y = torch.tensor([[[[0, 1, 0, 0], [1, 1, 0, 1]]]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(cldice, (x, y))
    True
    """
    if probability.shape != target.shape or probability.ndim != 4:
        raise ValueError(
            f"probability and target must have the same shape (N, C, H, W), got "
            f"{tuple(probability.shape)} and {tuple(target.shape)}"
        )
    if not 0 < smooth < torch.inf:
        raise ValueError(f"smooth must be finite and above 0, got {smooth}")
    p = probability.to(torch.promote_types(probability.dtype, torch.float32))
    t = target.to(p.dtype)
    if p.numel() == 0:
        return p.sum().to(probability.dtype)
    p_lines, t_lines = skeleton(p, iterations), skeleton(t, iterations)
    precision = ((p_lines * t).sum() + smooth) / (p_lines.sum() + smooth)
    sensitivity = ((t_lines * p).sum() + smooth) / (t_lines.sum() + smooth)
    loss = 1 - 2 * precision * sensitivity / (precision + sensitivity)
    return loss.to(probability.dtype)


# %%
# The same pixels missing, in two places
# --------------------------------------
# A line of 3 by 40 pixels. One prediction is too thin: it lacks a row along the edge
# for twelve pixels. The other lacks four pixels of the line's whole width, so the
# vessel is cut in two. Dice cannot tell them apart.

import matplotlib.pyplot as plt

target = torch.zeros(1, 1, 15, 48)
target[..., 6:9, 4:44] = 1
thin, cut = target.clone(), target.clone()
thin[..., 6, 10:22] = 0
cut[..., 6:9, 22:26] = 0
p = cut.clamp(0.05, 0.95).requires_grad_()
(gradient,) = torch.autograd.grad(cldice(p, target), p)

fig, axes = plt.subplots(2, 1, layout="constrained")
axes[0].imshow(skeleton(thin, 3)[0, 0].numpy())
axes[0].set_title("too thin: its skeleton")
axes[1].imshow(-gradient[0, 0].numpy())
axes[1].set_title("cut in two: the gradient, in the gap as well")
for ax in axes:
    ax.set_axis_off()

for name, image in {"too thin": thin, "cut": cut}.items():
    dice = 1 - 2 * (image * target).sum() / (image + target).sum()
    print(f"{name}: Dice {dice:.3f}, clDice {cldice(image, target):.3f}")

# %%
# Why it needs Dice beside it, and how many iterations
# ----------------------------------------------------
# Only centrelines count, not widths: a line of one pixel's width is nearly perfect.
# The paper trains (1 - a) Dice + a clDice with a up to 0.5. An erosion takes a pixel
# from both sides, so iterations must reach half the width of the widest structure; with
# fewer, its middle is missing from the skeleton. More change nothing.

line = torch.zeros_like(target)
line[..., 7, 4:44] = 1
print(f"width 1 of 3: clDice {cldice(line, target):.3f}")
wide = torch.zeros(1, 1, 21, 48)
wide[..., 5:16, 4:44] = 1
for iterations in (1, 3, 5, 10):
    print(f"{iterations:2} iterations: {skeleton(wide, iterations).sum():.0f} pixels")

# %%
# Use it on probabilities, after ``sigmoid``, when connections count more than areas;
# rather :doc:`/examples/segmentation/boundary` when distances from the border do.

# sphinx_gallery_tags = ["segmentation", "regions", "metric"]
