r"""
Barlow Twins
============

No negatives: two views correlate component by component, and components not at all.

With the cross-correlation :math:`C_{ij}` over the batch between component i of one view
and component j of the other, both centred:

.. math::

   \ell = \sum_i (1 - C_{ii})^2 + \lambda \sum_{i \ne j} C_{ij}^2
   \qquad
   C_{ij} = \frac{\sum_n z_{ni} \, z'_{nj}}
   {\sqrt{\sum_n z_{ni}^2} \sqrt{\sum_n z_{nj}'^2}}

Two equal components correlate by 1, as in the formula; the paper's listing divides by
the unbiased deviation and by N, which ends at (N - 1) / N.

Source: J. Zbontar, L. Jing, I. Misra, Y. LeCun and S. Deny, *Barlow Twins:
Self-Supervised Learning via Redundancy Reduction*, ICML 2021, equations 1 and 2.
"""

import torch
from torch import Tensor


def barlow_twins(first: Tensor, second: Tensor, lambda_: float = 5e-3) -> Tensor:
    """Squared distance of the cross-correlation of two views to the identity.

    Args:
        first: Tensor of shape (N, D): one view of N things.
        second: Tensor of the same shape: another view of the same things, row by row.
        lambda_: Weight of the correlations between different components; 0 or more.

    Returns:
        A scalar, the sum over pairs of components.

    Raises:
        ValueError: The shapes differ or are not (N, D), or ``lambda_`` is negative.

    >>> first = torch.tensor([[1.0, 1.0], [-1.0, -1.0]], requires_grad=True)
    >>> second = torch.tensor([[2.0, -3.0], [-2.0, 3.0]])
    >>> barlow_twins(first, second, lambda_=0.5).item()  # (1-1)^2 + (1+1)^2 + 0.5 * 2
    5.0
    >>> first = torch.tensor([[1.0], [-1.0], [0.0]], requires_grad=True)
    >>> second = torch.tensor([[1.0], [0.0], [-1.0]])
    >>> loss = barlow_twins(first, second)
    >>> print(f"{loss.item():.4f}")  # the correlation is 1/2
    0.2500
    >>> loss.backward()
    >>> first.grad  # -2 (1 - 1/2) times the slope of the correlation
    tensor([[-0.2500],
            [-0.2500],
            [ 0.5000]])

    >>> x = torch.tensor([[1.0, 0.2], [0.5, -0.1], [0.0, 0.5]], dtype=torch.float64)
    >>> y = torch.tensor([[0.3, 2.0], [0.1, -1.0], [0.4, 0.5]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(barlow_twins, (x.requires_grad_(), y.requires_grad_()))
    True
    """
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(
            f"first and second must have the same shape (N, D), got "
            f"{tuple(first.shape)} and {tuple(second.shape)}"
        )
    if not 0 <= lambda_ < torch.inf:
        raise ValueError(f"lambda_ must be finite and 0 or more, got {lambda_}")
    correlation = _standardised(first).mT @ _standardised(second)
    off = (correlation**2).sum() - (correlation.diagonal() ** 2).sum()
    return ((1 - correlation.diagonal()) ** 2).sum() + lambda_ * off


def _standardised(view: Tensor) -> Tensor:
    """Centre each column and divide it by its length; a constant one becomes 0."""
    centred = view - view.mean(0)
    length = torch.linalg.vector_norm(centred, dim=0)
    return centred / torch.where(length > 0, length, 1)


# %%
# What it makes of the correlations
# ---------------------------------
# Four of twelve numbers are nearly the same in both views of a thing. A linear map of
# them is learnt. The diagonal says that the views agree, the rest being 0 that each
# component tells something else. Without the second term all four may tell the same.

import matplotlib.pyplot as plt


def two_views(n):
    seen = torch.randn(n, 4)
    noise = torch.randn(2, n, 12)
    noise[..., :4] /= 2
    return noise + torch.nn.functional.pad(seen, (0, 8))


fig, axes = plt.subplots(1, 2, layout="constrained")
for ax, lambda_ in zip(axes, (0.0, 0.1), strict=True):
    matrix = (0.3 * torch.randn(12, 4)).requires_grad_()
    optimizer = torch.optim.Adam([matrix], lr=0.03)
    for _ in range(150):
        optimizer.zero_grad()
        barlow_twins(*two_views(128) @ matrix, lambda_).backward()
        optimizer.step()
    first, second = two_views(1000) @ matrix.detach()
    correlation = torch.corrcoef(torch.cat([first, second], 1).T)[:4, 4:]
    ax.imshow(correlation.numpy(), vmin=-1, vmax=1)
    ax.set(
        title=f"lambda {lambda_}", xlabel="component of view 2", xticks=[], yticks=[]
    )
    off = correlation - correlation.diagonal().diag()
    print(f"lambda {lambda_}: diagonal {correlation.diagonal().mean():.2f}, ", end="")
    print(f"largest beside it {off.abs().max():.2f}")
axes[0].set_ylabel("component of view 1")
_ = fig.suptitle("With lambda the cross-correlation nears the identity")

# %%
# Which value is to be expected?
# ------------------------------
# It is a sum over components, so it grows with D: views that have nothing in common
# start near D, and chance correlations add up over the pairs of components. A network
# that gives the same row for everything costs exactly D: collapse is no minimum. Equal
# views do not cost 0 if their components correlate, as more than N - 1 always do.

for n, d in ((64, 32), (64, 256), (1024, 256)):
    view = torch.randn(n, d)
    print(f"N {n}, D {d}: unlike {barlow_twins(view, torch.randn(n, d)):.1f}, ", end="")
    print(f"equal {barlow_twins(view, view):.2f}, ", end="")
    print(f"collapsed {barlow_twins(torch.ones(n, d), view):.0f}")

# %%
# Use it when two views of each thing are all you have, and embeddings may be wide;
# rather :doc:`/examples/embedding/vicreg` when the two views come from different
# networks or the spread itself should be set, :doc:`/examples/embedding/ntxent` when
# negatives are plenty and rows are compared by their cosine. The length and the shift
# of a component do not matter, so a batch of one says nothing, small batches are noisy,
# and under DistributedDataParallel each process has the correlations of its own part,
# unless you sum the matrix over all with a gradient: see :doc:`/guide/gather`.

row = torch.randn(1, 12, requires_grad=True)
loss = barlow_twins(row, row)
(gradient,) = torch.autograd.grad(loss, row)
print(f"a batch of one: {loss.item()}, largest gradient {gradient.abs().max().item()}")

# sphinx_gallery_tags = ["embedding", "pairs", "self-supervised"]
