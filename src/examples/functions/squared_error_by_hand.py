r"""
Squared error by hand
=====================

The gradient is twice the residual, divided by the batch, times grad_output.

With the residual :math:`r = \text{prediction} - \text{target}` of :math:`N` samples
and :math:`\bar{L}`, the gradient that arrives from what follows (``grad_output``):

.. math::

   L = \frac{1}{N} \sum_{n=1}^{N} \sum_{d=1}^{D} r_{nd}^2
   \qquad
   \bar{r}_{nd} = \frac{2}{N} r_{nd} \, \bar{L}

The prediction gets :math:`\bar{r}`, the target :math:`-\bar{r}`.
Autograd finds the same by itself; this is the pattern for a loss where it cannot.

Source: the form is that of :class:`torch.autograd.Function`, the derivative that of a
sum of squares.
"""

import torch
from torch import Tensor


class SquaredErrorByHand(torch.autograd.Function):
    """The rule for the gradient. Call :func:`squared_error_by_hand`, which checks."""

    generate_vmap_rule = True  # forward and backward are made of torch functions

    @staticmethod
    def forward(prediction: Tensor, target: Tensor) -> Tensor:
        return (prediction - target).square().sum() / prediction.shape[0]

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> tuple[Tensor | None, Tensor | None]:
        prediction, target = ctx.saved_tensors
        gradient = grad_output * 2 * (prediction - target) / prediction.shape[0]
        to_prediction, to_target = ctx.needs_input_grad
        return gradient if to_prediction else None, -gradient if to_target else None


def squared_error_by_hand(prediction: Tensor, target: Tensor) -> Tensor:
    """Squared distance of each sample, averaged over the batch, with its own backward.

    Args:
        prediction: Tensor of shape (N, ...): samples first, then any features, or none.
        target: Tensor of the same shape, in the same unit. It may need a gradient, too.

    Returns:
        A scalar, in the unit of the target, squared. An empty batch gives NaN.

    Raises:
        ValueError: The shapes differ or have no dimension.

    >>> prediction = torch.tensor([[1.0, 2.0], [0.0, -3.0]], requires_grad=True)
    >>> loss = squared_error_by_hand(prediction, torch.zeros(2, 2))
    >>> loss.item()  # (1 + 4 + 0 + 9) / 2
    7.0
    >>> (10 * loss).backward()
    >>> prediction.grad
    tensor([[ 10.,  20.],
            [  0., -30.]])

    >>> x = torch.tensor([[1.0, 2.0], [0.0, -3.0]]).double().requires_grad_()
    >>> y = torch.ones_like(x, requires_grad=True)
    >>> torch.autograd.gradcheck(squared_error_by_hand, (x, y))
    True
    >>> torch.autograd.gradgradcheck(squared_error_by_hand, (x, y))
    True
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if prediction.dim() == 0:
        raise ValueError("prediction must have a dimension of samples, got a scalar")
    return SquaredErrorByHand.apply(prediction, target)


# %%
# The gradient is the slope of the value
# --------------------------------------
# A batch of four, one prediction is moved, three are right. A backward that does not
# divide by the batch is four times too steep. The slope of the value itself tells which
# is right.

import matplotlib.pyplot as plt


class NotDivided(SquaredErrorByHand):
    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        return 2 * (prediction - target) * grad_output, None


residual = torch.linspace(-2, 2, 41)
batches = torch.nn.functional.pad(residual[:, None], (0, 3)), torch.zeros(41, 4)
right = torch.func.grad_and_value(squared_error_by_hand)
gradient, value = torch.vmap(right)(*batches)
wrong = torch.vmap(torch.func.grad(NotDivided.apply))(*batches)
(slope,) = torch.gradient(value, spacing=0.1)

fig, ax = plt.subplots()
ax.plot(residual, value, label="squared error")
ax.plot(residual, gradient[:, 0], label="its gradient by hand")
ax.plot(residual, wrong[:, 0], "--", label="not divided by the batch")
ax.plot(residual[1:-1:3], slope[1:-1:3], "o", label="slope of the value")
ax.set(xlabel="residual of one sample of four", ylabel="loss and gradient")
ax.set_title("Undivided, the gradient is four times too steep")
ax.legend()

# %%
# gradcheck passes with a batch of one, and with shapes that broadcast
# --------------------------------------------------------------------
# A mean is a sum divided, in the backward as well. gradcheck says so, but not for a
# batch of one. Divide by the tensor's own length, not by a number from the settings:
# the last batch of an epoch is often smaller. Nor does gradcheck see that (4, 1) meets
# (4,), since the gradient is right for the wrong value: hence the check of the shapes,
# and :doc:`/examples/training/broadcast_matrix`.

for batch in (1, 4, 32):
    x = torch.linspace(-1, 1, batch, dtype=torch.float64)[:, None].requires_grad_()
    inputs = x, torch.zeros_like(x)
    (right,) = torch.autograd.grad(squared_error_by_hand(*inputs), x)
    (wrong,) = torch.autograd.grad(NotDivided.apply(*inputs), x)
    passes = torch.autograd.gradcheck(NotDivided.apply, inputs, raise_exception=False)
    ratio = wrong.abs().max() / right.abs().max()
    print(f"batch {batch}: {ratio:.0f} times too steep, gradcheck {passes}")
passes = torch.autograd.gradcheck(SquaredErrorByHand.apply, (x, torch.ones(32)))
print(f"(32, 1) against (32,): gradcheck {passes}")

# %%
# Use it as a pattern, and not as a loss: rather :doc:`/examples/modules/squared_error`,
# one line of plain torch with the same value and gradients. Write a backward by hand
# when autograd cannot, as in :doc:`/examples/functions/voigt`, or for stability, as in
# :doc:`/examples/stability/probit_nll`.
