r"""
Straight-through round
======================

It rounds forward and passes the gradient back unchanged, as if it had not rounded.

Rounding is flat between its steps, so its derivative is zero and nothing in front of it
learns. The straight-through estimator puts another rule in its place:

.. math::

   y = \operatorname{round}(x)
   \qquad
   \bar{x} = \bar{y}

This is not the derivative, on purpose: ``gradcheck`` must fail.

Source: Y. Bengio, N. Léonard and A. Courville, *Estimating or Propagating Gradients
Through Stochastic Neurons for Conditional Computation*, arXiv:1308.3432 (2013).
"""

import torch
from torch import Tensor


class StraightThroughRound(torch.autograd.Function):
    """The rule. Call :func:`straight_through_round`."""

    generate_vmap_rule = True  # forward and backward are made of torch functions

    @staticmethod
    def forward(values: Tensor) -> Tensor:
        return values.round()

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor], output: Tensor) -> None:
        pass  # the rule needs nothing from forward

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> Tensor:
        return grad_output


def straight_through_round(values: Tensor) -> Tensor:
    """Round to whole numbers, halves to the even one; the gradient passes unchanged.

    Args:
        values: Floating tensor of any shape.

    Returns:
        Tensor of the same shape, dtype and unit.

    Raises:
        ValueError: ``values`` is not floating: whole numbers have no gradient.

    >>> values = torch.tensor([0.4, 0.6, 1.5, 2.5], requires_grad=True)
    >>> rounded = straight_through_round(values)
    >>> rounded.detach()
    tensor([0., 1., 2., 2.])
    >>> (rounded * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    >>> values.grad
    tensor([1., 2., 3., 4.])

    The derivative of the value is 0, the rule says 1, and ``gradcheck`` sees it:

    >>> x = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(straight_through_round, (x,), raise_exception=False)
    False
    """
    if not values.is_floating_point():
        raise ValueError(f"values must be floating, got {values.dtype}")
    return StraightThroughRound.apply(values)


# %%
# torch's own round is flat, this one has a slope
# -----------------------------------------------
# The values are the same. The gradient of ``torch.round`` is 0 everywhere, that of the
# rule is 1 everywhere: the slope that the staircase has from afar.

import matplotlib.pyplot as plt

values = torch.linspace(-2.4, 2.4, 481, requires_grad=True)
rounded = straight_through_round(values)
(gradient,) = torch.autograd.grad(rounded.sum(), values)
(flat,) = torch.autograd.grad(values.round().sum(), values)

fig, ax = plt.subplots()
ax.plot(values.detach(), rounded.detach(), label="straight-through round")
ax.plot(values.detach(), gradient, label="its gradient")
ax.plot(values.detach(), flat, "--", label="gradient of torch.round")
ax.set(xlabel="value", ylabel="rounded value and gradient")
ax.set_title("The staircase is given the slope that it has from afar")
ax.legend()

# %%
# Whole-number weights are found, and only so
# -------------------------------------------
# Eight hidden weights are whole numbers. Gradient descent moves real ones, the model
# uses them rounded. With ``torch.round`` the gradient is 0 and no step is ever made;
# there is no error, and no gradient is None.

hidden = torch.randint(-7, 8, (8,)).float()
inputs = torch.randn(64, 8)
for rounding in (straight_through_round, torch.round):
    weights = torch.zeros(8, requires_grad=True)
    for _ in range(60):
        loss = (inputs @ (rounding(weights) - hidden)).square().mean()
        (gradient,) = torch.autograd.grad(loss, weights)
        weights = (weights - 0.05 * gradient).detach().requires_grad_()
    right = (weights.round() == hidden).sum()
    print(f"{rounding.__name__}: loss {loss:.0f}, {right} of 8 right")

# %%
# The last step is not the best
# -----------------------------
# With 0.4 as the best weight descent does not come to rest, because the gradient is
# zero neither at 0 nor at 1. The weight stays at the edge between them, and its rounded
# value flips, whatever the learning rate. Keep the best step.

for learning_rate in (0.1, 0.01):
    weight, rounded = torch.tensor(0.0, requires_grad=True), []
    for _ in range(1000):
        rounded.append(straight_through_round(weight))
        (gradient,) = torch.autograd.grad((rounded[-1] - 0.4) ** 2, weight)
        weight = (weight - learning_rate * gradient).detach().requires_grad_()
    late = torch.stack(rounded[500:]).detach()
    flips = (late.diff() != 0).sum()
    print(f"{learning_rate}: {flips} flips in 500 steps, mean {late.mean():.2f}")

# %%
# Use it for weights and activations that must be whole numbers in the end; rather
# :doc:`/examples/on_purpose/straight_through_step` for a decision between two, and
# ``torch.round`` when nothing in front of it is to learn. A test must expect that
# gradcheck fails. The rule needs no class: what is detached has no gradient.

values = torch.tensor([0.4, 1.6], requires_grad=True)
detached = values + (values.round() - values).detach()
print(detached.tolist(), torch.autograd.grad(detached.sum(), values)[0].tolist())
