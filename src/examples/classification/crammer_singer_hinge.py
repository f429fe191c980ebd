r"""
Crammer-Singer hinge
====================

Only the true class and its strongest rival have a gradient, until the margin is 1.

For the scores :math:`s` of the classes:

.. math::

   \ell = \max \left( 0, \; 1 + \max_{j \ne \text{true}} s_j - s_\text{true} \right)

With a linear model and weight decay, this is the multiclass support vector machine.

Source: K. Crammer, Y. Singer, *On the Algorithmic Implementation of Multiclass
Kernel-based Vector Machines*, Journal of Machine Learning Research 2 (2001), 265-292.
``torch.nn.MultiMarginLoss`` is another: it adds up the rivals, and divides by C.
"""

import torch
from torch import Tensor


def crammer_singer_hinge(
    scores: Tensor, target: Tensor, reduction: str = "mean", ignore_index: int = -100
) -> Tensor:
    """Hinge loss on the margin between the true class and the best other one.

    Args:
        scores: Tensor of shape (N, C) or (N, C, ...).
        target: The true classes, int64 in [0, C), of shape (N,) or (N, ...).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        ignore_index: A target that does not count.

    Returns:
        A scalar, 0 where no target counts; of the shape of ``target`` with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or ``reduction`` is not one of these.

    >>> scores = torch.tensor([[2.0, 1.5, 0.0], [3.0, 0.0, 1.0]], requires_grad=True)
    >>> loss = crammer_singer_hinge(scores, torch.tensor([0, 0]), reduction="none")
    >>> loss.detach()  # 1 + 1.5 - 2, and the second has a margin of 2
    tensor([0.5000, 0.0000])
    >>> loss.sum().backward()
    >>> scores.grad
    tensor([[-1.,  1.,  0.],
            [ 0.,  0.,  0.]])

    >>> x = torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(crammer_singer_hinge, (x, torch.tensor([1])))
    True
    """
    if scores.ndim < 2 or target.shape != scores.shape[:1] + scores.shape[2:]:
        raise ValueError(
            f"scores and target must have the shapes (N, C, ...) and (N, ...), got "
            f"{tuple(scores.shape)} and {tuple(target.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    counted = target != ignore_index
    index = target.masked_fill(~counted, 0).unsqueeze(1)
    right = scores.gather(1, index).squeeze(1)
    rival = scores.scatter(1, index, -torch.inf).amax(1)
    loss = (1 + rival - right).relu().masked_fill(~counted, 0)
    if reduction == "mean":
        return (loss / counted.sum().clamp(min=1)).sum()
    return loss if reduction == "none" else loss.sum()


# %%
# Most samples soon have no gradient at all
# -----------------------------------------
# Three clouds of points and a linear model. Once a sample has its margin it is left
# alone, and the few near the border, the support vectors, settle where it runs. Under
# cross entropy every sample keeps a gradient.

import matplotlib.pyplot as plt

target = torch.arange(300) % 3
corner = torch.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
points = corner[target] + 0.7 * torch.randn(300, 2)

fig, ax = plt.subplots()
for loss in (crammer_singer_hinge, torch.nn.functional.cross_entropy):
    model = torch.nn.Linear(2, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, weight_decay=1e-3)
    active = []
    for _ in range(200):
        optimizer.zero_grad()
        scores = model(points)
        scores.retain_grad()
        loss(scores, target).backward()
        optimizer.step()
        active.append(100 * (scores.grad != 0).any(1).float().mean())
    ax.plot(active, label=loss.__name__)
    wrong = (model(points).argmax(1) != target).float().mean()
    print(f"{loss.__name__}: {active[-1]:.0f} % have a gradient, {wrong:.1%} are wrong")
ax.set(xlabel="step", ylabel="samples with a gradient, in %")
ax.set_title("The hinge leaves samples alone that have their margin")
ax.legend(loc="center right")

# %%
# Without a majority it does not decide
# -------------------------------------
# Equal inputs belong to class 0 in 40 % of the cases and to two others in 30 % each.
# Lifting the score of class 0 saves in four cases and costs in six, so the hinge is
# lowest at three equal scores, where cross entropy learns the shares. Where no class is
# true for more than half of the equal cases, as with noisy labels of many classes, do
# not use it.

labels = torch.tensor([0] * 4 + [1] * 3 + [2] * 3)
for lift in (0.0, 0.3, 1.0):
    scores = torch.tensor([lift, 0.0, 0.0]).expand(10, 3)
    entropy = torch.nn.functional.cross_entropy(scores, labels)
    hinge = crammer_singer_hinge(scores, labels)
    print(f"class 0 lifted by {lift}: hinge {hinge:.2f}, cross entropy {entropy:.3f}")

# %%
# Use it when a linear or kernel model needs few support vectors, or a score must win by
# a margin and no probability is read; rather ``torch.nn.functional.cross_entropy`` for
# nearly everything else, and :doc:`/examples/embedding/arcface` for margins between
# embeddings.

# sphinx_gallery_tags = ["classification", "classes", "missing labels", "margin"]
