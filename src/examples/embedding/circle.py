r"""
Circle
======

Each pair's gradient is weighed by how far its cosine still is from where it should be.

With the cosines :math:`s_p` of a row to the others of its class, :math:`s_n` to rows of
other classes, the margin :math:`m` and the scale :math:`\gamma`:

.. math::

   \ell = \log \Bigl( 1 + \sum_n e^{\gamma \alpha_n (s_n - m)}
   \sum_p e^{-\gamma \alpha_p (s_p - 1 + m)} \Bigr)
   \qquad
   \begin{aligned}
   \alpha_n &= \lfloor \max(0, s_n + m) \rfloor \\
   \alpha_p &= \lfloor \max(0, 1 + m - s_p) \rfloor
   \end{aligned}

The weights :math:`\alpha` are constants to the gradient, so with the loss's own share
:math:`z = 1 - e^{-\ell}` a negative gets :math:`z \gamma \alpha_n` times its softmax.

Source: Y. Sun et al., *Circle Loss: A Unified Perspective of Pair Similarity
Optimization*, CVPR 2020, equations 6 and 8.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize, softplus


def circle(
    embedding: Tensor, target: Tensor, m: float = 0.4, gamma: float = 80.0
) -> Tensor:
    """Circle loss over all pairs, the mean over rows that have both kinds of pair.

    Args:
        embedding: Tensor of shape (N, D) of any lengths; they are normalised here.
        target: The classes, int64 of shape (N,); any numbers, only equality counts.
        m: The margin: positives should be above 1 - m, negatives below m.
        gamma: What the weighted cosines are multiplied by; above 0.

    Returns:
        A scalar, 0 or more. A row without another of its class, or without one of
        another class, does not count; 0 where none does.

    Raises:
        ValueError: The shapes do not fit, or an option is out of range.

    >>> rows = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], requires_grad=True)
    >>> loss = circle(rows, torch.tensor([0, 0, 1]), m=0.5, gamma=1.0)
    >>> print(f"{loss.item():.4f}")  # -0.5 (1 - 0.5) and 0.5 (0 - 0.5): log(1 + e^-0.5)
    0.4741
    >>> loss.backward()
    >>> rows.grad  # across: 0.3775 * alpha 0.5 / 2 / length, the last for both
    tensor([[0.0000, 0.0944],
            [0.0000, 0.0472],
            [0.1888, 0.0000]])

    The weights are constants to the gradient, so ``gradcheck`` objects.

    >>> x = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 1.0]], dtype=torch.float64)
    >>> inputs = x.requires_grad_(), torch.tensor([0, 1, 0])
    >>> torch.autograd.gradcheck(circle, inputs, raise_exception=False)
    False
    """
    if embedding.ndim != 2 or target.shape != embedding.shape[:1]:
        raise ValueError(
            f"embedding and target must have shapes (N, D) and (N,), got "
            f"{tuple(embedding.shape)} and {tuple(target.shape)}"
        )
    if not -1 <= m <= 1:
        raise ValueError(f"m must lie between -1 and 1, got {m}")
    if not 0 < gamma < torch.inf:
        raise ValueError(f"gamma must be finite and above 0, got {gamma}")
    if len(target) == 0:
        return embedding.sum()
    unit = normalize(embedding)
    cosine = unit @ unit.mT
    weight_n = (cosine.detach() + m).clamp(min=0)
    weight_p = (1 + m - cosine.detach()).clamp(min=0)
    same = target.unsqueeze(1) == target
    pair = same & ~torch.eye(len(target), dtype=torch.bool, device=target.device)
    # The smallest number stands for log 0: a row without such a pair costs nothing.
    least = torch.finfo(cosine.dtype).min
    negative = (gamma * weight_n * (cosine - m)).masked_fill(same, least)
    positive = (-gamma * weight_p * (cosine - 1 + m)).masked_fill(~pair, least)
    loss = softplus(negative.logsumexp(1) + positive.logsumexp(1))
    return loss.sum() / (pair.any(1) & ~same.all(1)).sum().clamp(min=1)


# %%
# Of two wrong cosines, the one that is further off is moved more
# ---------------------------------------------------------------
# A row with one positive and one negative. Without the weights the loss knows the
# difference of the two cosines alone: its lines are straight, and along a line nothing
# says which of the two is wrong. With the weights they are circles round the best
# corner, and each cosine has a gradient in proportion to what it lacks.

import matplotlib.pyplot as plt

m = 0.25
grid = torch.linspace(0, 1, 101)
positive, negative = grid[None, :], grid[:, None]
exponents = {
    "cosines alone": negative - positive,
    "circle": (negative + m) * (negative - m) - (1 + m - positive) * (positive - 1 + m),
}
fig, axes = plt.subplots(1, 2, layout="constrained")
for ax, (name, exponent) in zip(axes, exponents.items(), strict=True):
    ax.contour(grid.numpy(), grid.numpy(), exponent.numpy(), levels=8)
    ax.plot([1], [0], "C2o", clip_on=False)
    ax.set(xlabel="cosine of the positive", title=name, aspect="equal")
axes[0].set_ylabel("cosine of the negative")
_ = fig.suptitle("Lines of equal loss, and the best corner")

for p, n in ((0.9, 0.6), (0.4, 0.1), (0.5, 0.5)):
    print(f"positive at {p}, negative at {n}: weights {1 + m - p:.2f} and {n + m:.2f}")

# %%
# What it starts at, and where it ends
# ------------------------------------
# The value is in units of gamma: rows that are all at right angles start near
# gamma (1 - 2 m²), which is 54 with the defaults, plus the logs of the numbers
# of pairs, so a large first value is no fault. It falls to 0 when the worst pair is
# inside the circle, and rows need not be perfect for that. Losses of two scales are not
# comparable. The paper has m = 0.25 and gamma = 256 for faces, 0.4 and 80 for images of
# birds and cars.

pairs = torch.arange(8).repeat(2)
for name, rows in {
    "right angles": torch.eye(16),
    "collapsed": torch.ones(16, 4),
    "perfect": torch.eye(8).repeat(2, 1),
}.items():
    values = [f"{circle(rows, pairs, gamma=gamma):.2f}" for gamma in (80.0, 8.0)]
    print(f"{name:12}: {values[0]} with gamma 80, {values[1]} with 8")

# %%
# Use it when a batch has several rows of each class and you want one loss with one
# margin; rather :doc:`/examples/embedding/multi_similarity` when positives and
# negatives should be judged on their own, :doc:`/examples/embedding/triplet` when you
# choose the triplets yourself. Here the two sums are multiplied: a row whose positives
# are all in place lowers the gradient of its negatives, too.

# sphinx_gallery_tags = ["embedding", "classes", "margin"]
