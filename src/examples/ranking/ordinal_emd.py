r"""
Ordinal EMD
===========

Far grades cost more: the gradient moves probability towards the true grade by steps.

With the softmax probabilities :math:`p` of K grades in order, and the true grade y:

.. math::

   \ell = \sum_{k=0}^{K-1} \bigl( F_k - [y \le k] \bigr)^2
   \qquad
   F_k = \sum_{j \le k} p_j

That is the squared form of the earth mover's distance between grades one step apart:
summed over k and not averaged.

Source: L. Hou, C.-P. Yu and D. Samaras, *Squared Earth Mover's Distance-based Loss for
Training Deep Neural Networks*, arXiv:1611.05916 (2016).
"""

import torch
from torch import Tensor


def ordinal_emd(logits: Tensor, target: Tensor) -> Tensor:
    """Squared distance of cumulative distributions, summed over grades.

    Args:
        logits: Tensor of shape (N, K), not normalised, grades in their order.
        target: The true grades, int64 in [0, K), of shape (N,). Others are not refused.

    Returns:
        A scalar in [0, K - 1], the mean over rows; 0 where N is 0.

    Raises:
        ValueError: The shapes do not fit.

    >>> logits = torch.zeros(1, 4, requires_grad=True)  # p = 1/4 everywhere
    >>> loss = ordinal_emd(logits, torch.tensor([0]))
    >>> loss.item()  # (3/4) ** 2 + (2/4) ** 2 + (1/4) ** 2
    0.875
    >>> loss.backward()
    >>> logits.grad * 8  # the true grade up; the farther another, the more down
    tensor([[-3.5000, -0.5000,  1.5000,  2.5000]])

    >>> x = torch.tensor([[0.5, -1.0, 2.0], [0.0, 1.0, 0.3]], dtype=torch.float64)
    >>> inputs = x.requires_grad_(), torch.tensor([0, 1])
    >>> torch.autograd.gradcheck(ordinal_emd, inputs)
    True
    """
    if logits.ndim != 2 or target.shape != logits.shape[:1]:
        raise ValueError(
            f"logits and target must have shapes (N, K) and (N,), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    grades = torch.arange(logits.shape[1], device=logits.device)
    distance = logits.softmax(1).cumsum(1) - (target.unsqueeze(1) <= grades).to(
        logits.dtype
    )
    return distance.square().sum() / max(len(logits), 1)


# %%
# One wrong grade off, or four
# ----------------------------
# Cross entropy asks only how probable the true grade is. Of five grades the first is
# true; a sure prediction moves from there to the last.

import matplotlib.pyplot as plt

place = torch.linspace(0, 4, 81)
logits = -4 * (place[:, None] - torch.arange(5)) ** 2
ours = [ordinal_emd(row[None], torch.tensor([0])).item() for row in logits]
entropy = torch.nn.functional.cross_entropy
rival = [entropy(row[None], torch.tensor([0])).item() for row in logits.clamp(min=-8)]

fig, ax = plt.subplots()
ax.plot(place, ours, "C0", label="ordinal EMD")
ax.plot(place, rival, "C2--", label="cross entropy, logits of -8 and more")
ax.set(xlabel="where the prediction is; the true grade is 0", ylabel="loss")
ax.set_title("Ordinal EMD counts the grades in between")
ax.legend()
print(f"sure of grade 1: {ours[20]:.2f}, of grade 4: {ours[-1]:.2f}")

# %%
# Sure and wrong, its gradient is gone
# ------------------------------------
# The loss is bounded, and goes through a softmax: a prediction that is sure of a wrong
# grade hardly learns. Cross entropy beside it has a gradient of 1 there.

z = torch.tensor([[0.0, 0.0, 12.0]], requires_grad=True)
for name, loss in {"ordinal EMD": ordinal_emd, "cross entropy": entropy}.items():
    (gradient,) = torch.autograd.grad(loss(z, torch.tensor([0])), z)
    print(f"{name}: largest gradient {gradient.abs().max():.5f}")

# %%
# Use it when a distribution over grades is wanted and near misses are better than far
# ones; rather :doc:`/examples/ranking/cumulative_link` when one score lies behind the
# grades, or :doc:`/examples/ranking/coral` when each threshold is a question.
