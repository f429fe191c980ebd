r"""
Training loop
=============

Forward leaves values behind, backward a gradient for each of them, update new weights.

Two layers, the squared error, and the chain rule by hand; autograd is only the judge.
With inputs :math:`X`, target :math:`T`, and :math:`G_V = \partial L / \partial V`:

.. math::

   \begin{aligned}
   H &= X W_1 & A &= \max(0, H) & P &= A W_2 & L &= \text{mean} \, (P - T)^2 \\
   G_{W_1} &= X^\top G_H & G_H &= G_A \odot [H > 0] & G_A &= G_P W_2^\top &
   G_P &= \tfrac{2}{N} (P - T)
   \end{aligned}

Source: D. E. Rumelhart, G. E. Hinton, R. J. Williams, Nature 323 (1986), 533-536.
"""

import torch
from torch import Tensor


def forward(
    inputs: Tensor, target: Tensor, first: Tensor, second: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Compute the loss, and keep the values that backward will need.

    Args:
        inputs, target: Of shapes ``(samples, features)`` and ``(samples, outputs)``.
        first, second: Weights, ``(features, hidden)`` and ``(hidden, outputs)``.

    Returns:
        The loss, a scalar, and the values ``(hidden, active, prediction)``.

    Raises:
        ValueError: The shape of the prediction is not that of ``target``.
    """
    hidden = inputs @ first
    active = hidden.relu()
    prediction = active @ second
    if prediction.shape != target.shape:
        raise ValueError(
            f"target must have the shape of the prediction, "
            f"{tuple(prediction.shape)}, got {tuple(target.shape)}"
        )
    return (prediction - target).square().mean(), (hidden, active, prediction)


def backward(
    inputs: Tensor, target: Tensor, second: Tensor, values: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """Compute the gradients, from the prediction back to the weights.

    ``values`` is what ``forward`` kept. Returned are the gradients of ``first, hidden,
    active, second, prediction``, each of the shape of what it belongs to.
    """
    hidden, active, prediction = values
    grad_prediction = 2 * (prediction - target) / target.numel()
    grad_second = active.T @ grad_prediction
    grad_active = grad_prediction @ second.T
    grad_hidden = grad_active * (hidden > 0)
    grad_first = inputs.T @ grad_hidden
    return grad_first, grad_hidden, grad_active, grad_second, grad_prediction


def training_loop(
    inputs: Tensor,
    target: Tensor,
    first: Tensor,
    second: Tensor,
    learning_rate: float = 0.05,
    steps: int = 100,
) -> tuple[Tensor, Tensor, Tensor]:
    """Train both layers by gradient descent; tensors as for ``forward``.

    Returns:
        The trained ``first`` and ``second``, and the loss before each step.

    Raises:
        ValueError: ``steps`` is less than 1, or ``forward`` refuses the shapes.

    >>> inputs, target = torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0]])
    >>> weights = torch.tensor([[1.0, -1.0], [1.0, 0.0]]), torch.tensor([[1.0], [1.0]])
    >>> loss, values = forward(inputs, target, *weights)
    >>> loss, values[0]  # (3 - 2)^2, and the second unit is off
    (tensor(1.), tensor([[ 3., -1.]]))
    >>> gradients = backward(inputs, target, weights[1], values)
    >>> gradients[0]  # 2 * (3 - 2) * 1 from each input, through the first unit alone
    tensor([[2., 0.],
            [4., 0.]])
    >>> by_autograd = torch.func.grad(lambda *w: forward(inputs, target, *w)[0], (0, 1))
    >>> [torch.equal(a, b) for a, b in zip(gradients[::3], by_autograd(*weights))]
    [True, True]
    >>> training_loop(inputs, target, *weights, learning_rate=0.5, steps=2)[-1]
    tensor([1., 4.])
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    losses = []
    for _ in range(steps):
        loss, values = forward(inputs, target, first, second)
        grad_first, _, _, grad_second, _ = backward(inputs, target, second, values)
        first = first - learning_rate * grad_first
        second = second - learning_rate * grad_second
        losses.append(loss)
    return first, second, torch.stack(losses)


# %%
# Every value meets a gradient of its own shape
# ---------------------------------------------
# One step with eight samples and six hidden units: above the values, below the gradient
# of the loss with respect to each. Where ReLU lets nothing pass forward, nothing passes
# back. Forget that, and all shapes fit and nothing raises.

import matplotlib.pyplot as plt

generator = torch.Generator().manual_seed(0)
x = torch.linspace(-2, 2, 48, dtype=torch.float64)[:, None]
inputs, target = torch.cat([x, torch.ones_like(x)], dim=1), torch.sin(2 * x)
first = torch.randn(2, 16, generator=generator, dtype=torch.float64)
second = torch.randn(16, 1, generator=generator, dtype=torch.float64) / 4

few = inputs[::6], target[::6], first[:, :6], second[:6]
_, (hidden, active, prediction) = forward(*few)
values = few[2], hidden, active, few[3], prediction
gradients = backward(*few[:2], few[3], (hidden, active, prediction))
names = ("first", "hidden", "active", "second", "prediction")

fig, axes = plt.subplots(2, 5, layout="constrained")
for column, name in enumerate(names):
    for row, matrix in enumerate((values[column], gradients[column])):
        top = matrix.abs().max()
        image = {"aspect": "auto", "vmin": -top, "vmax": top}
        axes[row, column].imshow(matrix.numpy(), **image)
        axes[row, column].set_axis_off()
    axes[0, column].set_title(name)
fig.suptitle("Values above, gradients below, shape for shape")

unmasked = few[0].T @ gradients[2]  # without * (hidden > 0)
error = (unmasked - gradients[0]).norm() / gradients[0].norm()
print(f"gradient of first, ReLU forgotten: off by {error:.0%}")

# %%
# By hand and by autograd: one curve
# ----------------------------------
# Autograd replaces ``backward``, and an optimizer the two lines of the update.

by_hand = training_loop(inputs, target, first, second, 0.05, 600)[-1]
weights = first.clone().requires_grad_(), second.clone().requires_grad_()
optimizer = torch.optim.SGD(weights, lr=0.05)
by_autograd = []
for _ in range(600):
    optimizer.zero_grad()
    loss, _ = forward(inputs, target, *weights)
    loss.backward()
    optimizer.step()
    by_autograd.append(loss.detach())
torch.testing.assert_close(torch.stack(by_autograd), by_hand)

fig, (left, right) = plt.subplots(1, 2)
left.semilogy(by_hand, label="by hand")
left.semilogy(by_autograd, "C2--", label="by autograd")
left.set(xlabel="step", ylabel="loss", title="One curve, two ways")
left.legend()
right.plot(x, target, "C5.", label="target")
for steps in (1, 50, 600):
    *trained, _ = training_loop(inputs, target, first, second, 0.05, steps)
    prediction = forward(inputs, target, *trained)[1][-1]
    right.plot(x, prediction, label=f"step {steps}")
right.set(xlabel="input", ylim=(-1.2, 2.6), title="Kinks bend into a sine")
right.legend()

# %%
# Write it by hand once, to know what the usual loop does; then use autograd.
# :doc:`/guide/training-step` shows what each phase reads and what it leaves behind.
