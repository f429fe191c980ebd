r"""
Assignment
==========

For sets: a row has a gradient for the column that it is matched to, and no other.

The loss is the least total cost of a matching, in which no row and no column is used
twice. It is the minimum over all plans :math:`P` of zeros and ones; so where the best
plan is unique, it is the gradient:

.. math::

   \ell(C) = \min_P \sum_{ij} P_{ij} C_{ij}
   \qquad
   \frac{\partial \ell}{\partial C} = P^*

SciPy's ``linear_sum_assignment`` finds the plan on the CPU; no gradient goes through
the search. Where two plans tie, the gradient is the one that was found.

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
    def forward(cost):
        *batch, n, m = cost.shape
        pairs = torch.empty(*batch, min(n, m), dtype=torch.int64)
        size = pairs.shape[:-1].numel()
        matrices = cost.double().numpy(force=True).reshape(size, n, m)
        for one, matrix in zip(pairs.view(size, min(n, m)), matrices, strict=True):
            rows, columns = linear_sum_assignment(matrix)
            one[:] = torch.from_numpy(rows * m + columns)
        return pairs.to(cost.device)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx, grad_output):
        return None

    @staticmethod
    def vmap(info, in_dims, cost):
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
# Six points and six places. Taking the closest place for each point uses some places
# twice. The gradient of the assignment names each of them once.

import matplotlib.pyplot as plt

_ = torch.manual_seed(1)
points, places = torch.randn(6, 2), torch.randn(6, 2)
cost = torch.cdist(points, places).square().requires_grad_()
(plan,) = torch.autograd.grad(assignment(cost), cost)
(greedy,) = torch.autograd.grad(cost.min(1).values.sum(), cost)

fig, ax = plt.subplots()
for row in range(6):
    for matching, style in ((plan, "C1-"), (greedy, "C2--")):
        ends = torch.stack([points[row], places[matching[row].argmax()]])
        label = ("assignment", "closest place")[style == "C2--"] if row == 0 else None
        ax.plot(ends[:, 0], ends[:, 1], style, label=label)
ax.plot(points[:, 0], points[:, 1], "C0o", label="points")
ax.plot(places[:, 0], places[:, 1], "C3s", label="places")
ax.set(xlabel="first coordinate", ylabel="second coordinate")
ax.set_title("Each place gets one point, where the closest ones are shared")
ax.legend()

print(f"places used: {int(plan.any(0).sum())}, by the closest {greedy.any(0).sum()}")

# %%
# A set is fitted whatever its order
# ----------------------------------
# The six points move to the six places. The order in which the places are listed
# changes nothing. The minimum of each row leaves places empty, which have no
# gradient at all.


def fit(loss):
    moving = points.clone().requires_grad_()
    optimizer = torch.optim.SGD([moving], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        loss((moving.unsqueeze(1) - places.flip(0)).square().sum(2)).backward()
        optimizer.step()
    return int((torch.cdist(moving.detach(), places).amin(0) < 0.01).sum())


print(f"places reached by the assignment: {fit(assignment)} of 6")
print(f"places reached by the closest:    {fit(lambda c: c.min(1).values.sum())} of 6")

# %%
# Match first, then compare
# -------------------------
# In detection one cost decides who is matched, often with class probabilities and boxes
# in it, and the losses of the matched pairs are trained. The indices have no gradient
# and need none: SciPy's sum has no graph, the chosen elements of the tensor have.

rows, columns = linear_sum_assignment(cost.detach())
copied = torch.tensor(cost.detach().numpy()[rows, columns].sum())
print(f"{copied.requires_grad = }, {cost[rows, columns].sum().requires_grad = }")
assert torch.isclose(cost[rows, columns].sum(), assignment(cost))

# %%
# Use it when a set of predictions meets a set of targets; rather
# :doc:`/examples/sequence/entropic_ot` when the jumps make a fit restless, since its
# plan changes gradually, :doc:`/examples/sequence/wasserstein_1d` on a line, where
# sorting is enough. The value is continuous, the gradient jumps where the matching
# changes, and with a tie it is that of one matching. Predictions that are left over
# have no gradient from it: give them a class "nothing". A pair that costs inf is
# forbidden.

tie = torch.ones(2, 2, requires_grad=True)
print(f"a tie: {torch.autograd.grad(assignment(tie), tie)[0].tolist()}")
wide = torch.tensor([[3.0, 1.0, 2.0]], requires_grad=True)
print(f"two left over: {torch.autograd.grad(assignment(wide), wide)[0].tolist()}")

# sphinx_gallery_tags = ["sequences", "detection", "sets", "by hand", "needs SciPy"]
