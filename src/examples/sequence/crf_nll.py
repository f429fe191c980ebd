r"""
Linear-chain CRF
================

A tag gets the gradient of its probability in the whole sequence, neighbours included.

With emissions :math:`e`, transitions :math:`A` from one tag to the next, and the scores
:math:`b` of a first and :math:`f` of a last tag, a path of tags has the score

.. math::

   s(y) = b_{y_1} + \sum_t e_{t, y_t} + \sum_t A_{y_{t-1}, y_t} + f_{y_T}
   \qquad
   \ell = \log \sum_{y'} e^{s(y')} - s(y)

.. math::

   \frac{\partial \ell}{\partial e_{t, c}} = P(y'_t = c) - [y_t = c]

Source: J. Lafferty, A. McCallum and F. Pereira, *Conditional Random Fields*, ICML 2001.
"""

import torch
from torch import Tensor


def crf_nll(
    emissions: Tensor,
    tags: Tensor,
    transitions: Tensor,
    start: Tensor,
    end: Tensor,
    mask: Tensor,
    reduction: str = "sum",
) -> Tensor:
    """Negative log-likelihood of tag sequences in a linear-chain CRF.

    Args:
        emissions: Scores of shape (N, T, C).
        tags: The true tags, int64, of shape (N, T); in [0, C) where they count.
        transitions: Of shape (C, C): row the tag before, column the tag after.
        start: Scores of a first tag, of shape (C,).
        end: Scores of a last tag, of shape (C,).
        mask: Of shape (N, T): True or 1 for tokens that count, which come first in each
            row; padding follows.
        reduction: ``"sum"``, ``"mean"`` over sequences or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``, in nats; 0 for a sequence
        of which nothing counts.

    Raises:
        ValueError: The shapes do not fit, or ``reduction`` is not one of these.

    >>> emissions = torch.zeros(1, 3, 2, requires_grad=True)
    >>> parts = torch.zeros(2, 2), torch.zeros(2), torch.zeros(2)
    >>> tags, mask = torch.tensor([[0, 1, 0]]), torch.tensor([[True, True, False]])
    >>> loss = crf_nll(emissions, tags, *parts, mask)
    >>> print(f"{loss.item():.4f}")  # one of four paths: log 4
    1.3863
    >>> loss.backward()
    >>> emissions.grad[0]
    tensor([[-0.5000,  0.5000],
            [ 0.5000, -0.5000],
            [ 0.0000,  0.0000]])

    >>> e = torch.tensor([[[0.5, -1.0], [0.2, 1.0], [0.3, 0.1]]], dtype=torch.float64)
    >>> a = torch.tensor([[0.5, -0.3], [0.1, 0.7]], dtype=torch.float64)
    >>> b = torch.tensor([0.5, 0.2], dtype=torch.float64)
    >>> inputs = e.requires_grad_(), tags, a.requires_grad_(), b, -b, mask
    >>> torch.autograd.gradcheck(crf_nll, inputs)
    True
    """
    shapes = [tuple(x.shape) for x in (emissions, tags, transitions, start, end, mask)]
    rows, classes = shapes[0][:2], shapes[0][2:]
    wanted = [shapes[0], rows, classes * 2, classes, classes, rows]
    if emissions.ndim != 3 or shapes != wanted:
        raise ValueError(
            "emissions, tags, transitions, start, end and mask must have the shapes "
            "(N, T, C), (N, T), (C, C), (C,), (C,) and (N, T), got "
            f"{', '.join(map(str, shapes[:-1]))} and {shapes[-1]}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    if not emissions.shape[1]:
        loss = emissions.sum((1, 2))
        return loss if reduction == "none" else getattr(loss, reduction)()
    mask = mask != 0
    emissions = emissions.masked_fill(~mask[..., None], 0)  # NaN there does not spread
    tags = tags.masked_fill(~mask, 0)
    at_tag = emissions.gather(2, tags[..., None])[..., 0]
    last = tags.gather(1, (mask.sum(1, keepdim=True) - 1).clamp(min=0))[:, 0]
    moves = transitions[tags[:, :-1], tags[:, 1:]].masked_fill(~mask[:, 1:], 0)
    score = start[tags[:, 0]] + at_tag.sum(1) + moves.sum(1) + end[last]
    # The sum over all paths, one token at a time: log-sum-exp over the tag before.
    alpha = start + emissions[:, 0]
    for t in range(1, emissions.shape[1]):
        after = (alpha[:, :, None] + transitions).logsumexp(1) + emissions[:, t]
        alpha = torch.where(mask[:, t, None], after, alpha)
    loss = ((alpha + end).logsumexp(1) - score).masked_fill(~mask.any(1), 0)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# A token without evidence learns from its neighbours
# ---------------------------------------------------
# The middle token has no evidence of its own: its emissions are all 0. A cross entropy
# of each token would see 1/2. Transitions that favour staying carry the evidence of the
# neighbours there, and the gradient is the probability in the whole sequence.

import matplotlib.pyplot as plt

evidence = torch.tensor([2.0, 1.0, 0.0, 1.0, 2.0])
emissions = torch.stack([evidence, torch.zeros(5)], 1)[None].requires_grad_()
tags, mask = torch.ones(1, 5, dtype=torch.int64), torch.ones(1, 5)
fig, ax = plt.subplots()
for stay in (0.0, 1.0, 3.0):
    parts = stay * torch.eye(2), torch.zeros(2), torch.zeros(2)
    loss = crf_nll(emissions, tags, *parts, mask)
    (gradient,) = torch.autograd.grad(loss, emissions)
    ax.plot(gradient[0, :, 0], label=f"staying scores {stay}")
ax.set(xlabel="token", ylabel="gradient by tag 0's emission", ylim=(0, 1.05))
ax.set_title("Transitions carry the evidence to the token that has none")
ax.legend()

# %%
# Use it when tags depend on their neighbours, as in named entities; rather
# :doc:`/examples/sequence/ctc` when it is not known which token has which tag.
# The sum grows with length and batch: take ``"mean"`` to keep the learning rate. It is
# minus the logarithm of a probability, so 0 or more. Forbid a transition by a large
# negative number such as -1e4, not by -inf: where the true tags use it, the loss is
# infinite.

for forbidden in (-1e4, -torch.inf):
    parts = torch.full((2, 2), forbidden).fill_diagonal_(0), *torch.zeros(2, 2)
    path = torch.tensor([[0, 1, 1, 1, 1]])
    print(f"{forbidden}: {crf_nll(emissions, path, *parts, mask).item():.0f}")

# sphinx_gallery_tags = ["language", "sequences", "classes", "missing labels", "learned parameters"]
