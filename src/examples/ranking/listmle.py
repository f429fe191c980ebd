r"""
ListMLE
=======

Learning to rank: each place is a softmax over what is left, so the whole order has a
gradient.

The negative logarithm of the probability of the target's order, best first, if each
place goes to one of the items that are left with a probability proportional to
:math:`e^s`:

.. math::

   \ell = \sum_{i=1}^{L} \Big( \log \sum_{j \ge i} e^{s_j} - s_i \Big)
   \qquad
   \frac{\partial \ell}{\partial s_k}
   = \sum_{i \le k} \frac{e^{s_k}}{\sum_{j \ge i} e^{s_j}} - 1

Source: F. Xia, T.-Y. Liu, J. Wang, W. Zhang and H. Li, *Listwise Approach to Learning
to Rank: Theory and Algorithm*, ICML 2008.
"""

import torch
from torch import Tensor


def listmle(scores: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Negative log-likelihood of the target's order, after Plackett and Luce.

    Args:
        scores: Tensor of shape (..., L), lists of L items each.
        target: Tensor of the same shape; the larger, the further in front. Of equal
            items the one that comes first in the list counts as better. An item with
            -inf here or in ``scores`` is padding: it has no part in its list.
        reduction: ``"mean"`` over the lists, ``"sum"`` or ``"none"``. The places of a
            list are always summed.

    Returns:
        A scalar, or a tensor of shape (...) with ``"none"``.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    >>> scores = torch.zeros(1, 3, requires_grad=True)
    >>> loss = listmle(scores, torch.tensor([[2.0, 0.0, 5.0]]))
    >>> print(f"{loss.item():.4f}")  # log 3 + log 2: one of six orders
    1.7918
    >>> loss.backward()
    >>> scores.grad  # 1/3 + 1/2 - 1, 1/3 + 1/2 + 1 - 1 and 1/3 - 1
    tensor([[-0.1667,  0.8333, -0.6667]])

    >>> x = torch.tensor([[2.0, 0.5, -1.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(listmle, (x, torch.tensor([[0.0, 2.0, 1.0]])))
    True
    """
    if scores.ndim < 1 or scores.shape != target.shape:
        raise ValueError(
            f"scores and target must have the same shape (..., L), got "
            f"{tuple(scores.shape)} and {tuple(target.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    order = target.argsort(dim=-1, descending=True, stable=True)
    padding = ((scores == -torch.inf) | (target == -torch.inf)).gather(-1, order)
    best_first = scores.gather(-1, order)
    # Low, but finite also after the shift: -inf less -inf is NaN.
    best_first = best_first.masked_fill(padding, torch.finfo(scores.dtype).min / 2)
    best_first = best_first - best_first.detach().amax(-1, keepdim=True)  # more digits
    left = best_first.flip(-1).logcumsumexp(-1).flip(-1)
    loss = (left - best_first).masked_fill(padding, 0).sum(-1)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The last places are told apart, too
# -----------------------------------
# Ten items with the relevances 9 to 0, all scores 0. ListNet asks who comes first, so
# from the fifth place on its gradients are nearly equal. Those of ListMLE differ from
# each place to the next.

import matplotlib.pyplot as plt

relevance = torch.arange(9.0, -1, -1)
scores = torch.zeros(10, requires_grad=True)
(gradient,) = torch.autograd.grad(listmle(scores, relevance), scores)
listnet_gradient = scores.detach().softmax(0) - relevance.softmax(0)
place = torch.arange(1, 11)

fig, ax = plt.subplots()
ax.plot(place, place.flip(0).log(), ".-", label="ListMLE, place by place")
ax.plot(place, gradient, ".-", label="its gradient")
ax.plot(place, listnet_gradient, ".--", label="gradient of ListNet")
ax.set(xlabel="place in the target's order", ylabel="loss and gradient", ylim=(-1.2, 4))
ax.set_title("ListNet sorts the top, ListMLE the whole list")
ax.legend(loc="upper center")

# %%
# Padding, ties, and lists of different length
# --------------------------------------------
# A padded score of 0 stays in the sum of every place before it, and a mask on the loss
# comes too late: fill padding with minus infinity before ``logcumsumexp``, then more of
# it changes neither loss nor gradient. The places are summed, so a long list costs
# more: divide by the length. Of two equal items the one that stands first in the list
# counts as better, so shuffle ties.

scores, order = torch.tensor([1.5, 0.3]), torch.tensor([1.0, 2.0])
print(f"two items {listmle(scores, order):.4f}", end="")
for fill in (0.0, -torch.inf):
    padded = (torch.nn.functional.pad(x, (0, 2), value=fill) for x in (scores, order))
    print(f", padded with {fill} {listmle(*padded):.4f}", end="")
equal = torch.zeros(100)
print(f"\nequal scores: 10 cost {listmle(equal[:10], equal[:10]):.1f}, ", end="")
print(f"100 cost {listmle(equal, equal):.1f}")
print(f"a tie, in one order {listmle(scores, torch.ones(2)):.4f}, ", end="")
print(f"in the other {listmle(scores.flip(0), torch.ones(2)):.4f}")

# %%
# Use it when the target is an order; rather :doc:`/examples/ranking/listnet` when
# relevances are graded, or cross entropy against the clicks divided by their sum when
# there are only clicks; :doc:`/examples/ranking/bradley_terry` for single pairs.

# sphinx_gallery_tags = ["ranking", "relevance"]
