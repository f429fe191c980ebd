r"""
Soft rank
=========

Differentiable ranks: close values share theirs in proportion, so a rank gets a
gradient.

Ranks are the corner of the permutahedron :math:`\mathcal{P}`, the hull of all orders
of :math:`1, \dots, n`, that lies farthest along the values :math:`\theta`. Soft ranks
are the point of it next to :math:`\theta / \varepsilon`:

.. math::

   r_\varepsilon(\theta) = \arg\min_{r \in \mathcal{P}}
   \frac{1}{2} \left\| r - \theta / \varepsilon \right\|^2

The sorted values fall into blocks, found by pooling adjacent violators. A block keeps
the mean of its ranks, and its values stand around it as they are.

Source: M. Blondel, O. Teboul, Q. Berthet and J. Djolonga, *Fast Differentiable Sorting
and Ranking*, ICML 2020, propositions 3 and 4; quadratic regularization.
"""

import torch
from torch import Tensor


def block_mean(x: Tensor, block: Tensor) -> Tensor:
    """Replace each number of the last dimension by the mean of its block."""
    total = torch.zeros_like(x).scatter_add(-1, block, x)
    size = torch.zeros_like(x).scatter_add(-1, block, torch.ones_like(x))
    return total.gather(-1, block) / size.gather(-1, block)


def pool_adjacent_violators(row: list[float]) -> list[int]:
    """Number the blocks of the closest non-increasing sequence, in linear time.

    >>> pool_adjacent_violators([5.0, 1.0, 2.0, 0.0])  # 1, 2 become 1.5, 1.5
    [0, 1, 1, 2]
    """
    totals, sizes = [], []
    for total in row:
        size = 1
        while totals and totals[-1] * size < total * sizes[-1]:
            total += totals.pop()
            size += sizes.pop()
        totals.append(total)
        sizes.append(size)
    return [block for block, size in enumerate(sizes) for _ in range(size)]


class SoftRank(torch.autograd.Function):
    """Pooling is plain Python, where vmap cannot follow: hence rules of our own.

    Ranks move as values do against the mean of their block. This map is symmetric, so
    backward applies it as it is, in linear time.
    """

    @staticmethod
    def forward(values, regularization):
        n = values.shape[-1]
        scaled = values / regularization
        ordered, order = scaled.sort(dim=-1, descending=True, stable=True)
        rank = torch.arange(n, 0, -1, device=order.device).expand_as(order).to(ordered)
        rows = (ordered - rank).reshape(values.shape[:-1].numel(), n).tolist()
        blocks = [pool_adjacent_violators(row) for row in rows]
        block = order.new_tensor(blocks).reshape(order.shape)
        soft = block_mean(rank, block) + (ordered - block_mean(ordered, block))
        return torch.empty_like(soft).scatter(-1, order, soft), order, block

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.regularization = inputs[1]
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*output[1:])

    @staticmethod
    def backward(ctx, grad_output, *_):
        order, block = ctx.saved_tensors
        grad = grad_output.gather(-1, order) / ctx.regularization
        grad = grad - block_mean(grad, block)
        return torch.empty_like(grad).scatter(-1, order, grad), None

    @staticmethod
    def vmap(info, in_dims, values, regularization):
        return SoftRank.apply(values.movedim(in_dims[0], 0), regularization), (0, 0, 0)


def soft_rank(values: Tensor, regularization: float = 1.0) -> Tensor:
    """Differentiable ranks, 1 for the smallest value.

    Args:
        values: Tensor of shape (..., n); each row is ranked.
        regularization: Neighbours closer than this share ranks, and the blocks that
            they form merge further; positive, in the unit of the values.

    Returns:
        A tensor of the shape of ``values``; each row adds up to n (n + 1) / 2.

    Raises:
        ValueError: ``values`` has no dimension, or ``regularization`` is not positive.

    >>> soft_rank(torch.tensor([9.0, 1.0, 5.0]))
    tensor([3., 1., 2.])
    >>> values = torch.tensor([9.0, 1.0, 2.0], requires_grad=True)
    >>> ranks = soft_rank(values, regularization=2.0)
    >>> ranks.detach()  # 1.5 shared by 1 and 2, which are half a regularization apart
    tensor([3.0000, 1.2500, 1.7500])
    >>> ranks[2].backward()
    >>> values.grad
    tensor([ 0.0000, -0.2500,  0.2500])

    >>> x = torch.tensor([3.0, 0.5, 0.9, 2.8], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(soft_rank, (x,))
    True
    """
    if values.ndim < 1:
        raise ValueError(f"values must have shape (..., n), got {tuple(values.shape)}")
    if not regularization > 0:
        raise ValueError(f"regularization must be positive, got {regularization}")
    return SoftRank.apply(values, regularization)[0]


# %%
# A ramp where the rank jumps
# ---------------------------
# One value passes three others, at 1, 2 and 3. Its rank jumps from 1 to 4, with a
# gradient of zero everywhere. Its soft rank climbs while it is close to another.

import matplotlib.pyplot as plt

moving = torch.linspace(0, 4, 401, requires_grad=True)
others = torch.tensor([1.0, 2.0, 3.0]).expand(401, 3)
values = torch.cat([moving.unsqueeze(1), others], dim=1)

ranks = soft_rank(values, regularization=0.3)[:, 0]
(gradient,) = torch.autograd.grad(ranks.sum(), moving)

fig, ax = plt.subplots()
ax.plot(moving.detach(), ranks.detach(), label="soft rank, regularization 0.3")
ax.plot(moving.detach(), gradient, label="its gradient")
ax.plot(moving.detach(), 1 + (values[:, :1] > others).sum(1), "--", label="rank")
ax.set(xlabel="the value that moves", ylabel="rank and gradient", ylim=(-0.2, 6))
ax.set_title("Within 0.3 of another value the rank has a slope")
ax.legend(loc="upper left")

print(f"there is a gradient at {(gradient > 0).float().mean():.0%} of the places")

# %%
# Why is the gradient zero, or the rank a straight line?
# ------------------------------------------------------
# The regularization has the unit of the values. If all gaps are larger, the ranks are
# exact and nothing is learned. If all are far smaller, there is one block, and the soft
# ranks are a straight line of the values. Divide the values by their spread first, or
# choose from their gaps.

for unit in (1.0, 10.0, 0.01):
    x = (torch.tensor([0.0, 0.6, 2.0, 3.5, 3.9]) * unit).requires_grad_()
    ranks = soft_rank(x)
    (gradient,) = torch.autograd.grad(ranks[1], x)
    print(f"times {unit}: {ranks.detach()}, slope of the second {gradient[1]:.1f}")

# %%
# Use it for losses on ranks: the squared distance of ranks is Spearman's correlation
# but for a constant, and an outlier is a few ranks off, however large it is. Rather
# :doc:`/examples/ranking/listmle` or :doc:`/examples/ranking/ranknet` when the order is
# all that counts. Pooling runs in Python, row by row: thousands of values, not
# millions.

_ = torch.manual_seed(0)
points = torch.randn(100, 2)
target = points.sum(1)
target[:5] = -50 * target[:5].sign()  # five typing errors


def rank_error(prediction, target):
    ranks = target.argsort().argsort() + 1
    return (soft_rank(prediction, regularization=0.1) - ranks).square().mean()


for loss in (torch.nn.functional.mse_loss, rank_error):
    weight = torch.tensor([1.0, 0.0], requires_grad=True)
    optimizer = torch.optim.Adam([weight], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss(points @ weight, target).backward()
        optimizer.step()
    angle = torch.atan2(weight[1], weight[0]).rad2deg()
    print(f"{loss.__name__}: {angle:.0f} degrees, should be 45")

# sphinx_gallery_tags = ["ranking", "numbers", "metric", "by hand"]
