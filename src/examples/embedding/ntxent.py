r"""
NT-Xent
=======

SimCLR's loss: the gradient draws two views of an image together, apart from the rest.

With the cosines :math:`c_{ij}`, the temperature :math:`\tau`, and for each ordered pair
:math:`(i, p)` of one class the rows :math:`N(i)` of other classes:

.. math::

   \ell = -\frac{1}{|P|} \sum_{(i, p) \in P} \log
   \frac{\exp(c_{ip} / \tau)}
   {\exp(c_{ip} / \tau) + \sum_{n \in N(i)} \exp(c_{in} / \tau)}

Where a class has more than two rows, each positive meets the negatives alone, as in
pytorch-metric-learning; in ``supcon`` positives compete with each other, too.

Source: T. Chen, S. Kornblith, M. Norouzi and G. Hinton, *A Simple Framework for
Contrastive Learning of Visual Representations*, ICML 2020, equation 1.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize, softplus


def ntxent(embedding: Tensor, target: Tensor, temperature: float = 0.5) -> Tensor:
    """Normalised temperature-scaled cross entropy, over all pairs of one class.

    Args:
        embedding: Tensor of shape (N, D) of any lengths; they are normalised here.
        target: The classes, int64 of shape (N,): for two views of each image
            ``torch.arange(N // 2).repeat(2)``.
        temperature: What cosines are divided by; above 0.

    Returns:
        A scalar, the mean over pairs; 0 where no row has another of its class.

    Raises:
        ValueError: The shapes do not fit, or ``temperature`` is not above 0.

    >>> rows = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], requires_grad=True)
    >>> loss = ntxent(rows, torch.tensor([7, 7, 3]), temperature=1.0)
    >>> print(f"{loss.item():.4f}")  # log(1 + exp(-1)): the third row has no other
    0.3133
    >>> loss.backward()
    >>> rows.grad  # across the row: softmax 0.2689 / 2 / length, the last for both
    tensor([[0.0000, 0.1345],
            [0.0000, 0.0672],
            [0.2689, 0.0000]])

    >>> x = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 1.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(ntxent, (x.requires_grad_(), torch.tensor([0, 1, 0])))
    True
    """
    if embedding.ndim != 2 or target.shape != embedding.shape[:1]:
        raise ValueError(
            f"embedding and target must have shapes (N, D) and (N,), got "
            f"{tuple(embedding.shape)} and {tuple(target.shape)}"
        )
    if not 0 < temperature < torch.inf:
        raise ValueError(f"temperature must be finite and above 0, got {temperature}")
    unit = normalize(embedding)
    logits = unit @ unit.mT / temperature
    same = target.unsqueeze(1) == target
    # Without a negative the sum is empty; the smallest number stands for log 0.
    least = torch.finfo(logits.dtype).min
    negative = logits.masked_fill(same, least).logsumexp(1, keepdim=True)
    pair = same & ~torch.eye(len(target), dtype=torch.bool, device=target.device)
    losses = softplus(negative - logits) * pair
    return losses.sum() / pair.sum().clamp(min=1)


# %%
# My loss stays around 5: which value is to be expected?
# ------------------------------------------------------
# Untrained or collapsed features give the log of the number of candidates: log(255) =
# 5.54 for 256 views, since the row itself is masked out, and log N in losses of N pairs
# like CLIP's. The reachable minimum depends on temperature and batch size. For N images
# at right angles, with equal views, it is log(1 + (2N - 2) exp(-1 / temperature)), and
# the best arrangement of all, with cosines of -1 / (N - 1), is hardly lower. So without
# a small temperature even perfect features cost little less than collapsed ones, and
# losses of different batch sizes or temperatures are not comparable.

import matplotlib.pyplot as plt

pairs = torch.arange(128).repeat(2)
collapsed = torch.ones(256, 128)
perfect = torch.eye(128).repeat(2, 1)  # orthogonal images, equal views
temperatures = torch.logspace(-1.5, 0.3, 40).tolist()
fig, ax = plt.subplots()
for name, rows in {"perfect": perfect, "collapsed": collapsed}.items():
    ax.plot(temperatures, [ntxent(rows, pairs, t) for t in temperatures], label=name)
    values = [f"{ntxent(rows, pairs, t):.4f}" for t in (1.0, 0.5, 0.07)]
    print(f"{name} features, temperatures 1, 0.5 and 0.07: {values}")
ax.set(xlabel="temperature", ylabel="loss of 256 views", xscale="log")
ax.set_title("A perfect embedding reaches 0 only at a low temperature")
ax.legend()
simplex = perfect - perfect.mean(1, keepdim=True)
floor = torch.log1p(254 * torch.exp(torch.tensor(-1.0)))
print(f"formula at temperature 1: {floor:.4f}; best: {ntxent(simplex, pairs, 1.0):.4f}")

# %%
# Watch something else than the loss
# ----------------------------------
# Whether it learns is seen from the cosines of positives against those of negatives,
# from retrieval, how often the other view is the nearest row, or from a linear
# probe. Here the views of an image are its signal and more and more noise.

signal = torch.randn(128, 32).repeat(2, 1)
for noise in (4.0, 1.0, 0.1):
    rows = normalize(signal + noise * torch.randn(256, 32))
    cosine = (rows @ rows.T).fill_diagonal_(-1)
    found = (pairs[cosine.argmax(1)] == pairs).float().mean()
    print(f"noise {noise}: loss {ntxent(rows, pairs):.2f}, cosine of a pair ", end="")
    positive = cosine[:128, 128:].diagonal().mean()
    print(f"{positive:.2f}, other view is nearest {found:.0%}")

# %%
# Use it when views of one image are the only labels; rather
# :doc:`/examples/embedding/supcon` when classes have many rows (with two rows for each
# class the two are the same), and :doc:`/examples/embedding/clip` for two kinds of
# rows. Two images that look alike are negatives here all the same.

# sphinx_gallery_tags = ["embedding", "pairs", "self-supervised"]
