r"""
Tangent
=======

Near a prediction the loss is a straight line, and its slopes are the gradient.

The gradient with respect to the model's output has one derivative for each output
element. With the loss at the prediction :math:`p` they make the tangent, the only
straight line (for several outputs: plane) that touches the loss in first order:

.. math::

   T(x) = L(p) + \sum_i \frac{\partial L}{\partial p_i} (x_i - p_i)
   \qquad
   L(x) - T(x) = O\left( \| x - p \|^2 \right)

Source: Taylor's theorem; J. Nocedal, S. J. Wright, *Numerical Optimization* (2006),
theorem 2.1.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def tangent(
    loss: Callable[[Tensor], Tensor], prediction: Tensor
) -> Callable[[Tensor], Tensor]:
    """The straight line, or plane, that touches a loss at a prediction.

    Args:
        loss: A function of a prediction alone that returns a scalar.
        prediction: Tensor of any shape: the model's output.

    Returns:
        A function: for a tensor of the shape of ``prediction`` the height of the
        tangent there, a scalar in the unit of the loss. It raises ValueError for a
        tensor of another shape.

    >>> target = torch.tensor([1.0, 1.0])
    >>> def squared(prediction):
    ...     return ((prediction - target) ** 2).sum()
    >>> line = tangent(squared, torch.tensor([3.0, 0.0]))
    >>> line(torch.tensor([3.0, 0.0])).item()  # it touches the loss: 4 + 1
    5.0
    >>> torch.func.grad(line)(torch.tensor([7.0, 7.0]))  # its slopes, the same anywhere
    tensor([ 4., -2.])
    >>> line(torch.tensor([3.5, 0.0])).item()  # 5 + 0.5*4, where the loss is 7.25
    7.0

    >>> p = torch.tensor([3.0, 0.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(squared, p)
    True
    """
    gradient, value = torch.func.grad_and_value(loss)(prediction)

    def line(elsewhere: Tensor) -> Tensor:
        if elsewhere.shape != prediction.shape:
            raise ValueError(
                f"the tangent touches at a prediction of shape "
                f"{tuple(prediction.shape)}, got {tuple(elsewhere.shape)}"
            )
        return value + (gradient * (elsewhere - prediction)).sum()

    return line


# %%
# The gradient is the slope of the tangent
# ----------------------------------------
# A classifier's loss over its one logit, where the true class is 1. The more wrong the
# logit, the steeper the tangent, up to a slope of -1.

import matplotlib.pyplot as plt


def logistic(logit):
    return torch.nn.functional.softplus(-logit)


logit = torch.linspace(-4, 4, 101)
places = torch.tensor([-2.0, 0.0, 2.0])
slope = torch.vmap(torch.func.grad(logistic))

fig, axes = plt.subplots(2, 1, sharex=True, figsize=(6.4, 5.6))
axes[0].plot(logit, logistic(logit), label="loss")
for at in places:
    ends = at + torch.tensor([-2.0, 2.0])
    heights = torch.vmap(tangent(logistic, at))(ends)
    axes[0].plot(ends, heights, "C1--", label=f"tangent at {at:g}")
axes[0].plot(places, logistic(places), "C0o")
axes[1].plot(logit, slope(logit), "C1-")
axes[1].plot(places, slope(places), "C1o")
axes[0].set(ylabel="loss", ylim=(-0.6, 4.2))
axes[1].set(ylabel="gradient", xlabel="logit, the output of the model")
axes[0].set_title("The slope of a tangent above is the height of the gradient below")
axes[0].legend()
print(f"slopes {[round(s, 2) for s in slope(places).tolist()]}")

# %%
# A wrong gradient shows when the step shrinks
# --------------------------------------------
# Ten times nearer, the gap between loss and tangent is a hundred times smaller. A
# backward pass that forgets to divide by the 8 of the mean gives another line, which
# cuts through the loss: ten times nearer, its gap is ten times smaller.


def right(prediction):
    return logistic(prediction).mean()


def wrong(prediction):
    return 8 * right(prediction) - 7 * right(prediction).detach()  # the same value


steps = torch.logspace(-4, 0, 5, dtype=torch.float64)
start = torch.tensor([1.6, 1.5, 0.3, 0.8, 0.6, -0.4, 1.9, 1.1], dtype=torch.float64)
away = torch.linspace(-1, 2, 8, dtype=torch.float64)

fig, ax = plt.subplots()
for loss, style in ((right, "C0o-"), (wrong, "C2s--")):
    line = tangent(loss, start)
    gap = [(loss(x) - line(x)).abs() for x in start + steps[:, None] * away]
    ax.loglog(steps, gap, style, label=f"{loss.__name__} gradient")
ax.set(xlabel="size of the step", ylabel="gap of loss and tangent")
ax.set_title("A right gradient: ten times nearer, a hundred times better")
ax.legend()

# %%
# Use it to judge a gradient by nothing but the values of the loss; rather
# :func:`torch.autograd.gradcheck.gradcheck` to judge each derivative, at one step. Use
# neither at a kink: the gap shrinks with the step there, though all is right.

kink = torch.zeros(1, dtype=torch.float64)
line = tangent(lambda x: x.abs().sum(), kink)
print("gap at a kink:", [x.item() - line(x[None]).item() for x in steps[-3:]])
