r"""
ListNet
=======

Learning to rank by whole lists: the gradient is the difference of two softmaxes.

Scores :math:`s` and relevances :math:`t` both become the probability of an item to
come first, and the loss is the cross entropy of the two:

.. math::

   P_j = \frac{e^{t_j}}{\sum_k e^{t_k}} \qquad
   Q_j = \frac{e^{s_j}}{\sum_k e^{s_k}} \qquad
   \ell = -\sum_j P_j \log Q_j \qquad
   \frac{\partial \ell}{\partial s_j} = Q_j - P_j

Source: Z. Cao, T. Qin, T.-Y. Liu, M.-F. Tsai and H. Li, *Learning to Rank: From
Pairwise Approach to Listwise Approach*, ICML 2007, with top-one probabilities.
"""

import torch
from torch import Tensor


def listnet(scores: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Cross entropy of who comes first by target and who by score.

    Args:
        scores: Tensor of shape (..., L), lists of L items each.
        target: Tensor of the same shape, relevances; only differences within a list
            count. An item with -inf here or in ``scores`` is padding, and a list of
            padding alone costs 0.
        reduction: ``"mean"`` over the lists, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (...) with ``"none"``.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    >>> scores = torch.zeros(1, 2, requires_grad=True)
    >>> three_to_one = torch.tensor([[3.0, 1.0]]).log()
    >>> loss = listnet(scores, three_to_one)
    >>> print(f"{loss.item():.4f}")  # log 2, whatever the target
    0.6931
    >>> loss.backward()
    >>> scores.grad  # 1/2 - 3/4 and 1/2 - 1/4
    tensor([[-0.2500,  0.2500]])

    >>> x = torch.tensor([[2.0, 0.5, -1.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(listnet, (x, torch.tensor([[0.0, 2.0, 1.0]])))
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
    padding = (scores == -torch.inf) | (target == -torch.inf)
    lowest = torch.finfo(scores.dtype).min  # -inf gives NaN where all is padding
    p = target.to(scores.dtype).masked_fill(padding, lowest).softmax(-1)
    log_q = scores.masked_fill(padding, lowest).log_softmax(-1)
    loss = -(p * log_q.masked_fill(padding, 0)).sum(-1)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# It asks for a lead, not for a value
# -----------------------------------
# Relevances 2, 1, 0. The second and third item have the scores 5 and 4; the first one
# moves. Squared error would have it at 2, where it is last. ListNet would have it one
# ahead of the second.

import matplotlib.pyplot as plt

relevance = torch.tensor([2.0, 1.0, 0.0])
first = torch.linspace(0, 10, 201, requires_grad=True)
scores = torch.stack([first, *torch.tensor([[5.0], [4.0]]).expand(2, 201)], dim=1)
loss = listnet(scores, relevance.expand(201, 3), reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), first)

fig, ax = plt.subplots()
ax.plot(first.detach(), loss.detach(), label="ListNet")
ax.plot(first.detach(), gradient, label="its gradient")
ax.plot(first.detach(), first.detach() - 2, "--", label="gradient of squared error")
ax.set(xlabel="score of the best item", ylabel="loss and gradient", ylim=(-2, 8))
ax.set_title("ListNet's gradient is 0 at a lead of 1, not at the score 2")
ax.legend(loc="upper left")

# %%
# Padding that is only masked afterwards stays in the softmax
# -----------------------------------------------------------
# With a score of 0 an empty place has a share of the probability, :math:`e^0` in the
# denominator, and a mask after the loss is too late. Fill the scores with minus
# infinity before it, ``scores.masked_fill(~mask, -torch.inf)``: then more padding
# changes neither the loss nor the gradient, which is 0 there.

pair, wanted = torch.tensor([[1.5, 0.3]]), torch.tensor([[0.0, 1.0]])
print(f"two items: {listnet(pair, wanted):.4f}")
for fill in (0.0, -torch.inf):
    padded = torch.nn.functional.pad(pair, (0, 2), value=fill).requires_grad_()
    loss = listnet(padded, torch.nn.functional.pad(wanted, (0, 2)))
    (gradient,) = torch.autograd.grad(loss, padded)
    print(f"padded with {fill}: {loss:.4f}, gradient {gradient[0].numpy().round(3)}")
least = listnet(wanted, wanted)
print(f"it ends at the entropy of the target, {least:.4f}, and not at 0")

# %%
# Use it when relevances are graded and their differences mean something: a lead of 1 in
# the target asks for a lead of 1 in the scores. With clicks of 0 and 1 that is little:
# scale them up, or use cross entropy against the clicks divided by their sum. Rather
# :doc:`/examples/ranking/listmle` when the order alone counts and no two items tie,
# :doc:`/examples/ranking/ranknet` when pairs do.

clicked = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])
for scale in (1, 5):
    share = (scale * clicked).softmax(0)[0]
    print(f"clicks times {scale}: the clicked item should come first in {share:.0%}")

# sphinx_gallery_tags = ["ranking", "relevance"]
