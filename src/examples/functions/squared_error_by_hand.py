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
    def forward(prediction, target):
        return (prediction - target).square().sum() / prediction.shape[0]

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
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


def value_and_slope(loss, moved):
    prediction = torch.tensor([[moved], [0.0], [0.0], [0.0]], requires_grad=True)
    value = loss(prediction, torch.zeros(4, 1))
    (gradient,) = torch.autograd.grad(value, prediction)
    return value.item(), gradient[0].item()


residual = torch.linspace(-2, 2, 41)
right = [value_and_slope(squared_error_by_hand, r) for r in residual.tolist()]
wrong = [value_and_slope(NotDivided.apply, r) for r in residual.tolist()]
value, gradient = torch.tensor(right).T

fig, ax = plt.subplots()
ax.plot(residual, value, label="squared error")
ax.plot(residual, gradient, label="its gradient by hand")
ax.plot(residual, [slope for _, slope in wrong], "--", label="not divided by the batch")
slope = (value[2:] - value[:-2]) / (residual[2:] - residual[:-2])
ax.plot(residual[1:-1:3], slope[::3], "o", alpha=0.6, label="slope of the value")
ax.set(xlabel="residual of one sample of four", ylabel="loss and gradient")
ax.set_title("Undivided, the gradient is four times too steep")
ax.legend()

assert torch.allclose(gradient[1:-1], slope, atol=1e-5)

# %%
# A test with a batch of one does not see it
# ------------------------------------------
# A mean is a sum divided, in the backward as well. gradcheck says so, but not for a
# batch of one. The batch is the tensor's own length, and no number from the settings:
# the last batch of an epoch is often smaller.

for batch in (1, 4, 8, 32, 256):
    x = torch.linspace(-1, 1, 2 * batch, dtype=torch.float64).reshape(batch, 2)
    inputs = x.requires_grad_(), torch.zeros_like(x)
    (right,) = torch.autograd.grad(squared_error_by_hand(*inputs), x)
    (wrong,) = torch.autograd.grad(NotDivided.apply(*inputs), x)
    passes = torch.autograd.gradcheck(NotDivided.apply, inputs, raise_exception=False)
    print(f"batch {batch:3}: {(wrong / right).mean():5.1f} times, gradcheck {passes}")

# %%
# gradcheck does not see shapes that broadcast
# --------------------------------------------
# A target of shape (4, 1) becomes (4,), and the difference is of shape (4, 4). Every
# prediction is compared with every target: a perfect one has a loss of 10. The engine
# sums the (4, 4) gradient to (4, 1) in silence, and gradcheck passes, since this is the
# gradient of that value. A test of the value, or of the shapes, fails.

target = torch.tensor([[1.0], [2.0], [3.0], [4.0]], dtype=torch.float64)
perfect = target.clone().requires_grad_()
inputs = perfect, target.squeeze()
value = SquaredErrorByHand.apply(*inputs)
(gradient,) = torch.autograd.grad(value, perfect)
passes = torch.autograd.gradcheck(SquaredErrorByHand.apply, inputs)
print(f"{value.item()}, {gradient.flatten().tolist()}, gradcheck {passes}")
assert squared_error_by_hand(perfect, target) == 0

# %%
# Use it as a pattern, and not as a loss
# --------------------------------------
# One line of plain torch has the same value and the same gradients, to the target, too:
# :doc:`/examples/modules/squared_error`. Write a backward by hand when autograd cannot,
# as in :doc:`/examples/functions/voigt`, or for stability, as in
# :doc:`/examples/stability/probit_nll`.


def plain(prediction, target):
    return (prediction - target).square().sum() / prediction.shape[0]


x = torch.linspace(-1, 1, 24).reshape(3, 4, 2)
by_hand, by_autograd = (
    torch.vmap(torch.func.grad(loss, argnums=(0, 1)))(x, x.flip(0))
    for loss in (squared_error_by_hand, plain)
)
torch.testing.assert_close(by_hand, by_autograd)
