r"""
RankNet
=======

Every pair in the wrong order moves both of its scores, wherever in the list it stands.

Of a list with scores :math:`s` and relevances :math:`t`, all pairs with different
relevances count:

.. math::

   \ell = -\sum_{t_i > t_j} \log \sigma(s_i - s_j)
   \qquad
   \frac{\partial \ell}{\partial s_i} =
   \sum_{j:\, t_j > t_i} \sigma(s_i - s_j) - \sum_{j:\, t_j < t_i} \sigma(s_j - s_i)

It is the sum over pairs, and over lists; other libraries take a mean of either.

Source: C. Burges et al., *Learning to Rank Using Gradient Descent*, ICML 2005,
with certain pairs; the sums of its gradients, C. Burges, *From RankNet to LambdaRank
to LambdaMART* (2010).
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def ranknet(scores: Tensor, target: Tensor) -> Tensor:
    """Logistic loss of all pairs of a list that differ in relevance.

    Args:
        scores: Tensor of shape (..., L), lists of L items each.
        target: Tensor of the same shape, relevances: only their order within a list
            counts. NaN where a list is padded, or an item has no relevance.

    Returns:
        A scalar, the sum over all pairs of all lists; 0 where there is none.

    Raises:
        ValueError: The shapes differ, or there is no dimension.

    >>> scores = torch.zeros(3, requires_grad=True)
    >>> loss = ranknet(scores, torch.tensor([2.0, 0.0, 1.0]))
    >>> loss.detach()  # three pairs, log 2 each
    tensor(2.0794)
    >>> loss.backward()
    >>> scores.grad  # two pairs to win, two to lose, one of either
    tensor([-1.,  1.,  0.])

    >>> x = torch.tensor([[2.0, 0.5, -1.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(ranknet, (x, torch.tensor([[0.0, 2.0, 1.0]])))
    True
    """
    if scores.ndim < 1 or scores.shape != target.shape:
        raise ValueError(
            f"scores and target must have the same shape (..., L), got "
            f"{tuple(scores.shape)} and {tuple(target.shape)}"
        )
    above = target[..., :, None] > target[..., None, :]  # no NaN is above or below
    difference = scores[..., :, None] - scores[..., None, :]
    # log sigmoid is 0 at infinity, and so is its gradient.
    return -logsigmoid(difference.masked_fill(~above, torch.inf)).sum()


# %%
# Where in the list does the gradient go?
# ---------------------------------------
# Twenty results in the order of their scores. Two are relevant, in places 2 and 15. The
# low one gets most of the gradient, from each of the 13 that stand above it without
# reason. To a reader who looks at the top only, place 2 matters as well; RankNet does
# not know that. ListNet, whose softmax dwells on high scores, asks for both.

import matplotlib.pyplot as plt

scores = torch.linspace(2, -2, 20, requires_grad=True)
target = torch.zeros(20)
target[[1, 14]] = 1.0
(pairs,) = torch.autograd.grad(ranknet(scores, target), scores)
listwise = torch.nn.functional.cross_entropy(scores, target / 2)
(softmax,) = torch.autograd.grad(listwise, scores)
scale = pairs.abs().sum() / softmax.abs().sum()

fig, ax = plt.subplots()
place = torch.arange(1, 21)
ax.plot(place, pairs, "C1o-", label="RankNet")
ax.plot(place, scale * softmax, "C2s--", label="ListNet, to the same total")
ax.set(xlabel="place in the list", ylabel="gradient of the score")
ax.set_title("The relevant items are in places 2 and 15")
ax.legend()
for name, gradient in {"RankNet": pairs, "ListNet": scale * softmax}.items():
    print(f"{name}: {gradient[1]:.2f} in place 2, {gradient[14]:.2f} in place 15")

# %%
# A list of 100 weighs more than a hundred lists of 2
# ---------------------------------------------------
# A list of L different relevances has L (L - 1) / 2 pairs. In a batch of queries with
# unequal lists the long ones rule the step. Divide each by its number of pairs when
# every query should count the same. The start is log 2 a pair.

short, long = torch.zeros(100, 2), torch.zeros(1, 100)
for name, lists in {"100 lists of 2": short, "1 list of 100": long}.items():
    relevance = torch.arange(lists.shape[1]).expand_as(lists)
    number = (relevance[..., None] > relevance[..., None, :]).sum()
    loss = ranknet(lists, relevance)
    print(f"{name}: {number:4} pairs, {loss:7.1f}, {loss / number:.3f} a pair")

# %%
# Padding must not meet the real items
# ------------------------------------
# A padded score of 0 with a relevance of 0 is an irrelevant item, and the loss then
# depends on how long the longest list of the batch is. NaN as its relevance leaves it
# out, also where its score is NaN or infinite.

scores, target = torch.tensor([1.5, 0.3]), torch.tensor([1.0, 0.0])
pad = torch.nn.functional.pad
print(f"alone           {ranknet(scores, target):.4f}")
print(f"two pads of 0   {ranknet(pad(scores, (0, 2)), pad(target, (0, 2))):.4f}")
padded = pad(target, (0, 2), value=torch.nan)
print(f"two pads of NaN {ranknet(pad(scores, (0, 2)), padded):.4f}")

# %%
# Use it when a list has grades of relevance and every pair counts, as in the area under
# the ROC curve; rather :doc:`/examples/ranking/listnet` or
# :doc:`/examples/ranking/listmle` when the top matters most,
# :doc:`/examples/ranking/soft_rank` to optimise a rank correlation, and
# :doc:`/examples/ranking/bradley_terry` when you have pairs only.
# It compares all with all: L * L numbers for each list, 4 MB in float32 for 1,000
# items. By how much relevances differ is not used, only which is higher:

scores = torch.tensor([0.2, 0.1, 0.4])
steps, jumps = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.0, 1.0, 100.0])
assert ranknet(scores, steps) == ranknet(scores, jumps)
print(f"{1000 * 1000 * scores.element_size() / 1e6:.0f} MB")
