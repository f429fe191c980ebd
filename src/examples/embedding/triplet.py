r"""
Triplet
=======

The gradient draws the positive and pushes the negative, until the gap is a margin.

With the Euclidean distance :math:`d` of two rows:

.. math::

   \ell = \max(0, d(a, p) - d(a, n) + \text{margin})
   \qquad
   \frac{\partial \ell}{\partial n} = \frac{a - n}{d(a, n)}
   \quad \text{where } \ell > 0

A distance has no slope where two rows coincide: its gradient there is 0 here. torch's
own adds 1e-6 to each component of the difference instead.

Source: F. Schroff, D. Kalenichenko and J. Philbin, *FaceNet: A Unified Embedding for
Face Recognition and Clustering*, CVPR 2015, with squared distances; without the square,
A. Hermans, L. Beyer and B. Leibe, *In Defense of the Triplet Loss for Person
Re-Identification*, 2017.
"""

import torch
from torch import Tensor


def triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """Triplet margin loss with Euclidean distances.

    Args:
        anchor: Tensor of shape (N, D), or (..., D).
        positive: Tensor of the same shape: the same kind as the anchor, row by row.
        negative: Tensor of the same shape: another kind than the anchor, row by row.
        margin: How much farther than the positive the negative should be; above 0.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (N,) or (...) with ``"none"``.

    Raises:
        ValueError: The shapes differ or have no rows, or an option does not fit.

    >>> anchor = torch.tensor([[0.0, 0.0]], requires_grad=True)
    >>> positive = torch.tensor([[3.0, 4.0]])
    >>> negative = torch.tensor([[0.0, 5.5]], requires_grad=True)
    >>> loss = triplet(anchor, positive, negative)
    >>> loss.item()  # 5 - 5.5 + 1
    0.5
    >>> loss.backward()
    >>> negative.grad  # away from the anchor, with force 1
    tensor([[ 0., -1.]])
    >>> triplet(anchor, anchor, negative).item()  # 0 - 5.5 + 1 is below 0
    0.0

    >>> rows = torch.tensor([[0.0, 2.0], [1.0, 4.0], [3.0, 1.0]], dtype=torch.float64)
    >>> a, p, n = (row.requires_grad_() for row in rows)
    >>> torch.autograd.gradcheck(triplet, (a, p, n))
    True
    """
    if not (anchor.ndim and anchor.shape == positive.shape == negative.shape):
        raise ValueError(
            f"anchor, positive and negative must have the same shape (N, D), got "
            f"{tuple(anchor.shape)}, {tuple(positive.shape)} and "
            f"{tuple(negative.shape)}"
        )
    if not 0 < margin < torch.inf:
        raise ValueError(f"margin must be positive and finite, got {margin}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    # The norm's gradient at 0 is 0; that of a root of squares would be NaN.
    near = torch.linalg.vector_norm(anchor - positive, dim=-1)
    far = torch.linalg.vector_norm(anchor - negative, dim=-1)
    loss = torch.relu(near - far + margin)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# A gradient of 1 up to the margin, none beyond
# ---------------------------------------------
# The positive is 1 away, the negative walks away from the anchor. With squared
# distances the gradient is smallest near the anchor, where it is needed most, as when
# all rows are about to collapse. Exactly on the anchor neither has one.

import matplotlib.pyplot as plt

away = torch.linspace(0, 3, 301, requires_grad=True)
negative = torch.stack([away, torch.zeros(301)], dim=1)
anchor, positive = torch.zeros(301, 2), torch.tensor([0.0, 1.0]).expand(301, 2)
loss = triplet(anchor, positive, negative, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), away, retain_graph=True)
squared = torch.relu(1 - (negative**2).sum(1) + 1)
(squared_gradient,) = torch.autograd.grad(squared.sum(), away)

fig, ax = plt.subplots()
ax.plot(away.detach(), loss.detach(), label="triplet")
ax.plot(away.detach(), gradient, label="its gradient")
ax.plot(away.detach(), squared_gradient, "--", label="gradient with squared distances")
ax.set(xlabel="distance from anchor to negative", ylabel="loss and gradient")
ax.set_title("The gradient is -1 until the margin is reached")
ax.legend(loc="upper right")
print(f"at distance 0.1: {gradient[10]:.1f}, squared: {squared_gradient[10]:.1f}")
assert gradient[0] == squared_gradient[0] == 0

# %%
# Soon most random triplets teach nothing
# ---------------------------------------
# Two classes of rows move apart. The more triplets pass the margin, the fewer have a
# gradient, so the hard ones have to be sought: with ``reduction="none"``, or within the
# batch. A loss that stays at the margin is another matter: all rows have collapsed.

for apart in (0.0, 2.0, 4.0, 6.0):
    anchor, positive, negative = torch.randn(3, 1000, 8)
    negative = negative + apart / 8**0.5
    loss = triplet(anchor, positive, negative, reduction="none")
    print(f"classes {apart} apart: {(loss > 0).float().mean():.0%} have a gradient")
alike = torch.ones(4, 3)
print(f"collapsed: {triplet(alike, alike, alike)}")

# %%
# Use it when you can say which of two rows is nearer, and no more than that; rather
# :doc:`/examples/embedding/infonce` or :doc:`/examples/embedding/supcon` when the rest
# of the batch can serve as negatives, :doc:`/examples/embedding/multi_similarity` when
# it should choose the hard pairs itself, and
# :func:`torch.nn.functional.triplet_margin_loss` for ``swap`` and other norms. The
# margin is in the unit of the distance: for rows of length 1 it has to be below 2.

# sphinx_gallery_tags = ["embedding", "pairs", "margin"]
