r"""
Huber
=====

An outlier pulls as hard as any other point, and no harder.

With the residual :math:`r = \text{prediction} - \text{target}`, the loss is a parabola
near zero and a straight line beyond :math:`\delta`, so its slope is the residual
clipped to :math:`\pm\delta`:

.. math::

   \ell(r) = \begin{cases}
   \frac{1}{2} r^2 & |r| \le \delta \\
   \delta \left( |r| - \frac{1}{2} \delta \right) & |r| > \delta
   \end{cases}
   \qquad
   \frac{\partial \ell}{\partial r} = \max(-\delta, \min(r, \delta))

Source: P. J. Huber, *Robust Estimation of a Location Parameter*, Annals of
Mathematical Statistics 35 (1964), 73-101.
"""

import torch


def huber(prediction, target, delta=1.0, reduction="mean"):
    """Huber's loss: squared up to ``delta``, linear beyond.

    Args:
        prediction: Tensor of any shape.
        target: Tensor of the same shape, in the same unit.
        delta: Where the parabola becomes a line; positive, in the unit of the target.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``prediction`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or ``delta`` or ``reduction`` makes no sense.

    >>> prediction = torch.tensor([0.5, 3.0, -4.0], requires_grad=True)
    >>> loss = huber(prediction, torch.zeros(3), reduction="sum")
    >>> loss.item()  # 0.125 + 2.5 + 3.5
    6.125
    >>> loss.backward()
    >>> prediction.grad
    tensor([ 0.5000,  1.0000, -1.0000])

    >>> x = torch.tensor([0.5, 3.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(huber, (x, torch.zeros_like(x)))
    True
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if not delta > 0:
        raise ValueError(f"delta must be positive, got {delta}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    distance = (prediction - target).abs()
    near = distance.clamp(max=delta)
    loss = near * (distance - near / 2)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The gradient saturates
# ----------------------
# Squared error pulls a point harder the farther away it is.
# Huber's loss stops at delta.
#
# .. draggable-figure:: huber(along(-4, 4, 2), 0.0, delta=slider(0.2, 2, 1))
#
#    Drag the point: within delta the tangent turns, beyond delta it stays as it is.

import matplotlib.pyplot as plt

residual = torch.linspace(-4, 4, 201, requires_grad=True)
zero = torch.zeros_like(residual)

loss = huber(residual, zero, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), residual)
squared = residual**2 / 2
(squared_gradient,) = torch.autograd.grad(squared.sum(), residual)

fig, ax = plt.subplots()
ax.plot(residual.detach(), loss.detach(), label="Huber")
ax.plot(residual.detach(), gradient, label="its gradient")
ax.plot(residual.detach(), squared_gradient, "--", label="gradient of squared error")
ax.set(xlabel="residual", ylabel="loss and gradient", ylim=(-4, 4))
ax.set_title("Beyond delta = 1 the gradient stays at 1")
ax.legend()

print(f"largest pull, squared error: {squared_gradient.max():.1f}")
print(f"largest pull, Huber:         {gradient.max():.1f}")

# %%
# One outlier moves a mean, and hardly a Huber fit
# ------------------------------------------------
# Nine measurements near 1 and one typing error of 100.
# The constant with the least squared error is their mean.

measured = torch.tensor([0.8, 0.9, 0.95, 1.0, 1.0, 1.0, 1.05, 1.1, 1.2, 100.0])


def fit(loss):
    center = torch.tensor(0.0, requires_grad=True)
    optimizer = torch.optim.SGD([center], lr=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        loss(center.expand(10), measured).backward()
        optimizer.step()
    return center.item()


print(f"fit of squared error: {fit(torch.nn.functional.mse_loss):.2f}")
print(f"fit of Huber:         {fit(huber):.2f}")

# %%
# The usual mistake: the line does not meet the parabola
# ------------------------------------------------------
# Without the half delta the value jumps at delta, though each gradient is right.
# gradcheck compares slopes at a point and sees nothing; a value next to delta does.


def jumps(prediction, target, delta=1.0):
    distance = (prediction - target).abs()
    return torch.where(distance <= delta, distance**2 / 2, delta * distance).mean()


x = torch.tensor([0.5, 3.0], dtype=torch.float64, requires_grad=True)
print(f"{torch.autograd.gradcheck(jumps, (x, torch.zeros_like(x))) = }")
for name, loss in {"jumps": jumps, "huber": huber}.items():
    below, above = (
        loss(torch.tensor(r), torch.tensor(0.0)).item() for r in (0.9999, 1.0001)
    )
    print(f"{name}: {below:.3f} just below delta, {above:.3f} just above")

# %%
# Take it for regression with outliers, and set delta to the size of an ordinary error.
# Take another where an outlier should have no pull at all: Huber's never goes back to
# zero. torch has it, too: :func:`torch.nn.functional.huber_loss`.

theirs = torch.nn.functional.huber_loss(residual, zero)
assert torch.allclose(huber(residual, zero), theirs)
