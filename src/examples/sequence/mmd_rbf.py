r"""
MMD with a Gaussian kernel
==========================

Samples get a gradient towards the other cloud, and away from each other.

With the kernel :math:`k(x, y) = e^{-\lVert x - y \rVert^2 / (2 \sigma^2)}`, half the
squared maximum mean discrepancy is

.. math::

   L = \frac{1}{2 N^2} \sum_{i, j} k(x_i, x_j) - \frac{1}{N M} \sum_{i, j} k(x_i, y_j)
   + \frac{1}{2 M^2} \sum_{i, j} k(y_i, y_j)

.. math::

   \frac{\partial k(x, y)}{\partial x} = -\frac{x - y}{\sigma^2} \, k(x, y)

Source: A. Gretton et al., *A Kernel Two-Sample Test*, JMLR 13 (2012), equation 5: the
biased form, pairs of a sample with itself included, so that it is 0 or more. Halved,
as geomloss does.
"""

import torch
from torch import Tensor


def mmd_rbf(first: Tensor, second: Tensor, sigma: float | Tensor) -> Tensor:
    """Half the squared MMD of two samples under a Gaussian kernel, biased form.

    Args:
        first: Vectors of shape (N, D); one or more.
        second: Vectors of shape (M, D); one or more.
        sigma: Width of the kernel in the unit of the vectors; positive. A tensor of
            shape () or (1,) is learnable; its values are not checked.

    Returns:
        A scalar between 0 and 1, without a unit.

    Raises:
        ValueError: The shapes do not fit, a sample is empty, or ``sigma`` is not
            positive.

    >>> first = torch.tensor([[0.0]], requires_grad=True)
    >>> loss = mmd_rbf(first, torch.tensor([[1.0]]), sigma=1.0)
    >>> print(f"{loss.item():.4f}")  # 1/2 - exp(-1/2) + 1/2
    0.3935
    >>> loss.backward()
    >>> first.grad  # minus exp(-1/2)
    tensor([[-0.6065]])

    >>> x, y = torch.tensor([[[0.5, 1.0], [2.0, 0.3]], [[1.0, 0.0], [4.0, 2.0]]])
    >>> inputs = x.double().requires_grad_(), y.double().requires_grad_(), 1.5
    >>> torch.autograd.gradcheck(mmd_rbf, inputs)
    True
    """
    fits = first.ndim == 2 and second.ndim == 2 and first.shape[1:] == second.shape[1:]
    if not fits or not len(first) or not len(second):
        raise ValueError(
            "first and second must have the shapes (N, D) and (M, D) with one vector "
            f"or more, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    if isinstance(sigma, Tensor):
        if sigma.shape not in ((), (1,)):
            raise ValueError(
                f"sigma must have the shape () or (1,), got {tuple(sigma.shape)}"
            )
        sigma = sigma.reshape(())
    elif not 0 < sigma < torch.inf:
        raise ValueError(f"sigma must be positive and finite, got {sigma}")

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        # Differences, not cdist: its gradient is no derivative at distance 0.
        distance = ((x[:, None] - y) / sigma).square().sum(2)
        return (-distance / 2).exp().mean()

    same = kernel(first, first) + kernel(second, second)
    return same / 2 - kernel(first, second)


# %%
# How wide should the kernel be?
# ------------------------------
# About as wide as the distance that should be closed. Far beyond sigma the kernel is 0
# and the cloud has no gradient; far below it only the means are seen. The median of all
# distances is the usual start, and a sum over several widths sees all of them.

import matplotlib.pyplot as plt

cloud, target = torch.randn(100, 2), torch.randn(120, 2)
shifts = torch.linspace(0, 12, 61, requires_grad=True)
towards = torch.tensor([1.0, 0.0])
fig, ax = plt.subplots()
for sigma in (0.5, 2.0, 8.0):
    losses = [mmd_rbf(cloud + s * towards, target, sigma) for s in shifts]
    (gradient,) = torch.autograd.grad(torch.stack(losses).sum(), shifts)
    ax.plot(shifts.detach(), gradient, label=f"sigma {sigma}")
ax.set(xlabel="shift between the two clouds", ylabel="gradient by the shift")
ax.set_title("Each width of the kernel sees its own distances")
ax.legend()
both = torch.cat([cloud + 12 * towards, target])
print(f"median distance at a shift of 12: {torch.pdist(both).median():.1f}")

# %%
# Of two samples from one distribution it is not 0
# ------------------------------------------------
# The pairs of a sample with itself add about (1 / N + 1 / M) / 2, less the mean of the
# kernel. Without them it would be 0 on average, and negative half of the time. A
# learnable sigma must not be trained by this loss: it falls when the kernel sees
# nothing, or everything alike.

for count in (10, 100, 1000):
    print(f"{count} each: {mmd_rbf(*torch.randn(2, count, 2), 1.0):.5f}")
for sigma in (0.1, 1.0, 1000.0):
    print(f"sigma {sigma}, shifted by 1: {mmd_rbf(cloud, target + 1, sigma):.6f}")

# %%
# Use it when two clouds, also of different numbers, should be distributed alike and a
# scale is known; rather :doc:`/examples/sequence/energy_distance` when no width should
# be chosen, and :doc:`/examples/sequence/sliced_wasserstein` when they are far apart.
# Memory grows with the product of N, M and D.

# sphinx_gallery_tags = ["distribution matching", "no target"]
