r"""
Gamma
=====

The gradient is the relative error: 20 % too much counts the same for 10 as for 10,000.

The prediction :math:`p` is the logarithm of the mean :math:`\mu`, of a positive target
:math:`t`:

.. math::

   \ell = \log \mu + \frac{t}{\mu} = p + t \, e^{-p}
   \qquad
   \frac{\partial \ell}{\partial p} = 1 - t \, e^{-p} = \frac{\mu - t}{\mu}

It is the negative log-likelihood of a gamma distribution, over its shape and without
what does not depend on :math:`p`.

Source: P. McCullagh, J. A. Nelder, *Generalized Linear Models*, 2nd edition (1989),
chapter 8, with a log link.
"""

import torch
from torch import Tensor


def gamma_nll(prediction: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Gamma likelihood of positive amounts, with the log of the mean predicted.

    Args:
        prediction: Tensor of any shape, the logarithm of the predicted mean.
        target: Tensor of the same shape, not in logarithms; positive.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``prediction`` with ``"none"``; smallest,
        1 + log t, where the mean is the target, so it may be negative.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    >>> prediction = torch.zeros(3, requires_grad=True)  # a mean of 1
    >>> loss = gamma_nll(prediction, torch.tensor([1.0, 0.5, 4.0]), reduction="none")
    >>> loss.detach()
    tensor([1.0000, 0.5000, 4.0000])
    >>> loss.sum().backward()
    >>> prediction.grad
    tensor([ 0.0000,  0.5000, -3.0000])

    >>> x, y = torch.tensor([[0.5, -1.0], [3.0, 0.2]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(gamma_nll, (x.requires_grad_(), y))
    True
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    loss = prediction + target * torch.exp(-prediction)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Too low costs more than too high
# --------------------------------
# An overestimate has a gradient of at most 1, an underestimate one of t / mu - 1,
# without limit. That is what makes the mean come out right, and it makes the loss
# sensitive to single huge targets: a robust loss it is not.

import matplotlib.pyplot as plt

ratio = torch.logspace(-1, 1, 201)  # predicted mean over target
p = ratio.log().requires_grad_()
loss = gamma_nll(p, torch.ones(201), reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), p)

fig, ax = plt.subplots()
ax.plot(ratio, loss.detach(), label="gamma")
ax.plot(ratio, gradient, label="its gradient")
ax.plot(ratio, ratio.log(), "--", label="gradient of half the squared error of logs")
ax.set(xlabel="predicted mean / target", ylabel="loss and gradient", ylim=(-6, 6))
ax.set_xscale("log")
ax.set_title("The gradient is the relative error, at most 1")
ax.legend(loc="lower right")

# %%
# Why not the squared error of the logarithms, or MAPE?
# -----------------------------------------------------
# Because they predict something else. Squared error on logs finds the mean of the logs,
# and its exponential is the geometric mean: for skewed amounts well below the mean, so
# that the predicted total is too small. The mean absolute percentage error favours
# predictions that are too low: its best constant is at the median or below it. The
# gamma loss also thinks in ratios, but its best constant is the mean.

amounts = torch.tensor([1.0, 2.0, 10.0])
tried = torch.linspace(0.5, 12, 1151)[:, None].expand(1151, 3)
for name, loss in {
    "gamma": gamma_nll(tried.log(), amounts.expand(1151, 3), "none"),
    "squared error of logs": (tried.log() - amounts.log()) ** 2,
    "MAPE": (tried - amounts).abs() / amounts,
}.items():
    best = tried[loss.mean(1).argmin(), 0]
    print(f"the best constant for 1, 2 and 10 by {name}: {best:.2f}")

# %%
# MAPE explodes at a target of 0
# ------------------------------
# It divides by the target. Near 0 its gradient is 1 over the target, or over the floor
# below it, whatever that floor is; and clamping a negative target to 1e-8 makes it
# gigantic. If it must be MAPE, divide by ``target.abs().clamp(min=floor)`` with a floor
# of a meaningful size, or use sMAPE or a weighted absolute error.

guess = torch.tensor(1.0, requires_grad=True)
for floor in (1e-8, 0.5):
    target = torch.tensor(0.0)
    mape = (guess - target).abs() / target.abs().clamp(min=floor)
    (slope,) = torch.autograd.grad(mape, guess)
    print(f"target 0, floor {floor}: gradient {slope:.0e}")

# %%
# Use it when the spread of positive amounts grows with their size, as it does for
# prices, durations and claims; rather :doc:`/examples/regression/tweedie` when some are
# exactly 0, :func:`torch.nn.functional.poisson_nll_loss` for counts, and
# :doc:`/examples/robust/huber` on logarithms when the median is what you want.
#
# Start the bias of the last layer at the log of the mean target: from a prediction far
# too low the first gradient is as large as the target is, from one too high it is at
# most 1. Another unit of the target moves the loss by a constant and the gradient not
# at all:

p, t = torch.tensor([0.1]), torch.tensor([2.0])
for size in torch.tensor([1.0, 1000.0]):
    gradient, loss = torch.func.grad_and_value(gamma_nll)(p + size.log(), t * size)
    print(f"unit over {size:.0f}: loss {loss:.2f}, gradient {gradient.item():.2f}")

# sphinx_gallery_tags = ["regression", "amounts"]
