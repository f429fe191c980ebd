r"""
Soft rank
=========

Differentiable ranks: close values share theirs in proportion, so a rank gets a
gradient.

Soft ranks are the point next to :math:`\theta / \varepsilon` in the permutahedron
:math:`\mathcal{P}`, the convex hull of all orders of :math:`1, \dots, n`:

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
    def forward(values: Tensor, regularization: float) -> tuple[Tensor, Tensor, Tensor]:
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
    def setup_context(
        ctx, inputs: tuple[Tensor, float], output: tuple[Tensor, Tensor, Tensor]
    ) -> None:
        ctx.regularization = inputs[1]
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*output[1:])

    @staticmethod
    def backward(ctx, grad_output: Tensor, *_: None) -> tuple[Tensor, None]:
        order, block = ctx.saved_tensors
        grad = grad_output.gather(-1, order) / ctx.regularization
        grad = grad - block_mean(grad, block)
        return torch.empty_like(grad).scatter(-1, order, grad), None

    @staticmethod
    def vmap(info, in_dims: tuple, values: Tensor, regularization: float) -> tuple:
        return SoftRank.apply(values.movedim(in_dims[0], 0), regularization), (0, 0, 0)


def soft_rank(values: Tensor, regularization: float = 1.0) -> Tensor:
    """Differentiable ranks, 1 for the smallest value.

    Args:
        values: Tensor of shape (..., n); each row is ranked.
        regularization: Neighbours closer than this share ranks, and their blocks merge
            further; positive, in the unit of the values.

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

# %%
# Why is the gradient zero, or the rank a straight line?
# ------------------------------------------------------
# The regularization has the unit of the values. If all gaps are larger, the ranks are
# exact and nothing is learned. If all are far smaller, there is one block, and the soft
# ranks are a straight line of the values. Divide the values by their spread first.

for unit in (1.0, 10.0, 0.01):
    x = (torch.tensor([0.0, 0.6, 2.0, 3.5, 3.9]) * unit).requires_grad_()
    ranks = soft_rank(x)
    (gradient,) = torch.autograd.grad(ranks[1], x)
    print(f"times {unit}: {ranks.detach()}, slope of the second {gradient[1]:.1f}")

# %%
# Use it for losses on ranks: the mean squared distance of ranks is Spearman's
# correlation but for a constant, and an outlier is a few ranks off, however large it
# is. Rather :doc:`/examples/ranking/listmle` or :doc:`/examples/ranking/ranknet` when
# the order is all that counts. Pooling runs in Python, row by row: thousands of values,
# not millions.

prediction, target = torch.tensor([[1.0, 3.0, 2.0, 4.0], [1.0, 2.0, 3.0, -1e6]])
error = (soft_rank(prediction, 0.1) - soft_rank(target, 0.1)).square().mean()
ranks = torch.stack([prediction.argsort().argsort(), target.argsort().argsort()])
spearman = torch.corrcoef(ranks.float())[0, 1]
print(f"error {error:.2f}, 1 - error / 2.5 = {1 - error / 2.5:.2f} = {spearman:.2f}")

# sphinx_gallery_tags = ["ranking", "numbers", "metric", "by hand"]
