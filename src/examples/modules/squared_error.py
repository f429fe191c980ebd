r"""
Squared error
=============

The gradient of a feature is 2 / N times its residual, however many features there are.

With the residual :math:`r = \text{prediction} - \text{target}`, the squares are summed
over the :math:`D` features of a sample and averaged over the :math:`N` samples of the
batch:

.. math::

   L = \frac{1}{N} \sum_{n=1}^{N} \sum_{d=1}^{D} r_{nd}^2
   \qquad
   \frac{\partial L}{\partial r_{nd}} = \frac{2}{N} r_{nd}

:class:`torch.nn.MSELoss` averages over the features as well and is :math:`D` times
smaller.

Source: A.-M. Legendre, *Nouvelles méthodes pour la détermination des orbites des
comètes* (1805), appendix on least squares.
"""

import torch
from torch import Tensor


def squared_error(
    prediction: Tensor, target: Tensor, reduction: str = "mean"
) -> Tensor:
    """Squared distance of each sample, averaged over the batch.

    Args:
        prediction: Tensor of shape (N, ...): samples first, then any features, or none.
        target: Tensor of the same shape, in the same unit.
        reduction: ``"mean"`` or ``"sum"`` over the samples, or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``; in the unit of the target,
        squared. The mean over an empty batch is NaN, as that of torch's losses.

    Raises:
        ValueError: The shapes differ or have no dimension, or ``reduction`` is not one
            of these.

    >>> prediction = torch.tensor([[1.0, 2.0], [0.0, -3.0]], requires_grad=True)
    >>> target = torch.zeros(2, 2)
    >>> loss = squared_error(prediction, target)
    >>> loss.item()  # (1 + 4 + 0 + 9) / 2
    7.0
    >>> loss.backward()
    >>> prediction.grad
    tensor([[ 1.,  2.],
            [ 0., -3.]])

    >>> x = torch.tensor([[1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(squared_error, (x, torch.zeros_like(x)))
    True
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if prediction.dim() == 0:
        raise ValueError("prediction must have a dimension of samples, got a scalar")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    # The extra dimension lets samples without features, shape (N,), pass as well.
    loss = (prediction - target).square().unsqueeze(-1).flatten(1).sum(1)
    return loss if reduction == "none" else getattr(loss, reduction)()


class SquaredError(torch.nn.Module):
    """The same loss as a Module: it keeps ``reduction`` between construction and call.

    Args:
        reduction: As in :func:`squared_error`.

    >>> criterion = SquaredError(reduction="sum")
    >>> criterion(torch.tensor([[1.0, 2.0], [0.0, -3.0]]), torch.zeros(2, 2))
    tensor(14.)
    """

    def __init__(self, reduction: str = "mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        return squared_error(prediction, target, self.reduction)


# %%
# The gradient of a feature does not depend on the others
# -------------------------------------------------------
# One feature of four is off, three are right. A mean over the features divides the
# gradient of the one by four.

import matplotlib.pyplot as plt
from torch.nn.functional import mse_loss, pad

residual = torch.linspace(-2, 2, 81, requires_grad=True)
prediction = pad(residual[:, None], (0, 3))
zero = torch.zeros_like(prediction)
loss = squared_error(prediction, zero, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), residual, retain_graph=True)
averaged = mse_loss(prediction, zero, reduction="none").mean(1)
(averaged_gradient,) = torch.autograd.grad(averaged.sum(), residual)

fig, ax = plt.subplots()
ax.plot(residual.detach(), loss.detach(), label="squared error")
ax.plot(residual.detach(), gradient, label="its gradient")
ax.plot(residual.detach(), averaged_gradient, "--", label="gradient of MSELoss")
ax.set(xlabel="residual of one feature of four", ylabel="loss and gradient")
ax.set_title("A mean over four features divides each gradient by four")
_ = ax.legend()

# %%
# A penalty keeps its weight when features are added
# --------------------------------------------------
# Every feature follows y = 2 x, and a penalty on the slopes draws each of them to 0:
# the two meet at 1. With the mean over features the penalty wins, since it is not
# divided and their gradient is.


def fitted_slope(loss, features):
    x = torch.tensor([[-1.0], [1.0]])
    slopes = torch.zeros(1, features, requires_grad=True)
    for _ in range(60):
        total = loss(x @ slopes, 2 * x.expand(2, features)) + slopes.square().sum()
        (gradient,) = torch.autograd.grad(total, slopes)
        slopes = (slopes - 0.2 * gradient).detach().requires_grad_()
    return slopes.mean().item()


for features in (1, 10, 100):
    ours, theirs = (fitted_slope(loss, features) for loss in (squared_error, mse_loss))
    print(f"{features:3} features: slope {ours:.2f}, with MSELoss {theirs:.2f}")

# %%
# Use the function: most losses have nothing to remember; rather the Module when an
# option is chosen in one place and used in another, or when the loss has buffers or
# parameters, as :doc:`/guide/module` shows. With one feature it is
# :class:`torch.nn.MSELoss`, with more that many times as large.

ones, zeros = torch.ones(2, 4), torch.zeros(2, 4)
print(squared_error(ones, zeros), SquaredError()(ones, zeros), mse_loss(ones, zeros))
