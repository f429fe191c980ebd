r"""
KoLeo
=====

Rows spread out: each is moved away from its nearest neighbour, the nearer the harder.

With rows :math:`x_i` of length 1 and the distance :math:`d_i` of each to the nearest
other:

.. math::

   \ell = -\frac{1}{N} \sum_i \log d_i
   \qquad
   d_i = \min_{j \ne i} \lVert x_i - x_j \rVert
   \qquad
   \frac{\partial \ell}{\partial d_i} = -\frac{1}{N d_i}

Up to constants it is minus the Kozachenko-Leonenko estimate of the entropy of the rows.

Source: A. Sablayrolles, M. Douze, C. Schmid and H. Jégou, *Spreading vectors for
similarity search*, ICLR 2019; DINOv2 (2023) has it as a regulariser.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize


def koleo(embedding: Tensor) -> Tensor:
    """Minus the mean log distance to the nearest other row, on the unit sphere.

    Args:
        embedding: Tensor of shape (N, D) of any lengths; they are normalised here. It
            is computed in float32 at least.

    Returns:
        A scalar in the dtype of ``embedding``, at most 18.4: distances below 1e-8
        count as 1e-8 and have no gradient. 0 where there are fewer than two rows.

    Raises:
        ValueError: The shape is not (N, D).

    >>> rows = torch.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    >>> loss = koleo(rows)
    >>> print(f"{loss.item():.4f}")  # both are sqrt(2) away: -log(2) / 2
    -0.3466
    >>> loss.backward()
    >>> rows.grad  # both terms: 1 / distance^2 = 1/2, across, over the length
    tensor([[0.0000, 0.5000],
            [0.2500, 0.0000]])

    >>> x = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 1.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(koleo, (x.requires_grad_(),))
    True
    """
    if embedding.ndim != 2:
        raise ValueError(
            f"embedding must have shape (N, D), got {tuple(embedding.shape)}"
        )
    if len(embedding) < 2:
        return embedding[:0].sum()  # 0, with a gradient of 0
    wide = torch.promote_types(embedding.dtype, torch.float32)
    unit = normalize(embedding.to(wide))
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    with torch.no_grad():  # which row is the nearest has no gradient
        nearest = (unit @ unit.mT).masked_fill(itself, -torch.inf).argmax(1)
    distance = torch.linalg.vector_norm(unit - unit[nearest], dim=1)
    return -distance.clamp(min=1e-8).log().mean().to(embedding.dtype)


# %%
# Rows spread over the sphere
# ---------------------------
# Thirty points in a bunch on the circle. Nothing tells them where to go but their
# nearest neighbour, and in the end the largest gap is a few times the smallest.

import matplotlib.pyplot as plt

angle = 0.5 * torch.randn(30)
start = torch.stack([angle.cos(), angle.sin()], 1)
rows = start.clone().requires_grad_()
optimizer = torch.optim.SGD([rows], lr=1.0)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=300)
for _ in range(300):
    optimizer.zero_grad()
    koleo(rows).backward()
    optimizer.step()
    schedule.step()

end = normalize(rows.detach())
fig, axes = plt.subplots(1, 2, layout="constrained")
for ax, name, points in zip(axes, ("at first", "at last"), (start, end), strict=True):
    ax.plot(*points.T, "o")
    ax.set(title=name, aspect="equal", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
    ax.set(xlabel="first component")
    turned = torch.atan2(points[:, 1], points[:, 0]).sort().values
    gap = (turned.roll(-1) - turned).remainder(2 * torch.pi).rad2deg()
    print(f"{name}: loss {koleo(points):5.2f}, ", end="")
    print(f"gaps from {gap.min():.1f} to {gap.max():.1f} degrees")
axes[0].set_ylabel("second component")
_ = fig.suptitle("A bunch of rows spreads over the circle")

# %%
# Why is it negative?
# -------------------
# Distances on the sphere end at 2, so the log of one can be above 0 and the loss below:
# two opposite rows reach -log 2. In many dimensions random rows are all about sqrt(2)
# apart, which is -0.35; the more rows there are, the nearer the nearest is. Compare
# within one batch size.

for n, d in ((64, 256), (1024, 256), (1024, 8)):
    print(f"{n:4} random rows of {d:3} numbers: {koleo(torch.randn(n, d)):5.2f}")

# %%
# Equal rows do not part
# ----------------------
# Where two rows are the same, no direction leads apart, so they get no gradient. Just
# beside each other their gradient is 1 / distance, without a bound: clip gradients, or
# keep the weight small, as in DINOv2, where it is 0.1. Two views of one image in the
# same batch are each other's neighbours: call it for each view on its own.

for offset in (0.0, 1e-4, 1e-2):
    rows = torch.tensor([[1.0, 0.0], [1.0, offset]], requires_grad=True)
    loss = koleo(rows)
    (gradient,) = torch.autograd.grad(loss, rows)
    print(f"rows {offset:6} apart: loss {loss:5.2f}, gradient {gradient.norm():.1f}")

# %%
# Use it when rows should fill the sphere, against collapse or for nearest-neighbour
# search, beside a loss that says what is alike; rather
# :doc:`/examples/embedding/vicreg` when it is components that should not repeat each
# other, :doc:`/examples/embedding/ntxent` when all other rows should be pushed, not the
# nearest alone. Under DistributedDataParallel neighbours are sought in each process's
# part.

# sphinx_gallery_tags = ["embedding", "no target", "self-supervised"]
