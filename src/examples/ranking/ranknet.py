r"""
RankNet
=======

Every pair in the wrong order has a gradient, the same at the top and at the bottom.

With the scores :math:`s` of one list, and all pairs of which i is more relevant than j:

.. math::

   \ell = \sum_{t_i > t_j} \log \bigl( 1 + e^{-(s_i - s_j)} \bigr)
   \qquad
   \frac{\partial \ell}{\partial s_i} = -\sum_{j : t_i > t_j} \sigma(s_j - s_i)
   + \sum_{j : t_j > t_i} \sigma(s_i - s_j)

It is a sum, over the pairs of all lists; some libraries take the mean over pairs.

Source: C. Burges et al., *Learning to Rank using Gradient Descent*, ICML 2005, equation
3 with target probabilities of 1; ties are left out.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus


def ranknet(scores: Tensor, target: Tensor) -> Tensor:
    """Logistic loss of all pairs of a list that differ in relevance, summed.

    Args:
        scores: Tensor of shape (..., L), lists of L items each.
        target: Tensor of the same shape, relevances; only their order within a list
            counts. NaN where an item is padding: it is in no pair.

    Returns:
        A scalar, the sum over pairs and lists; 0 where there is no pair.

    Raises:
        ValueError: The shapes differ or have no dimension.

    >>> scores = torch.tensor([0.0, 0.0, 0.0], requires_grad=True)
    >>> loss = ranknet(scores, torch.tensor([2.0, 1.0, 1.0]))
    >>> print(f"{loss.item():.4f}")  # two pairs, 2 log 2; the tie is none
    1.3863
    >>> loss.backward()
    >>> scores.grad  # 1/2 for each pair
    tensor([-1.0000,  0.5000,  0.5000])

    >>> x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(ranknet, (x, torch.tensor([1, 0, 2])))
    True
    """
    if scores.ndim < 1 or scores.shape != target.shape:
        raise ValueError(
            f"scores and target must have the same shape (..., L), got "
            f"{tuple(scores.shape)} and {tuple(target.shape)}"
        )
    pair = target.unsqueeze(-1) > target.unsqueeze(-2)
    behind = scores.unsqueeze(-2) - scores.unsqueeze(-1)  # s_j - s_i at [i, j]
    # Where there is no pair, the score of padding may be anything, NaN included.
    return softplus(torch.where(pair, behind, 0)).where(pair, 0).sum()


# %%
# Is the top of the list worth more?
# ----------------------------------
# No. Ten items are in the right order, but for one swap of neighbours. What that adds
# to the loss is the same at every place, while NDCG drops at the top. LambdaRank came
# of this: it multiplies the gradient of each pair by the change in NDCG.

import matplotlib.pyplot as plt

relevance, scores = torch.arange(10.0, 0, -1), torch.linspace(2, -2, 10)
gain = (torch.exp2(relevance) - 1) / torch.log2(torch.arange(10) + 2.0)
added, lost = [], []
for place in range(9):
    order = torch.arange(10)
    order[[place, place + 1]] = order[[place + 1, place]]
    added.append(ranknet(scores[order], relevance) - ranknet(scores, relevance))
    swapped = (torch.exp2(relevance[order]) - 1) / torch.log2(torch.arange(10) + 2.0)
    lost.append(1 - swapped.sum() / gain.sum())

fig, ax = plt.subplots()
ax.plot(range(1, 10), added, "o-", label="RankNet: what the swap adds")
ax.plot(range(1, 10), lost, "o--", label="what it takes from NDCG")
ax.set(xlabel="place of the swap", title="RankNet cares for the bottom as for the top")
ax.legend()

# %%
# Long lists, ties and padding
# ----------------------------
# The sum grows with the square of the list's length, so long lists rule a batch: divide
# by the number of pairs, or call it list by list. Scores that are all equal cost log 2
# for each pair. Items of the same relevance are in no pair, so their order is free.
# Padding must have the relevance NaN, which is above and below nothing; with 0 it would
# lose against every item that is relevant.

for length in (5, 10, 100):
    print(f"{length} items: {ranknet(torch.zeros(length), torch.arange(length)):.1f}")
scores, target = torch.tensor([0.5, 1.0, 9.0]), torch.tensor([1.0, 0.0, torch.nan])
assert ranknet(scores, target) == ranknet(scores[:2], target[:2])

# %%
# Use it when the order of pairs is what counts; rather
# :doc:`/examples/ranking/listnet` or :doc:`/examples/ranking/listmle` for whole lists,
# :doc:`/examples/ranking/bradley_terry` when you have the pairs themselves.

# sphinx_gallery_tags = ["ranking", "relevance"]
