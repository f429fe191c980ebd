r"""
Energy distance
===============

Two clouds attract each other by the mean distance, with no width or scale to choose.

.. math::

   L = \frac{2}{N M} \sum_{i, j} \lVert x_i - y_j \rVert
   - \frac{1}{N^2} \sum_{i, j} \lVert x_i - x_j \rVert
   - \frac{1}{M^2} \sum_{i, j} \lVert y_i - y_j \rVert
   \qquad
   \frac{\partial \lVert x - y \rVert}{\partial x} = \frac{x - y}{\lVert x - y \rVert}

Source: G. J. Székely and M. L. Rizzo, *Energy statistics: A class of statistics based
on distances*, Journal of Statistical Planning and Inference 143 (2013), equation 2.
SciPy's ``energy_distance`` of numbers is the square root of this.
"""

import torch
from torch import Tensor


def energy_distance(first: Tensor, second: Tensor) -> Tensor:
    """Energy distance of two samples of vectors, biased form, without the root.

    Args:
        first: Vectors of shape (N, D); one or more.
        second: Vectors of shape (M, D), in the same unit; one or more.

    Returns:
        A scalar in the unit of the vectors; 0 or more.

    Raises:
        ValueError: The shapes do not fit, or a sample is empty.

    >>> first = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    >>> loss = energy_distance(first, torch.tensor([[0.0, 0.0]]))
    >>> loss.item()  # 2 * (0 + 5) / 2 - 2 * 5 / 4
    2.5
    >>> loss.backward()
    >>> first.grad  # (0.6, 0.8) times 1 - 1/2; and 1/2 towards the other
    tensor([[0.3000, 0.4000],
            [0.3000, 0.4000]])

    >>> x, y = torch.tensor([[[0.5, 1.0], [2.0, 0.3]], [[1.0, 0.0], [4.0, 2.0]]])
    >>> inputs = x.double().requires_grad_(), y.double().requires_grad_()
    >>> torch.autograd.gradcheck(energy_distance, inputs)
    True
    """
    fits = first.ndim == 2 and second.ndim == 2 and first.shape[1:] == second.shape[1:]
    if not fits or not len(first) or not len(second):
        raise ValueError(
            "first and second must have the shapes (N, D) and (M, D) with one vector "
            f"or more, got {tuple(first.shape)} and {tuple(second.shape)}"
        )

    def distance(x: Tensor, y: Tensor) -> Tensor:
        # The norm has the gradient 0 at 0, where a square root has none.
        return torch.linalg.vector_norm(x[:, None] - y, dim=2).mean()

    same = distance(first, first) + distance(second, second)
    return 2 * distance(first, second) - same


# %%
# A gradient at every distance, and the same one in every unit
# ------------------------------------------------------------
# A kernel of fixed width sees nothing far away. Here the gradient of a far cloud is 2,
# and in other units the value changes by the same factor and the gradient not at all.

import matplotlib.pyplot as plt

cloud, target = torch.randn(100, 2), torch.randn(120, 2)
shifts = torch.linspace(0, 12, 61, requires_grad=True)
towards = torch.tensor([1.0, 0.0])
losses = torch.stack([energy_distance(cloud + s * towards, target) for s in shifts])
(gradient,) = torch.autograd.grad(losses.sum(), shifts)

fig, ax = plt.subplots()
ax.plot(shifts.detach(), losses.detach(), label="energy distance")
ax.plot(shifts.detach(), gradient, label="gradient by the shift")
ax.set(xlabel="shift between the two clouds", ylabel="distance and gradient")
ax.set_title("The energy distance sees the other cloud at every distance")
ax.legend()
for unit in (1.0, 1000.0):
    moved = (unit * (cloud + 1)).requires_grad_()
    loss = energy_distance(moved, unit * target)
    (each,) = torch.autograd.grad(loss, moved)
    print(f"unit {unit}: {loss / unit:.4f} units, gradient {each.norm():.4f}")

# %%
# Square or root, and what 0 means
# --------------------------------
# It is 0 only where the two distributions are the same. Two samples of the same
# distribution have about the mean distance within it, times 1 / N + 1 / M. The root has
# an infinite slope at 0: take the root to report, and this to train.

for count in (10, 100, 1000):
    loss = energy_distance(*torch.randn(2, count, 2))
    print(f"{count} each: {loss:.4f}, root {loss.sqrt():.4f}")

# %%
# Use it when two clouds should be distributed alike and no scale is known; rather
# :doc:`/examples/sequence/mmd_rbf` when one is, or the gradient has to be smooth, and
# :doc:`/examples/probabilistic/energy_score` when there are many samples for each
# single target. Components with larger units rule the distance: scale them first.
# Samples that start equal stay equal, since they have the same gradient.

equal = torch.zeros(2, 2, requires_grad=True)
energy_distance(equal, target).backward()
print(f"gradients of equal samples: {equal.grad}")

# sphinx_gallery_tags = ["distribution matching", "no target"]
