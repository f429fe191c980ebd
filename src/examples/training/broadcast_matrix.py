r"""
Broadcast matrix
================

Shapes (N, 1) and (N,) compare all with all; the gradient leads to the mean target.

Their difference has shape (N, N), and nobody meant what stands off the diagonal. Who is
compared with whom can be read off any curved loss: prediction :math:`p_i` meets target
:math:`t_j` where the matrix :math:`C` is not zero.

.. math::

   C_{ij} = \frac{\partial^2 L}{\partial p_i \, \partial t_j} \qquad
   L = \frac{1}{N} \sum_{i=1}^{N} \| p_i - t_i \|^2 \Rightarrow C = -\frac{2}{N} I

Source: C. R. Harris et al., *Array Programming with NumPy*, Nature 585 (2020), 357-362.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Squared error, summed over features, averaged over samples, of equal shapes only.

    Args:
        prediction: Tensor of shape ``(N, features)``.
        target: Tensor of the same shape, in the same unit.

    Returns:
        A scalar, in the square of that unit.

    Raises:
        ValueError: The shapes differ, or are not ``(N, features)``.

    >>> prediction = torch.tensor([[1.0], [4.0]], requires_grad=True)
    >>> loss = squared_error(prediction, torch.tensor([[1.0], [2.0]]))
    >>> loss.backward()
    >>> loss.item(), prediction.grad.tolist()  # (0 + 4) / 2
    (2.0, [[0.0], [2.0]])
    >>> squared_error(prediction, torch.tensor([1.0, 2.0]))
    Traceback (most recent call last):
    ValueError: prediction and target must both be (N, features), got (2, 1) and (2,)

    >>> p = torch.tensor([[1.0], [4.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(squared_error, (p, torch.zeros_like(p)))
    True
    """
    if prediction.shape != target.shape or prediction.ndim != 2:
        raise ValueError(
            f"prediction and target must both be (N, features), got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    return (prediction - target).square().sum(1).mean()


def broadcast_matrix(
    loss: Callable[[Tensor, Tensor], Tensor], prediction: Tensor, target: Tensor
) -> Tensor:
    """Who is compared with whom: the mixed second derivatives of a loss.

    Args:
        loss: Maps prediction and target to a scalar; curved, unlike absolute error.
        prediction, target: Tensors of any shapes.

    Returns:
        Tensor of shape ``(elements of prediction, elements of target)``: zero where the
        loss never brings the two together.

    >>> prediction, target = torch.tensor([[1.0], [2.0]]), torch.tensor([[5.0], [7.0]])
    >>> broadcast_matrix(squared_error, prediction, target).abs()
    tensor([[1., 0.],
            [0., 1.]])
    >>> def careless(prediction, target):
    ...     return (prediction - target).square().sum(1).mean()
    >>> broadcast_matrix(careless, prediction, target.squeeze(1)).abs()
    tensor([[1., 1.],
            [1., 1.]])
    """
    mixed = torch.func.jacrev(torch.func.grad(loss), argnums=1)(prediction, target)
    return mixed.reshape(prediction.numel(), target.numel())


# %%
# A perfect prediction costs 10
# -----------------------------
# Without the check of shapes each prediction meets every target, and its gradient is
# 2/4 of the sum of its differences from them all.

import matplotlib.pyplot as plt


def careless(prediction, target):
    return (prediction - target).square().sum(1).mean()


target = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
prediction = target.clone()

fig, axes = plt.subplots(1, 2, layout="constrained")
cases = (squared_error, target), (careless, target.squeeze(1))
for ax, (loss, given) in zip(axes, cases, strict=True):
    gradient, value = torch.func.grad_and_value(loss)(prediction, given)
    print(f"{loss.__name__}: loss {value:g}, gradient {gradient.flatten().tolist()}")
    ax.spy(broadcast_matrix(loss, prediction, given), markersize=18)
    ax.set(xlabel="target", ylabel="prediction")
    ax.set_title(f"(4, 1), {tuple(given.shape)}: loss {value:g}")

# %%
# The model learns the mean and nothing else
# ------------------------------------------
# Each prediction has a gradient from all targets, and it is zero at their mean. The
# loss settles far from zero.

x = torch.linspace(0, 1, 24)[:, None]
y = 1 + 3 * x + 0.3 * torch.sin(40 * x)
for loss, given in ((squared_error, y), (careless, y.squeeze(1))):
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(400):
        optimizer.zero_grad()
        value = loss(model(x), given)
        value.backward()
        optimizer.step()
    print(f"{loss.__name__}: slope {model.weight.item():z.2f}, loss {value:.2f}")

# %%
# MSELoss warns, your own loss does not
# -------------------------------------
# torch's losses look at the shapes; a subtraction accepts any that broadcast, and so
# does gradcheck, since the gradient is right for the wrong value.

import warnings

for loss in (torch.nn.MSELoss(), careless):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loss(prediction, target.squeeze(1))
    print([str(warning.message).partition(". ")[0] for warning in caught])

doubles = prediction.double().requires_grad_(), target.squeeze(1).double()
print("gradcheck:", torch.autograd.gradcheck(careless, doubles))

# %%
# Use the check of ``squared_error`` wherever a loss subtracts, and ``broadcast_matrix``
# to see which pairs a loss compares, by accident or on purpose.
