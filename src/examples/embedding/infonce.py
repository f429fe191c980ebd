r"""
InfoNCE
=======

Pairs are drawn together, and the rest of the batch is pushed away, the nearest most.

With the cosine similarities :math:`s_{ij} = \cos(q_i, p_j)` and the temperature
:math:`\tau`, a contrastive loss: each query has to pick its own positive among all N.

.. math::

   \ell = -\frac{1}{N} \sum_i
   \log \frac{\exp(s_{ii} / \tau)}{\sum_j \exp(s_{ij} / \tau)}
   \qquad
   \frac{\partial \ell}{\partial s_{ij}} =
   \frac{\text{softmax}_j(s_i / \tau) - [i = j]}{N \tau}

Source: A. van den Oord, Y. Li and O. Vinyals, *Representation Learning with Contrastive
Predictive Coding*, 2018, equation 4; with cosines and a temperature, K. He et al.,
*Momentum Contrast for Unsupervised Visual Representation Learning*, CVPR 2020.
"""

import torch
from torch import Tensor


def unit(rows: Tensor) -> Tensor:
    """Divide each row by its length; a row of zeros stays as it is."""
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / torch.where(length > 0, length, 1)


def infonce(
    query: Tensor,
    positive: Tensor,
    temperature: float = 0.1,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy of finding each query's positive among those of the batch.

    Args:
        query: Tensor of shape (N, D) of any lengths; a row of zeros is similar to none.
        positive: Tensor of the same shape; row i belongs to row i of ``query`` and is a
            negative to all others.
        temperature: What cosines are divided by; positive.
        reduction: ``"mean"`` over the queries, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, NaN for an empty batch; or a tensor of shape (N,) with ``"none"``.

    Raises:
        ValueError: The shapes differ or are not (N, D), or an option does not fit.

    >>> query = torch.tensor([[3.0, 0.0], [0.0, 0.5]], requires_grad=True)
    >>> positive = torch.eye(2)
    >>> loss = infonce(query, positive, temperature=1.0)
    >>> print(f"{loss.item():.4f}")  # log(1 + exp(-1))
    0.3133
    >>> loss.backward()
    >>> query.grad  # across the row: softmax 0.2689 / (N = 2) / its length
    tensor([[0.0000, 0.0448],
            [0.2689, 0.0000]])

    >>> x = torch.tensor([[1.0, 2.0], [0.5, -1.0]], dtype=torch.float64)
    >>> y = torch.tensor([[1.0, 0.0], [2.0, -1.0]], dtype=torch.float64)
    >>> inputs = (x.requires_grad_(), y.requires_grad_())
    >>> torch.autograd.gradcheck(infonce, inputs)
    True
    """
    if query.ndim != 2 or query.shape != positive.shape:
        raise ValueError(
            f"query and positive must have the same shape (N, D), got "
            f"{tuple(query.shape)} and {tuple(positive.shape)}"
        )
    if not 0 < temperature < torch.inf:
        raise ValueError(f"temperature must be positive and finite, got {temperature}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    logits = unit(query) @ unit(positive).T / temperature
    own = torch.arange(len(query), device=query.device)
    return torch.nn.functional.cross_entropy(logits, own, reduction=reduction)


# %%
# A near negative is pushed, a far one is left alone
# --------------------------------------------------
# Two pairs on a circle, the rows of each 20 degrees apart; the second pair walks away.
# The gradient fades, and the temperature says how soon.

import matplotlib.pyplot as plt

degrees = torch.arange(0.0, 181.0, dtype=torch.float64)
fig, ax = plt.subplots()
for temperature in (0.1, 0.3, 1.0):
    gradient = []
    for apart in degrees.deg2rad():
        apart.requires_grad_()
        angle = torch.stack([0 * apart, apart])
        query = torch.stack([angle.cos(), angle.sin()], 1)
        angle = angle + 20 * torch.pi / 180
        positive = torch.stack([angle.cos(), angle.sin()], 1)
        loss = infonce(query, positive, temperature)
        gradient += torch.autograd.grad(loss, apart)
    ax.plot(degrees, gradient, label=f"temperature {temperature}")
    print(f"temperature {temperature}: gradient at 90 degrees {gradient[90]:.4f}")
ax.set(xlabel="angle between the pairs in degrees", ylabel="gradient per radian")
ax.set_title("The lower the temperature, the sooner a pair is far enough")
ax.legend()

# %%
# It starts at log N, and cannot see how long a row is
# ----------------------------------------------------
# Rows that know nothing, or that are all alike, give log N for N pairs. Even perfect
# rows do not reach 0: a negative at right angles still costs, so with a high
# temperature the loss stays high, and values of two batch sizes or temperatures are
# not comparable. Watch how often a query finds its own positive. With dot products in
# place of cosines, making all rows longer would lower the loss.

for n in (8, 64):
    alike, perfect = torch.ones(n, 5), torch.eye(n)
    print(f"{n:2} pairs: all alike {infonce(alike, alike):.4f} = log({n}), ", end="")
    print(f"perfect {infonce(perfect, perfect):.4f}, ", end="")
    print(f"with a temperature of 1 {infonce(perfect, perfect, 1.0):.2f}")
first, second = torch.randn(2, 8, 5)
torch.testing.assert_close(infonce(9 * first, second), infonce(first, second))

# %%
# Use it when pairs are all that you have, and batches are large; rather
# :doc:`/examples/embedding/clip` when both sides must find each other,
# :doc:`/examples/embedding/ntxent` when the two views may also be each other's rows,
# :doc:`/examples/embedding/supcon` when there are labels. Two pairs of the same thing
# in a batch are each other's negatives: these two rows cost at least log 2 each,
# however good they are.

twice = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
each = [f"{loss:.4f}" for loss in infonce(twice, twice, reduction="none")]
print(f"the same pair twice, and another: {each}")

# sphinx_gallery_tags = ["embedding", "pairs", "self-supervised"]
