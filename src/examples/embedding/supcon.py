r"""
SupCon
======

With labels: a row is drawn to all others of its class, away from other classes.

With the cosine similarities :math:`s_{ij}`, the temperature :math:`\tau`, and
:math:`P(i)`, the other rows of the class of row i, the loss is contrastive with more
than one positive:

.. math::

   \ell = -\frac{1}{|\{i : P(i) \ne \emptyset\}|} \sum_{i : P(i) \ne \emptyset}
   \frac{1}{|P(i)|} \sum_{p \in P(i)}
   \log \frac{\exp(s_{ip} / \tau)}{\sum_{a \ne i} \exp(s_{ia} / \tau)}

The mean over positives stands outside the logarithm, where every positive counts;
inside it, the best one would do. With a class for each pair of views it is SimCLR's.

Source: P. Khosla et al., *Supervised Contrastive Learning*, NeurIPS 2020, equation 2.
"""

import torch
from torch import Tensor


def unit(rows: Tensor) -> Tensor:
    """Divide each row by its length; a row of zeros stays as it is."""
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / torch.where(length > 0, length, 1)


def supcon(
    embedding: Tensor,
    target: Tensor,
    temperature: float = 0.1,
    reduction: str = "mean",
) -> Tensor:
    """Supervised contrastive loss with the mean outside the logarithm.

    Args:
        embedding: Tensor of shape (N, D) of any lengths; zeros are similar to none.
        target: The classes, int64 of shape (N,); any numbers, only equality counts.
        temperature: What cosines are divided by; positive.
        reduction: ``"mean"`` over the rows that have another of their class in the
            batch, ``"sum"`` or ``"none"``. The other rows are negatives alone.

    Returns:
        A scalar, 0 where there is no such row; or a tensor of shape (N,) with
        ``"none"``, 0 for the other rows.

    Raises:
        ValueError: The shapes do not fit, or an option does not.

    >>> rows = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], requires_grad=True)
    >>> loss = supcon(rows, torch.tensor([7, 7, 3]), temperature=1.0)
    >>> print(f"{loss.item():.4f}")  # log(1 + exp(-1)): the third row has no other
    0.3133
    >>> loss.backward()
    >>> rows.grad  # across the row: softmax 0.2689 / 2 / length, the last for both
    tensor([[0.0000, 0.1345],
            [0.0000, 0.0672],
            [0.2689, 0.0000]])
    >>> supcon(rows, torch.tensor([1, 2, 3])).item()
    0.0

    >>> x = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 1.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(supcon, (x.requires_grad_(), torch.tensor([0, 1, 0])))
    True
    """
    if embedding.ndim != 2 or target.shape != embedding.shape[:1]:
        raise ValueError(
            f"embedding and target must have shapes (N, D) and (N,), got "
            f"{tuple(embedding.shape)} and {tuple(target.shape)}"
        )
    if not 0 < temperature < torch.inf:
        raise ValueError(f"temperature must be positive and finite, got {temperature}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    rows = unit(embedding)
    # autocast multiplies in half precision
    logits = (rows @ rows.T).to(rows.dtype) / temperature
    itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    log_p = logits.masked_fill(itself, -torch.inf).log_softmax(1)
    positive = (target.unsqueeze(1) == target) & ~itself
    count = positive.sum(1)
    loss = -torch.where(positive, log_p, 0).sum(1) / count.clamp(min=1)
    if reduction == "mean":
        return loss.sum() / (count > 0).sum().clamp(min=1)
    return loss if reduction == "none" else loss.sum()


# %%
# A class is drawn together, where pairs alone would push it apart
# ----------------------------------------------------------------
# Two pairs of one class and a pair of another on a circle, the rows of each 10 degrees
# apart. The second pair of the class walks away from the first. With a class for each
# pair the same function is SimCLR's loss, and pushes near relatives the hardest.

import matplotlib.pyplot as plt

apart = torch.linspace(0, 180, 181, dtype=torch.float64, requires_grad=True)
zero = torch.zeros_like(apart)
degrees = [zero, zero + 10, apart, apart + 10, zero + 240, zero + 250]
angle = torch.deg2rad(torch.stack(degrees, dim=1))
rows = torch.stack([angle.cos(), angle.sin()], dim=2)
over_angles = torch.vmap(supcon, (0, None, None))
loss = over_angles(rows, torch.tensor([0, 0, 0, 0, 1, 1]), 0.3)
(gradient,) = torch.autograd.grad(loss.sum(), apart, retain_graph=True)
by_pair = over_angles(rows, torch.tensor([0, 0, 1, 1, 2, 2]), 0.3)
(rival,) = torch.autograd.grad(by_pair.sum(), apart)

fig, ax = plt.subplots()
ax.plot(apart.detach(), loss.detach(), label="SupCon, temperature 0.3")
ax.plot(apart.detach(), gradient.rad2deg(), label="its gradient per radian")
ax.plot(apart.detach(), rival.rad2deg(), "--", label="gradient, pairs as classes")
ax.set(xlabel="angle between two pairs of a class in degrees")
ax.set(ylabel="loss and gradient")
ax.set_title("The class is drawn together; as pairs it is driven apart")
ax.legend()
print(f"gradient at 30 degrees, by class {gradient.rad2deg()[30]:.2f}, ", end="")
print(f"by pairs {rival.rad2deg()[30]:.2f}")

# %%
# A row that has no other of its class
# ------------------------------------
# A small batch often has one. Written as the sum stands, it divides 0 by 0, and
# the whole batch is NaN. Here such a row is still pushed away from, and not averaged
# over. Even perfect rows do not reach 0: positives share one softmax, so with k of them
# the least is about log k. Compare within one composition of the batch.

for labels in ([0, 1, 2] * 4, [0, 1, 2] * 2 + [3, 4, 5]):
    target = torch.tensor(labels)
    perfect = torch.eye(6)[target]  # equal in a class, at right angles otherwise
    each = supcon(perfect, target, reduction="none")
    print(f"{(each > 1e-6).sum()} rows of {len(each)} cost something, ", end="")
    print(f"mean {supcon(perfect, target):.3f}")
print(f"log 3 is {torch.tensor(3.0).log():.3f}")

# %%
# Use it when a batch holds several rows of each class and a classifier is only wanted
# afterwards; rather :doc:`/examples/embedding/infonce` without labels,
# :doc:`/examples/embedding/arcface` or :doc:`/examples/embedding/proxy_anchor` when the
# classes are fixed, :doc:`/examples/embedding/ntxent` when positives should not compete
# with each other.

# sphinx_gallery_tags = ["embedding", "classes"]
