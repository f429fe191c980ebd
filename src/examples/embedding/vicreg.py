r"""
VICReg
======

Two views agree while each component keeps a spread of 1 or more: nothing collapses.

With the rows :math:`z` of a view, their centred columns, the unbiased variance and
the covariance :math:`C` of these columns, and :math:`z'` for the other view:

.. math::

   \ell = \lambda \, \text{mean}\left( (z - z')^2 \right)
   + \frac{\mu}{2} \left( v(z) + v(z') \right)
   + \nu \left( c(z) + c(z') \right)

.. math::

   v(z) = \frac{1}{D} \sum_j \max\left(0, 1 - \sqrt{\text{Var}(z_j) + \epsilon}\right)
   \qquad
   c(z) = \frac{1}{D} \sum_{i \ne j} C_{ij}^2

The factors are those of the authors' code: it halves the sum of the variance terms and
averages the squared difference over components, where the paper does neither.

Source: A. Bardes, J. Ponce and Y. LeCun, *VICReg: Variance-Invariance-Covariance
Regularization for Self-Supervised Learning*, ICLR 2022, equations 1 to 6.
"""

import torch
from torch import Tensor


def spread_and_covariance(rows: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Compute v and c of one view."""
    centred = rows - rows.mean(0)
    covariance = centred.T @ centred / (len(rows) - 1)
    variance = covariance.diagonal()
    itself = torch.eye(len(variance), dtype=torch.bool, device=rows.device)
    between = covariance.masked_fill(itself, 0)
    spread = torch.relu(1 - (variance + eps).sqrt()).mean()
    return spread, (between**2).sum() / len(variance)


def vicreg(
    first: Tensor,
    second: Tensor,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
    eps: float = 1e-4,
) -> Tensor:
    """Squared difference of two views, against collapse of each.

    Args:
        first: Tensor of shape (N, D) with N of 2 or more: one view of N things.
        second: Tensor of the same shape: another view of the same things, row by row.
        invariance: Weight of the squared difference.
        variance: Weight of what the spread of each component lacks to 1.
        covariance: Weight of the squared covariances between components.
        eps: What is added to a variance before the root, whose slope is infinite at 0.

    Returns:
        A scalar.

    Raises:
        ValueError: The shapes differ or are not (N, D) with at least 2 rows and 1
            column, or ``eps`` is not positive.

    >>> first = torch.tensor([[0.3, 2.0], [-0.3, -2.0]], requires_grad=True)
    >>> second = torch.zeros(2, 2)
    >>> options = {"invariance": 1.0, "variance": 0.0, "covariance": 0.0}
    >>> print(f"{vicreg(first, second, **options).item():.4f}")  # (0.09 + 4) / 2
    2.0450
    >>> options = {"invariance": 0.0, "variance": 0.0, "covariance": 1.0}
    >>> loss = vicreg(first, second, **options)
    >>> print(f"{loss.item():.4f}")  # the covariance is 1.2: (1.44 + 1.44) / 2
    1.4400
    >>> loss.backward()
    >>> first.grad  # 2 * 1.2 times the other component
    tensor([[ 4.8000,  0.7200],
            [-4.8000, -0.7200]])

    >>> x = torch.tensor([[1.0, 0.2], [0.5, -0.1], [0.0, 0.5]], dtype=torch.float64)
    >>> y = torch.tensor([[0.3, 2.0], [0.1, -1.0], [0.4, 0.5]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(vicreg, (x.requires_grad_(), y.requires_grad_()))
    True
    """
    fits = first.ndim == 2 and len(first) > 1 and first.shape[1] > 0
    if not fits or first.shape != second.shape:
        raise ValueError(
            f"first and second must have the same shape (N, D) with 2 or more rows and "
            f"a column, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    if not 0 < eps < torch.inf:
        raise ValueError(f"eps must be positive and finite, got {eps}")
    v_first, c_first = spread_and_covariance(first, eps)
    v_second, c_second = spread_and_covariance(second, eps)
    return (
        invariance * ((first - second) ** 2).mean()
        + variance * (v_first + v_second) / 2
        + covariance * (c_first + c_second)
    )


# %%
# The gradient against collapse is whole even near it
# ---------------------------------------------------
# A batch of one component is scaled to a spread between 0 and 2, and only the variance
# term is on. A hinge on the variance instead of its root fades near 0.

import matplotlib.pyplot as plt

spread = torch.linspace(0, 2, 401, dtype=torch.float64, requires_grad=True)
column = torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64)  # of variance 1
batches = spread[:, None, None] * column
loss = torch.vmap(vicreg, (0, 0, None, None))(batches, batches, 0.0, 1.0)
(gradient,) = torch.autograd.grad(loss.sum(), spread)
(rival,) = torch.autograd.grad(torch.relu(1 - spread**2).sum(), spread)

fig, ax = plt.subplots()
ax.plot(spread.detach(), loss.detach(), label="variance term")
ax.plot(spread.detach(), gradient, label="its gradient")
ax.plot(spread.detach(), rival, "--", label="gradient of a hinge on the variance")
ax.set(xlabel="spread of the batch", ylabel="loss and gradient")
ax.set_title("Up to a spread of 1 the gradient is -1, near 0 as well")
ax.legend(loc="upper right")
print(f"gradient at a spread of 0.05: {gradient[10]:.3f}, ", end="")
print(f"on the variance {rival[10]:.3f}")

# %%
# Without one of the terms
# ------------------------
# Three of ten numbers are nearly the same in both views of a thing, and a linear map to
# three is learnt. With the squared difference alone it shrinks to nothing; with
# variance but no covariance its components tell the same thing.


def two_views(n):
    noise = torch.randn(2, n, 10)
    noise[..., :3] /= 2
    return noise + torch.nn.functional.pad(torch.randn(n, 3), (0, 7))


for variance, covariance in ((0.0, 0.0), (25.0, 0.0), (25.0, 1.0)):
    matrix = (0.3 * torch.randn(10, 3)).requires_grad_()
    optimizer = torch.optim.Adam([matrix], lr=0.03)
    for _ in range(200):
        optimizer.zero_grad()
        vicreg(*two_views(128) @ matrix, 25.0, variance, covariance).backward()
        optimizer.step()
    rows = (two_views(1000)[0] @ matrix).detach()
    correlation = rows.T.corrcoef().fill_diagonal_(0).abs().max()
    print(f"variance {variance:4}, covariance {covariance}: least spread ", end="")
    print(f"{rows.std(0).min():.2f}, largest correlation {correlation:.2f}")

# %%
# A batch that has collapsed stays as it is
# -----------------------------------------
# A dead component has the variance 0, where the slope of a root is infinite, and
# infinity times 0 is NaN. With eps inside the root its gradient is 0: the term prevents
# a collapse and cannot mend one. Rows that are all alike cost nearly the weight of the
# variance, 25.

equal = torch.full((4, 1), 2.0, requires_grad=True)
(naive,) = torch.autograd.grad(torch.relu(1 - equal.var(0).sqrt()).sum(), equal)
loss = vicreg(equal, equal)
(gradient,) = torch.autograd.grad(loss, equal)
print(f"gradient of equal rows without eps {naive[0].item()}, ", end="")
print(f"with eps {gradient.abs().max():.1f}; the loss is {loss:.2f}")

# %%
# Use it when pairs of views are all you have and batches are too small for the
# negatives of :doc:`/examples/embedding/infonce`; rather
# :doc:`/examples/embedding/barlow_twins` when you do not want to weigh a spread,
# :doc:`/examples/embedding/koleo` as a small regulariser beside another loss. The three
# weights have to be in balance: the paper found 25, 25 and 1.

# sphinx_gallery_tags = ["embedding", "pairs", "self-supervised"]
