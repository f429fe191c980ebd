r"""
Blank
=====

Say here in one sentence what the loss does to the gradient.

With the residual :math:`r = \text{prediction} - \text{target}`:

.. math:: \ell(r) = \frac{1}{2} r^2 \qquad \frac{\partial \ell}{\partial r} = r

Source: author, *title*, journal (year), equation.
"""

import torch
from torch import Tensor


def blank(prediction: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Half the squared error.

    Args:
        prediction: Tensor of any shape.
        target: Tensor of the same shape, in the same unit.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``prediction`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    >>> prediction = torch.tensor([1.0, 3.0], requires_grad=True)
    >>> loss = blank(prediction, torch.zeros(2), reduction="sum")
    >>> loss.item()  # 0.5 + 4.5
    5.0
    >>> loss.backward()
    >>> prediction.grad
    tensor([1., 3.])

    >>> x = torch.tensor([0.5, 3.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(blank, (x, torch.zeros_like(x)))
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
    loss = (prediction - target) ** 2 / 2
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The gradient is the residual
# ----------------------------
# Show first what is special about this loss: here, its gradient beside a neighbour's.

import matplotlib.pyplot as plt

residual = torch.linspace(-3, 3, 201, requires_grad=True)
zero = torch.zeros_like(residual)
loss = blank(residual, zero, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), residual)
absolute = torch.nn.functional.l1_loss(residual, zero, reduction="sum")
(neighbour,) = torch.autograd.grad(absolute, residual)

fig, ax = plt.subplots()
ax.plot(residual.detach(), loss.detach(), label="Blank")
ax.plot(residual.detach(), gradient, label="its gradient")
ax.plot(residual.detach(), neighbour, "--", label="gradient of the absolute error")
ax.set(xlabel="residual", ylabel="loss and gradient")
ax.set_title("The farther off, the larger the gradient")
ax.legend()

# %%
# Use it when ...; rather another loss when ...
# Answer here what its users ask, and show each answer by a line that runs.

x = torch.ones(32, requires_grad=True)
for reduction in ("mean", "sum"):
    loss = blank(x, torch.zeros(32), reduction=reduction)
    (gradient,) = torch.autograd.grad(loss, x)
    print(f"{reduction}: gradient of one sample {gradient[0]:.4f}")

# sphinx_gallery_tags = ["regression", "numbers"]
