r"""
Sequence mean
=============

Each sequence gets the same share of the gradient, so a token of a long one gets less.

With the loss :math:`\ell_{it}` of token :math:`t` of sequence :math:`i`, of which
:math:`T_i` count, in :math:`N` sequences that are not empty:

.. math::

   L = \frac{1}{N} \sum_i \frac{1}{T_i} \sum_t m_{it} \, \ell_{it}
   \qquad
   \frac{\partial L}{\partial \ell_{it}} = \frac{m_{it}}{N \, T_i}

Source: the outer sums of Z. Shao et al., *DeepSeekMath: Pushing the Limits of
Mathematical Reasoning in Open Language Models*, arXiv:2402.03300 (2024), equation 3.
"""

import torch
from torch import Tensor


def sequence_mean(loss: Tensor, mask: Tensor) -> Tensor:
    """Mean over sequences of the mean over their tokens.

    Args:
        loss: A loss per token, of shape (N, T).
        mask: Tensor of the same shape: True or 1 where a token counts, False or 0
            where not, or weights of 0 and more.

    Returns:
        A scalar in the dtype of ``loss``. A sequence of which no token counts is left
        out; 0 where all are.

    Raises:
        ValueError: The shapes differ or are not (N, T).

    >>> loss = torch.tensor([[2.0, 4.0], [9.0, torch.nan]], requires_grad=True)
    >>> mask = torch.tensor([[True, True], [True, False]])
    >>> mean = sequence_mean(loss, mask)
    >>> mean.item()  # (3 + 9) / 2
    6.0
    >>> mean.backward()
    >>> loss.grad
    tensor([[0.2500, 0.2500],
            [0.5000, 0.0000]])

    >>> x = torch.tensor([[0.5, -1.0], [2.0, 3.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(sequence_mean, (x.requires_grad_(), mask))
    True
    """
    if loss.shape != mask.shape or loss.ndim != 2:
        raise ValueError(
            f"loss and mask must have the same shape (N, T), got "
            f"{tuple(loss.shape)} and {tuple(mask.shape)}"
        )
    kept = loss.masked_fill(mask == 0, 0)  # times 0 would not do: NaN * 0 is NaN
    # float16 ends at 65,504, which the losses of 10,000 tokens add up to.
    wide = torch.promote_types(loss.dtype, torch.float32)
    length = mask.sum(1, dtype=wide)
    empty = length == 0
    means = (kept * mask).sum(1, dtype=wide) / length.masked_fill(empty, 1)
    return (means.sum() / (~empty).sum().clamp(min=1)).to(loss.dtype)


# %%
# What a token weighs
# -------------------
# Fifty answers, of 1 to 50 tokens. A mean over all tokens gives each token the same
# gradient, so an answer counts by its length. The mean over sequences gives each answer
# a fiftieth of the gradient, and its tokens share that.

import matplotlib.pyplot as plt

lengths = torch.arange(1, 51)
mask = torch.arange(50) < lengths[:, None]
loss = torch.ones(50, 50, requires_grad=True)
(by_sequence,) = torch.autograd.grad(sequence_mean(loss, mask), loss)
(by_token,) = torch.autograd.grad(loss[mask].mean(), loss)

fig, ax = plt.subplots()
ax.plot(lengths, by_sequence[:, 0], "C1-", label="mean over sequences")
ax.plot(lengths, by_token[:, 0], "C2--", label="mean over tokens")
ax.set(xlabel="length of the answer", ylabel="gradient of one of its tokens")
ax.set_yscale("log")
ax.set_title("The longer the answer, the less each of its tokens counts")
ax.legend()

# %%
# A long wrong answer is punished less for each of its tokens
# -----------------------------------------------------------
# That is the length bias for which policy gradients with this mean are criticised: the
# sum over an answer has the same size however long the answer is. A model that is
# wrong lowers its penalty for each token by going on. The mean over tokens has no such
# bias between answers of a batch, and pays for it: one long answer rules the step.

for name, gradient in {"sequences": by_sequence, "tokens": by_token}.items():
    shares = [f"{gradient[length - 1].sum():.4f}" for length in (1, 50)]
    print(f"mean over {name}: 1 token has {shares[0]} of it, 50 have {shares[1]}")

# %%
# An empty sequence does not count
# --------------------------------
# A filter that masks whole answers must not shrink the gradient of the others. Code
# that divides by the batch size, empty rows included, does so; where you have to
# reproduce it, multiply by the share of rows that are not empty.

loss, mask = torch.tensor([[4.0, 2.0], [7.0, 7.0]]), torch.tensor([[1, 1], [0, 0]])
print(f"one answer of two: {sequence_mean(loss, mask)}", end="; ")
print(f"by the batch size: {sequence_mean(loss, mask) * mask.any(1).float().mean()}")

# %%
# Use it when a sequence is the sample, as an answer with one reward or a document with
# one label is; rather :doc:`/examples/reduction/masked_mean` when each token is, as in
# language modelling, or when perplexities are compared.
# Micro-batches need less care than with tokens: with as many sequences in each part,
# none empty, the mean of the parts is the mean of the whole.

loss, mask = torch.rand(4, 6), torch.arange(6) < torch.tensor([[1], [6], [2], [5]])
halves = sequence_mean(loss[:2], mask[:2]) + sequence_mean(loss[2:], mask[2:])
torch.testing.assert_close(halves / 2, sequence_mean(loss, mask))

# sphinx_gallery_tags = ["language", "sequences", "building blocks", "missing labels"]
