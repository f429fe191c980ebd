r"""
Proxy anchor
============

A vector for each class gets its gradient from all rows of a batch, the hardest most.

With the cosine :math:`c_{ip}` of row i and the proxy p of a class, the proxies
:math:`P^+` whose class has a row in the batch, and all proxies :math:`P`:

.. math::

   \ell = \frac{1}{|P^+|} \sum_{p \in P^+}
   \log \Bigl( 1 + \sum_{i : y_i = p} e^{-\alpha (c_{ip} - m)} \Bigr)
   + \frac{1}{|P|} \sum_{p \in P}
   \log \Bigl( 1 + \sum_{i : y_i \ne p} e^{\alpha (c_{ip} + m)} \Bigr)

The derivative with respect to a cosine is :math:`\mp \alpha` times its share in
:math:`1 + \sum e^{\dots}`, over the number of proxies.

Source: S. Kim, D. Kim, M. Cho and S. Kwak, *Proxy Anchor Loss for Deep Metric
Learning*, CVPR 2020, equation 4.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize, softplus


def proxy_anchor(
    embedding: Tensor,
    proxies: Tensor,
    target: Tensor,
    margin: float = 0.1,
    alpha: float = 32.0,
) -> Tensor:
    """Proxy anchor loss: rows are compared with a vector for each class.

    Args:
        embedding: Tensor of shape (N, D) of any lengths; they are normalised here.
        proxies: Tensor of shape (C, D) of any lengths: a vector for each class, a
            parameter that the optimizer has to know.
        target: The classes, int64 in [0, C), of shape (N,). A row of any other class
            is a negative of all proxies.
        margin: Own cosines should be above it, others below minus it.
        alpha: What cosines are multiplied by; above 0.

    Returns:
        A scalar, 0 or more; 0 where N is 0.

    Raises:
        ValueError: The shapes do not fit, or an option is out of range.

    >>> rows = torch.tensor([[2.0, 0.0]], requires_grad=True)
    >>> proxies = torch.eye(2)
    >>> loss = proxy_anchor(rows, proxies, torch.tensor([0]), margin=0.0, alpha=1.0)
    >>> print(f"{loss.item():.4f}")  # log(1 + e^-1) + log(1 + e^0) / 2
    0.6598
    >>> loss.backward()
    >>> rows.grad  # across: half of 1/2 for the other proxy, over the length
    tensor([[0.0000, 0.1250]])

    >>> x = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64)
    >>> w = torch.tensor([[1.0, 1.0], [0.0, 2.0]], dtype=torch.float64)
    >>> inputs = x.requires_grad_(), w.requires_grad_(), torch.tensor([1, 0])
    >>> torch.autograd.gradcheck(proxy_anchor, inputs)
    True
    """
    dims = embedding.ndim, proxies.ndim, embedding.shape[1:], target.shape
    if dims != (2, 2, proxies.shape[1:], embedding.shape[:1]):
        raise ValueError(
            f"embedding, proxies and target must have shapes (N, D), (C, D) and (N,), "
            f"got {tuple(embedding.shape)}, {tuple(proxies.shape)} and "
            f"{tuple(target.shape)}"
        )
    if not 0 <= margin < torch.inf:
        raise ValueError(f"margin must be finite and 0 or more, got {margin}")
    if not 0 < alpha < torch.inf:
        raise ValueError(f"alpha must be finite and above 0, got {alpha}")
    cosine = normalize(embedding) @ normalize(proxies).mT
    own = target.unsqueeze(1) == torch.arange(len(proxies), device=target.device)
    # log(1 + sum exp) is softplus(logsumexp); the smallest number stands for log 0.
    least = torch.finfo(cosine.dtype).min
    positive = (-alpha * (cosine - margin)).masked_fill(~own, least).logsumexp(0)
    negative = (alpha * (cosine + margin)).masked_fill(own, least).logsumexp(0)
    present = own.any(0).sum().clamp(min=1)
    return softplus(positive).sum() / present + softplus(negative).mean()


# %%
# Rows of a class share one gradient
# ----------------------------------
# Two rows have the same proxy. One stays at a cosine of 0.3, the other moves. In cross
# entropy of cosines each is judged by itself. Here they share at most alpha, and the
# harder one has most of it, as among pairs of rows in
# :doc:`/examples/embedding/multi_similarity`; but there are N C cosines in place of
# N², and no pairs to be found.

import matplotlib.pyplot as plt

cosine = torch.linspace(-1, 1, 201, requires_grad=True)
fixed = torch.full((201,), 0.3, requires_grad=True)
exponent = -8 * (torch.stack([cosine, fixed], 1) - 0.1)  # alpha 8, margin 0.1
loss = softplus(exponent.logsumexp(1))
moves, stays = torch.autograd.grad(loss.sum(), (cosine, fixed))
alone = softplus(-8 * (cosine - 0.1))  # cross entropy with one other class, at 0.1
(rival,) = torch.autograd.grad(alone.sum(), cosine)

fig, ax = plt.subplots()
ax.plot(cosine.detach(), moves, label="the row that moves")
ax.plot(cosine.detach(), stays, label="the row at 0.3")
ax.plot(cosine.detach(), rival, "--", label="the row that moves, judged alone")
ax.set(xlabel="cosine of the row that moves", ylabel="gradient of a cosine")
ax.set_title("The row that is further from the proxy takes the gradient over")
ax.legend(loc="lower right")
print(f"moved to 0: gradient {moves[100]:.2f} there, {stays[100]:.2f} at 0.3, ", end="")
print(f"and alone {rival[100]:.2f}")

# %%
# Use it when rows of new classes are to be compared by their cosines and batches are
# small or hold few rows of a class; rather :doc:`/examples/embedding/multi_similarity`
# or :doc:`/examples/embedding/supcon` when a sampler gives several of each, and
# :doc:`/examples/embedding/cosface` or :doc:`/examples/embedding/arcface` when there
# are so many classes that each row should answer for itself. The paper gives proxies
# 100 times the learning rate of the network; after training only the rows are needed.
# Values are in units of alpha: at random it is above 2 alpha m.

rows, proxies = torch.randn(40, 128), torch.randn(10, 128)
for alpha in (32.0, 8.0):
    value = proxy_anchor(rows, proxies, torch.arange(40) % 10, alpha=alpha)
    print(f"at random, alpha {alpha:4}: {value:.2f}")

# sphinx_gallery_tags = ["embedding", "classes", "margin", "learned parameters"]
