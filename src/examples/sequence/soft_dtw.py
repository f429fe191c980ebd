r"""
Soft-DTW
========

For time series that are shifted: the gradient follows the alignments that match two
points.

The costs :math:`\delta_{ij} = \|x_i - y_j\|^2` add up along paths through all pairs:

.. math::

   r_{ij} = \delta_{ij} + \min{}_\gamma(r_{i-1,j}, r_{i,j-1}, r_{i-1,j-1})
   \qquad
   \min{}_\gamma(a) = -\gamma \log \sum_k e^{-a_k / \gamma}

Its gradient in :math:`\delta_{ij}` is the probability that a path passes there, found
by walking back. Cells of an antidiagonal do not need each other: one step is all.

Source: M. Cuturi and M. Blondel, *Soft-DTW: a Differentiable Loss Function for
Time-Series*, ICML 2017, algorithms 1 and 2.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad


def skew(x: Tensor) -> Tensor:
    """Antidiagonals (N + M - 1, B, N) of (B, N, M), with inf outside of the matrix."""
    rows = pad(x, (0, x.shape[1]), value=math.inf).flatten(1)[:, : -x.shape[1]]
    return rows.unflatten(1, (x.shape[1], -1)).permute(2, 0, 1)


def down(x: Tensor, fill: float = math.inf) -> Tensor:
    """Each cell of an antidiagonal in the next row."""
    return pad(x, (1, -1), value=fill)


class SoftDTW(torch.autograd.Function):
    """Last r of each cost matrix (B, N, M), and all soft minima by antidiagonals."""

    generate_vmap_rule = True

    @staticmethod
    def forward(cost: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
        left = diagonal = torch.full_like(cost[:, :, 0], math.inf)
        minima = []
        for number, step in enumerate(skew(cost)):
            ways = [left, down(left), down(diagonal, math.inf if number else 0.0)]
            minima.append(-gamma * torch.logsumexp(-torch.stack(ways) / gamma, 0))
            diagonal, left = left, minima[-1] + step
        return left[:, -1], torch.stack(minima)

    @staticmethod
    def setup_context(
        ctx, inputs: tuple[Tensor, float], output: tuple[Tensor, Tensor]
    ) -> None:
        cost, ctx.gamma = inputs
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(cost, output[1])

    @staticmethod
    def backward(
        ctx, grad_output: Tensor | None, second: Tensor | None
    ) -> tuple[Tensor | None, None]:
        if second is not None:  # the minima are an output, too: who differentiates them
            raise NotImplementedError("soft_dtw has no second derivative")
        if grad_output is None:
            return None, None
        cost, minima = ctx.saved_tensors
        left = pad(minima + skew(cost), (0, 0, 0, 0, 1, -1), value=math.inf)
        diagonal = pad(left, (0, 0, 0, 0, 1, -1), value=math.inf)
        ways = torch.stack([left, down(left), down(diagonal)])
        share = ((minima - ways) / ctx.gamma).exp().masked_fill(minima == math.inf, 0)
        passing = [pad(torch.ones_like(cost[:, :1, 0]), (cost.shape[1] - 1, 0))]
        skipped = torch.zeros_like(passing[0])
        for number in range(len(minima) - 1, 0, -1):
            left, below, diagonal = passing[-1] * share[:, number]
            passing.append(left + pad(below, (-1, 1)) + skipped)
            skipped = pad(diagonal, (-1, 1))
        rows = torch.stack(passing[::-1], 2).flatten(1)  # (B, N, N + M - 1): unskew
        gradient = pad(rows, (0, cost.shape[1])).unflatten(1, (cost.shape[1], -1))
        return grad_output[:, None, None] * gradient[:, :, : cost.shape[2]], None


def soft_dtw(
    first: Tensor, second: Tensor, gamma: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Soft dynamic time warping with squared Euclidean costs.

    Args:
        first: Tensor of shape (B, N, D), B series of N points.
        second: Tensor of shape (B, M, D), in the same unit; M need not be N.
        gamma: How soft the minimum is, in the unit squared; positive.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or shape (B,) with ``"none"``; may be negative; differentiable once.

    Raises:
        ValueError: The shapes do not fit, or an option makes no sense.

    >>> first = torch.tensor([[[0.0], [3.0]]], requires_grad=True)
    >>> loss = soft_dtw(first, torch.tensor([[[0.0], [0.0], [3.0]]]), gamma=0.1)
    >>> print(f"{loss.item():.4f}")  # 0 waits for 0, 3 meets 3, in one way
    0.0000
    >>> loss = soft_dtw(first, torch.tensor([[[2.0]]]))  # 4 + 1
    >>> loss.backward()
    >>> first.grad.flatten()  # twice the differences
    tensor([-4.,  2.])

    >>> x = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(1, 3, 2)
    >>> y = x.square().requires_grad_()
    >>> torch.autograd.gradcheck(soft_dtw, (x.requires_grad_(), y[:, :2]))
    True
    """
    fits = first.ndim == second.ndim == 3 and first.shape[::2] == second.shape[::2]
    if not fits or 0 in (first.shape[1], second.shape[1]):
        raise ValueError(
            f"first and second must have the shapes (B, N, D) and (B, M, D), not "
            f"empty, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    if not 0 < gamma < math.inf:
        raise ValueError(f"gamma must be positive and finite, got {gamma}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    cost = (first.unsqueeze(2) - second.unsqueeze(1)).square().sum(3)
    loss = SoftDTW.apply(cost, gamma)[0]
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# A bump that comes late is no error
# ----------------------------------
# The same bump, five steps later. Squared error would lower the first where it is and
# raise it where it is not. Soft-DTW matches bump to bump, and has little to correct.

import matplotlib.pyplot as plt

step = torch.arange(40.0)
bump, late = (torch.exp(-((step - at) ** 2) / 20).reshape(1, 40, 1) for at in (15, 20))
bump.requires_grad_()
(gradient,) = torch.autograd.grad(soft_dtw(bump, late, gamma=0.01), bump)
(squared,) = torch.autograd.grad((bump - late).square().sum(), bump)

fig, ax = plt.subplots()
ax.plot(step, bump.detach().flatten(), label="first series")
ax.plot(step, gradient.flatten(), label="gradient of soft-DTW")
ax.plot(step, squared.flatten(), "--", label="gradient of squared error")
ax.plot(step, late.flatten(), ":", label="second series")
ax.set(xlabel="step", ylabel="value and gradient", ylim=(-1.6, 2.4))
ax.set_title("A bump that is late has hardly any gradient")
ax.legend(ncols=2, loc="upper center")

# %%
# Why is soft-DTW negative?
# -------------------------
# The soft minimum adds up many alignments, so it lies below the cost of the best one,
# and a series is not closest to itself: a perfect prediction has a gradient. A smaller
# gamma helps; taking off half of each series' distance to itself removes both.

twin = bump.detach()
losses = {
    "gamma = 1": soft_dtw(bump, twin),
    "gamma = 0.01": soft_dtw(bump, twin, gamma=0.01),
    "less half": soft_dtw(bump, twin)
    - (soft_dtw(bump, bump) + soft_dtw(twin, twin)) / 2,
}
for name, loss in losses.items():
    (gradient,) = torch.autograd.grad(loss, bump)
    print(f"{name}: {loss + 0:.2f}, largest gradient {gradient.abs().max():.2f}")

# %%
# What the antidiagonals and the backward by hand save
# ----------------------------------------------------
# A double loop under autograd gives the same number by thousands of small operations,
# and keeps their tensors for the way back.


def double_loop(first, second):
    r = {(-1, -1): torch.zeros(len(first))}
    for i in range(first.shape[1]):
        for j in range(second.shape[1]):
            cost = (first[:, i] - second[:, j]).square().sum(1)
            ways = [r[k] for k in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if k in r]
            r[i, j] = cost - torch.logsumexp(-torch.stack(ways), 0)
    return r[i, j].mean()


for f in (double_loop, soft_dtw):
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, kept.append):
        value = f(bump, late)
    print(f"{f.__name__}: {value:.4f}, {len(kept):,} tensors kept")

# %%
# Use it when the timing of a series is free; rather squared error or
# :doc:`/examples/robust/huber` when it counts, :doc:`/examples/sequence/ctc` when
# labels without times are to be found in frames. It costs N times M steps of
# arithmetic, grows with the length, and has no second derivative.

# sphinx_gallery_tags = ["sequences", "numbers", "by hand"]
