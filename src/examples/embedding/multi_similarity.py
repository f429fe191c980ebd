r"""
Multi-similarity
================

The gradient goes to the hard pairs: each is weighed against the others of its row.

With the cosines :math:`c_{ij}`, the other rows :math:`P(i)` of the class of row i, and
those :math:`N(i)` of other classes:

.. math::

   \ell = \frac{1}{N} \sum_i
   \frac{1}{\alpha} \log \Bigl( 1 + \sum_{p \in P(i)} e^{-\alpha (c_{ip} - b)} \Bigr)
   + \frac{1}{\beta} \log \Bigl( 1 + \sum_{n \in N(i)} e^{\beta (c_{in} - b)} \Bigr)

The derivative with respect to a negative's cosine is its share in
:math:`1 + \sum e^{\beta (c - b)}`, over N. The paper selects pairs first, which is left
to you.

Source: X. Wang, X. Han, W. Huang, D. Dong and M. R. Scott, *Multi-Similarity Loss with
General Pair Weighting for Deep Metric Learning*, CVPR 2019, equation 15.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize, softplus


def multi_similarity(
    embedding: Tensor,
    target: Tensor,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
) -> Tensor:
    """Multi-similarity loss over all pairs, the mean over rows.

    Args:
        embedding: Tensor of shape (N, D) of any lengths; they are normalised here.
        target: The classes, int64 of shape (N,); any numbers, only equality counts.
        alpha: How sharply positives are told apart; above 0.
        beta: How sharply negatives are told apart; above 0.
        base: The cosine that positives should be above and negatives below.

    Returns:
        A scalar, 0 or more; 0 where N is 0.

    Raises:
        ValueError: The shapes do not fit, or an option is out of range.

    >>> rows = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], requires_grad=True)
    >>> loss = multi_similarity(rows, torch.tensor([0, 0, 1]), 1.0, 1.0, base=0.0)
    >>> print(f"{loss.item():.4f}")  # 2 log(1 + 1/e) + 2 log 2 + log 3, all over 3
    1.0371
    >>> loss.backward()
    >>> rows.grad * 3  # across: 1/2 of its own term and 1/3 of the last's, over length
    tensor([[0.0000, 0.8333],
            [0.0000, 0.4167],
            [1.6667, 0.0000]])

    >>> x = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 1.0]], dtype=torch.float64)
    >>> inputs = x.requires_grad_(), torch.tensor([0, 1, 0])
    >>> torch.autograd.gradcheck(multi_similarity, inputs)
    True
    """
    if embedding.ndim != 2 or target.shape != embedding.shape[:1]:
        raise ValueError(
            f"embedding and target must have shapes (N, D) and (N,), got "
            f"{tuple(embedding.shape)} and {tuple(target.shape)}"
        )
    for name, option in {"alpha": alpha, "beta": beta}.items():
        if not 0 < option < torch.inf:
            raise ValueError(f"{name} must be finite and above 0, got {option}")
    if len(target) == 0:
        return embedding.sum()
    unit = normalize(embedding)
    away = unit @ unit.mT - base
    same = target.unsqueeze(1) == target
    pair = same & ~torch.eye(len(target), dtype=torch.bool, device=target.device)
    # log(1 + sum exp) is softplus(logsumexp); the smallest number stands for log 0.
    least = torch.finfo(away.dtype).min
    positive = (-alpha * away).masked_fill(~pair, least).logsumexp(1)
    negative = (beta * away).masked_fill(same, least).logsumexp(1)
    return (softplus(positive) / alpha + softplus(negative) / beta).mean()


# %%
# The gradient of a negative depends on its neighbours
# ----------------------------------------------------
# A row has two negatives. One stays at a cosine of 0.6, the other moves. With a fixed
# margin each negative above it gets the same gradient, whatever the rest does. Here
# they share at most 1 between them, and the harder one takes nearly all.

import matplotlib.pyplot as plt

cosine = torch.linspace(0, 1, 201, requires_grad=True)
fixed = torch.full((201,), 0.6, requires_grad=True)
loss = softplus((50 * (torch.stack([fixed, cosine], 1) - 0.5)).logsumexp(1)) / 50
moves, stays = torch.autograd.grad(loss.sum(), (cosine, fixed))

fig, ax = plt.subplots()
ax.plot(cosine.detach(), loss.detach(), label="negative part of the loss")
ax.plot(cosine.detach(), moves, label="gradient of the negative that moves")
ax.plot(cosine.detach(), stays, "--", label="gradient of the one at 0.6")
ax.set(xlabel="cosine of the negative that moves", ylabel="loss and gradient")
ax.set_title("Once it is the harder one, it takes over")
ax.legend()
print(f"at 0.7: {moves[140]:.3f} for it, {stays[140]:.3f} for the other")

# %%
# Why alpha is 2 and beta is 50, and why it does not go to 0
# ----------------------------------------------------------
# With a beta of 50 a negative matters from close to the base on, and the sum is nearly
# a maximum. Positives are judged softly: with 2 all of them have a gradient, so one at
# a cosine of 1 still costs log(1 + 1/e) / 2, and several cost more.

for beta in (2.0, 50.0):
    c = torch.tensor([0.3, 0.55, 0.7], requires_grad=True)
    part = softplus((beta * (c - 0.5)).logsumexp(0)) / beta
    (slope,) = torch.autograd.grad(part, c)
    print(f"beta {beta:4}: gradients {[round(value, 3) for value in slope.tolist()]}")
for count in (2, 8):
    rows = torch.eye(2).repeat(count, 1)
    loss = multi_similarity(rows, torch.arange(2).repeat(count))
    print(f"perfect, {count} rows a class: {loss:.3f}")

# %%
# Use it when batches hold many pairs and most of them are easy; rather
# :doc:`/examples/embedding/triplet` when you choose the triplets yourself, or
# :doc:`/examples/embedding/supcon` when a softmax over the batch is what you compare. A
# batch needs several rows of each class, as a sampler gives them: a row without another
# of its class is only pushed away.

# sphinx_gallery_tags = ["embedding", "classes", "margin"]
