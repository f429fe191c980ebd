r"""
Sliced Wasserstein distance
===========================

Clouds of vectors are sorted along many directions, and get a gradient along each.

With :math:`N` vectors each, directions :math:`\theta_k` of length 1, and both
projections sorted along each of the :math:`K` directions:

.. math::

   L = \frac{1}{K N} \sum_k \sum_i
   \big( (\theta_k \cdot x)_{(i)} - (\theta_k \cdot y)_{(i)} \big)^2

.. math::

   \frac{\partial L}{\partial x_j}
   = \frac{2}{K N} \sum_k \big(\theta_k \cdot x_j - \text{partner}_k(j)\big) \, \theta_k

Source: N. Bonneel et al., *Sliced and Radon Wasserstein Barycenters of Measures*,
Journal of Mathematical Imaging and Vision 51 (2015): the square of the distance of
order 2, without the root.
"""

import torch
from torch import Tensor


def sliced_wasserstein(first: Tensor, second: Tensor, projections: Tensor) -> Tensor:
    """Squared sliced Wasserstein distance of order 2 between two clouds.

    Args:
        first: Vectors of shape (N, D).
        second: As many vectors, of the same shape.
        projections: Directions of shape (K, D), of any length but 0; they are
            normalised here. ``torch.randn(K, D)`` gives uniform ones.

    Returns:
        A scalar, in the square of the vectors' unit; 0 where there are no vectors.

    Raises:
        ValueError: The shapes do not fit.

    >>> first = torch.tensor([[0.0, 0.0], [2.0, 0.0]], requires_grad=True)
    >>> second = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    >>> loss = sliced_wasserstein(first, second, torch.eye(2))
    >>> loss.item()  # along x: 0, 2 and 0, 3; along y: 0, 0 and 0, 4: (1 + 16) / 4
    4.25
    >>> loss.backward()
    >>> first.grad[:, 0]  # 2 - 3, by two: 2 / (2 * 2)
    tensor([ 0.0000, -0.5000])

    >>> x, y = torch.tensor([[[0.5, 1.0], [2.0, 0.3]], [[1.0, 0.0], [4.0, 2.0]]])
    >>> inputs = x.double().requires_grad_(), y.double(), torch.eye(2).double() + 0.1
    >>> torch.autograd.gradcheck(sliced_wasserstein, inputs)
    True
    """
    fits = first.ndim == 2 and first.shape == second.shape
    if not fits or projections.ndim != 2 or projections.shape[1] != first.shape[1]:
        raise ValueError(
            "first, second and projections must have the shapes (N, D), (N, D) and "
            f"(K, D), got {tuple(first.shape)}, {tuple(second.shape)} and "
            f"{tuple(projections.shape)}"
        )
    directions = torch.nn.functional.normalize(projections, dim=1)
    along_first = (first @ directions.T).sort(0).values
    along_second = (second @ directions.T).sort(0).values
    loss = (along_first - along_second).square()
    return loss.mean() if loss.numel() else loss.sum()


# %%
# A cloud turns into another
# --------------------------
# No pairing is given and none is computed: sorting along lines is enough, at the cost
# of N log N a line. New directions in each step see the cloud from all sides; one
# direction alone leaves it wrong along all others.

import matplotlib.pyplot as plt

angle, half = torch.pi * torch.rand(300), torch.arange(300) % 2 * 2 - 1.0
moons = torch.stack([2 * angle.cos() + half, half * (2 * angle.sin() - 0.5)], 1)
start = torch.randn(300, 2)
fig, axes = plt.subplots(1, 2, sharex=True, sharey=True, figsize=(8, 4))
for ax, name in zip(axes, ("new directions", "one direction"), strict=True):
    cloud = start.clone().requires_grad_()
    optimizer = torch.optim.SGD([cloud], lr=150.0)
    for _ in range(100):
        lines = torch.randn(20, 2) if name == "new directions" else torch.eye(2)[:1]
        optimizer.zero_grad()
        sliced_wasserstein(cloud, moons, lines).backward()
        optimizer.step()
    left = sliced_wasserstein(cloud, moons, torch.randn(1000, 2))
    print(f"{name}: {left:.4f} is left along 1,000 others")
    ax.plot(*moons.T, "C2.", markersize=2)
    ax.plot(*cloud.detach().T, "C0.", markersize=3)
    ax.set(title=name, xlabel="x", aspect="equal")

# %%
# How many projections?
# ---------------------
# Directions that are drawn once and kept let the cloud hide between them; drawn again,
# the value jumps from step to step while its mean falls. A shift of length 1 is seen as
# 1 / D on average, since a random direction is nearly orthogonal to it: compare values
# of equal D only, or multiply by D.

values = [sliced_wasserstein(start, moons, torch.randn(5, 2)) for _ in range(200)]
values = torch.stack(values)
print(f"5 directions: {values.mean():.3f} +- {values.std():.3f}")
for dimensions in (2, 20, 200):
    cloud, shift = torch.randn(100, dimensions), torch.eye(dimensions)[0]
    lines = torch.randn(5000, dimensions)
    print(f"D = {dimensions}: {sliced_wasserstein(cloud, cloud + shift, lines):.4f}")

# %%
# Use it when two clouds of as many vectors should be distributed alike; rather
# :doc:`/examples/sequence/wasserstein_1d` when they are numbers,
# :doc:`/examples/sequence/mmd_rbf` when their numbers differ, and
# :doc:`/examples/sequence/entropic_ot` when the pairing itself is wanted.

# sphinx_gallery_tags = ["distribution matching", "no target"]
