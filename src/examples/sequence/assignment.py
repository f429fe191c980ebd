r"""
Assignment
==========

For sets: a row has a gradient for the column that it is matched to, and no other.

The loss is the least total cost of a matching, in which no row and no column is used
twice: the minimum over all plans :math:`P` of zeros and ones. Where the best plan is
unique, it is the gradient:

.. math::

   \ell(C) = \min_P \sum_{ij} P_{ij} C_{ij}
   \qquad
   \frac{\partial \ell}{\partial C} = P^*

SciPy's ``linear_sum_assignment`` finds the plan on the CPU; no gradient goes through
the search. The Function is there for :func:`torch.vmap`.

Source: H. W. Kuhn, *The Hungarian Method for the Assignment Problem*, Naval Research
Logistics Quarterly 2 (1955), 83-97; R. Stewart, M. Andriluka and A. Y. Ng, *End-to-End
People Detection in Crowded Scenes*, CVPR 2016, for its use in a loss.
"""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


class BestPlan(torch.autograd.Function):
    """Where the pairs of the best plan stand in the flattened cost."""

    @staticmethod
    def forward(cost: Tensor) -> Tensor:
        *batch, n, m = cost.shape
        pairs = torch.empty(*batch, min(n, m), dtype=torch.int64)
        size = pairs.shape[:-1].numel()
        matrices = cost.double().numpy(force=True).reshape(size, n, m)
        for one, matrix in zip(pairs.view(size, min(n, m)), matrices, strict=True):
            rows, columns = linear_sum_assignment(matrix)
            one[:] = torch.from_numpy(rows * m + columns)
        return pairs.to(cost.device)

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> None:
        return None

    @staticmethod
    def vmap(info, in_dims: tuple[int], cost: Tensor) -> tuple[Tensor, int]:
        return BestPlan.apply(cost.movedim(in_dims[0], 0)), 0


def assignment(cost: Tensor) -> Tensor:
    """Total cost of the best matching of rows to columns.

    Args:
        cost: Tensor of shape (..., N, M); inf forbids a pair. With N and M unequal the
            longer side is left over in part.

    Returns:
        A tensor of shape (...), in the unit of the cost.

    Raises:
        ValueError: There are no two dimensions, or SciPy finds NaN or no matching.

    >>> cost = torch.tensor([[1.0, 2.0], [3.0, 9.0]], requires_grad=True)
    >>> total = assignment(cost)
    >>> total.item()  # 2 + 3 is less than 1 + 9
    5.0
    >>> total.backward()
    >>> cost.grad
    tensor([[0., 1.],
            [1., 0.]])

    >>> x = torch.tensor([[4.0, 1.0, 6.0], [2.0, 0.0, 5.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(assignment, x.requires_grad_())
    True
    """
    if cost.ndim < 2:
        raise ValueError(f"cost must have shape (..., N, M), got {tuple(cost.shape)}")
    return cost.flatten(-2).gather(-1, BestPlan.apply(cost)).sum(-1)


# %%
# The gradient is the matching
# ----------------------------
# Six points (circles) and six places (squares). Taking the closest place for each point
# uses some places twice, and others have no gradient. The gradient of the assignment
# names each of them once, in whatever order they are listed.

import matplotlib.pyplot as plt

_ = torch.manual_seed(1)
points, places = torch.randn(6, 2), torch.randn(6, 2)
cost = torch.cdist(points, places).square().requires_grad_()
(plan,) = torch.autograd.grad(assignment(cost), cost)
(greedy,) = torch.autograd.grad(cost.min(1).values.sum(), cost)

fig, axes = plt.subplots(1, 2, sharex=True, sharey=True, figsize=(8, 4))
matchings = {"assignment": plan, "closest place": greedy}
for ax, (title, matching) in zip(axes, matchings.items(), strict=True):
    ends = torch.stack([points, places[matching.argmax(1)]])
    ax.plot(ends[..., 0], ends[..., 1], "C1-")
    ax.plot(*points.T, "C0o", *places.T, "C3s")
    ax.set(title=title, xlabel="first coordinate")
    print(f"{title}: {int(matching.any(0).sum())} of 6 places used")

# %%
# Match first, then compare, as detection does
# --------------------------------------------
# There one cost decides who is matched, often with class probabilities and boxes in it,
# and the losses of the matched pairs are trained. The indices have no gradient and need
# none: SciPy's sum has no graph, the chosen elements of the tensor have.

rows, columns = linear_sum_assignment(cost.detach())
copied = torch.tensor(cost.detach().numpy()[rows, columns].sum())
print(f"{copied.requires_grad = }, {cost[rows, columns].sum().requires_grad = }")
assert torch.isclose(cost[rows, columns].sum(), assignment(cost))

# %%
# Use it when a set of predictions meets a set of targets; rather
# :doc:`/examples/sequence/entropic_ot` when the jumps make a fit restless, since its
# plan changes gradually, :doc:`/examples/sequence/wasserstein_1d` on a line, where
# sorting is enough. The gradient jumps where the matching changes, and with a tie it is
# that of one matching. Predictions that are left over have no gradient: give them a
# class "nothing".

wide = torch.tensor([[3.0, 1.0, 2.0]], requires_grad=True)
print(f"two left over: {torch.autograd.grad(assignment(wide), wide)[0].tolist()}")
tie = torch.ones(2, 2, requires_grad=True)
print(f"a tie: {torch.autograd.grad(assignment(tie), tie)[0].tolist()}")

# sphinx_gallery_tags = ["detection", "by hand", "needs SciPy"]
