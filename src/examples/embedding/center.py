r"""
Center
======

A row's gradient is its distance from the centre of its class: classes become compact.

With the centre :math:`c_y` of the class of a row :math:`x`, and the sum :math:`L` over
rows:

.. math::

   \ell = \frac{1}{2} \lVert x - c_y \rVert^2
   \qquad
   \frac{\partial \ell}{\partial x} = x - c_y
   \qquad
   \frac{\partial L}{\partial c_j} = \sum_{i : y_i = j} (c_j - x_i)

Source: Y. Wen, K. Zhang, Z. Li and Y. Qiao, *A Discriminative Feature Learning Approach
for Deep Face Recognition*, ECCV 2016, equation 2.
"""

import torch
from torch import Tensor


def center(
    embedding: Tensor,
    centers: Tensor,
    target: Tensor,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Center loss: half the squared distance of a row to the centre of its class.

    Args:
        embedding: Tensor of shape (N, D).
        centers: Tensor of shape (C, D): a point for each class, a parameter that the
            optimizer has to know.
        target: The classes, int64 in [0, C), of shape (N,).
        reduction: ``"mean"``, over rows; ``"sum"``, as in the paper; or ``"none"``.
        ignore_index: A target that does not count.

    Returns:
        A scalar, 0 where no row counts; or a tensor of shape (N,) with ``"none"``.

    Raises:
        ValueError: A shape, a dtype or ``reduction`` does not fit.
        RuntimeError: A class is out of range.

    >>> rows = torch.tensor([[3.0, 4.0], [1.0, 0.0]], requires_grad=True)
    >>> centers = torch.zeros(3, 2, requires_grad=True)
    >>> loss = center(rows, centers, torch.tensor([1, 1]), reduction="sum")
    >>> loss.item()  # (25 + 1) / 2
    13.0
    >>> loss.backward()
    >>> rows.grad
    tensor([[3., 4.],
            [1., 0.]])
    >>> centers.grad  # the second centre gets the opposite of both
    tensor([[ 0.,  0.],
            [-4., -4.],
            [ 0.,  0.]])

    >>> x = torch.tensor([[1.0, 2.0], [0.5, -1.0]], dtype=torch.float64)
    >>> c = torch.tensor([[0.0, 1.0], [2.0, 3.0]], dtype=torch.float64)
    >>> inputs = (x.requires_grad_(), c.requires_grad_(), torch.tensor([1, 0]))
    >>> torch.autograd.gradcheck(center, inputs)
    True
    """
    dims = embedding.ndim, centers.ndim, embedding.shape[1:], target.shape
    if dims != (2, 2, centers.shape[1:], embedding.shape[:1]):
        raise ValueError(
            f"embedding, centers and target must have shapes (N, D), (C, D) and (N,), "
            f"got {tuple(embedding.shape)}, {tuple(centers.shape)} and "
            f"{tuple(target.shape)}"
        )
    if target.dtype != torch.int64:
        raise ValueError(f"target must be int64, got {target.dtype}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    counted = target != ignore_index
    index = target.masked_fill(~counted, 0).unsqueeze(1).expand_as(embedding)
    away = (embedding - centers.gather(0, index)).masked_fill(~counted.unsqueeze(1), 0)
    loss = (away**2).sum(1) / 2
    if reduction == "mean":
        return loss.sum() / counted.sum().clamp(min=1)
    return loss if reduction == "none" else loss.sum()


# %%
# Classes become compact
# ----------------------
# Five classes of rows in the plane, with a linear classifier. Cross entropy is content
# when classes can be told apart. With the center loss beside it a class is tight for
# its distance to the others.

import matplotlib.pyplot as plt

target = torch.arange(200) % 5
fig, axes = plt.subplots(1, 2, layout="constrained")
for ax, weight in zip(axes, (0.0, 0.3), strict=True):
    rows = torch.randn(200, 2).requires_grad_()
    centers = torch.randn(5, 2).requires_grad_()
    classify = torch.nn.Linear(2, 5)
    optimizer = torch.optim.Adam([rows, centers, *classify.parameters()], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(classify(rows), target)
        (loss + weight * center(rows, centers, target)).backward()
        optimizer.step()
    for label in range(5):
        ax.plot(*rows[target == label].detach().T, ".", label=f"class {label}")
    ax.set(title=f"weight {weight}", xlabel="first component")
    means = torch.stack([rows[target == label].mean(0) for label in range(5)])
    within = (rows - means[target]).norm(dim=1).mean()
    between = torch.pdist(means).mean()
    print(f"weight {weight}: within {within:.2f}, between {between:.2f}, ", end="")
    print(f"ratio {within / between:.2f}")
axes[0].set_ylabel("second component")
_ = fig.suptitle("The center loss makes classes tight for their distance")

# %%
# Alone it collapses
# ------------------
# Nothing in it keeps classes apart, and the surest way to be near a centre is to shrink
# everything to a point, where the loss is 0. So a small loss says nothing by itself;
# watch the classifier.

print(f"all rows and centres at 0: {center(torch.zeros(200, 2), 0 * centers, target)}")

# %%
# Use it beside cross entropy, with a small weight, when distances between rows are used
# afterwards; rather :doc:`/examples/embedding/arcface` when only angles count,
# :doc:`/examples/embedding/triplet` when classes are not fixed. The centres are
# parameters: create them on the device as ``torch.nn.Parameter(torch.randn(C, D,
# device=device))``, since ``.to(device)`` of a parameter is none, and give them to the
# optimizer. Their gradient grows with the number of rows of the class under ``"sum"``,
# so they may need a learning rate of their own; the paper moves them by a damped mean.

rows = torch.tensor([[2.0], [4.0], [6.0]])
centers = torch.nn.Parameter(torch.zeros(1, 1))
center(rows, centers, torch.tensor([0, 0, 0]), reduction="sum").backward()
print(f"three rows with mean 4, a centre at 0: its gradient is {centers.grad.item()}")
moved = isinstance(centers.double(), torch.nn.Parameter)
print(f"is it a parameter after a move to another dtype? {moved}")

# sphinx_gallery_tags = ["embedding", "classes", "missing labels", "learned parameters"]
