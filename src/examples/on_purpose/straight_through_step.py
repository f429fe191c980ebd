r"""
Straight-through step
=====================

It decides 0 or 1 forward, and passes the gradient back as if it had not decided.

The derivative of a step is zero wherever it exists, so nothing in front of it learns.
With :math:`\bar{y}`, the gradient that arrives from what follows, the straight-through
estimator puts that of the identity in its place:

.. math::

   y = \begin{cases} 1 & x > 0 \\ 0 & x \le 0 \end{cases}
   \qquad
   \bar{x} = \bar{y}

This is not the derivative, on purpose: ``gradcheck`` must fail.

Source: Y. Bengio, N. Léonard and A. Courville, *Estimating or Propagating Gradients
Through Stochastic Neurons for Conditional Computation*, arXiv:1308.3432 (2013).
"""

import torch
from torch import Tensor


class StraightThroughStep(torch.autograd.Function):
    """The rule. Call :func:`straight_through_step`, which checks."""

    generate_vmap_rule = True  # forward and backward are made of torch functions

    @staticmethod
    def forward(x):
        return (x > 0).to(x.dtype)

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass  # the rule needs nothing from forward

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output

    @staticmethod
    def jvp(ctx, tangent):
        return tangent.clone()


def straight_through_step(x: Tensor) -> Tensor:
    """1 where ``x`` is positive, else 0, at 0 too; the gradient passes unchanged.

    Second derivatives are those of the identity: the step adds no curvature of its own.

    Args:
        x: Floating tensor of any shape.

    Returns:
        Tensor of zeros and ones, of the shape and dtype of ``x``.

    Raises:
        ValueError: ``x`` is not floating: whole numbers have no gradient.

    >>> x = torch.tensor([-2.0, 0.0, 0.1, 3.0], requires_grad=True)
    >>> y = straight_through_step(x)
    >>> y.detach()
    tensor([0., 0., 1., 1.])
    >>> (y * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    >>> x.grad
    tensor([1., 2., 3., 4.])

    The derivative of the value is 0, the rule says 1, and ``gradcheck`` sees it:

    >>> x = torch.tensor([0.4, -0.6], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(straight_through_step, (x,), raise_exception=False)
    False
    """
    if not x.is_floating_point():
        raise ValueError(f"x must be floating, got {x.dtype}")
    return StraightThroughStep.apply(x)


# %%
# The sigmoid is half open, the step is not
# -----------------------------------------
# A sigmoid is smooth, and pays for it twice: its value is never 0 or 1, and far out it
# is flat. The step decides everywhere, and its gradient is 1 everywhere. ``gradcheck``
# must fail: expect that in a test.

import matplotlib.pyplot as plt

x = torch.linspace(-6, 6, 481, requires_grad=True)
step = straight_through_step(x)
(gradient,) = torch.autograd.grad(step.sum(), x)
(soft_gradient,) = torch.autograd.grad(torch.sigmoid(x).sum(), x)

fig, ax = plt.subplots()
ax.plot(x.detach(), step.detach(), label="step")
ax.plot(x.detach(), gradient, label="its gradient")
ax.plot(x.detach(), soft_gradient, "--", label="gradient of the sigmoid")
ax.set(xlabel="x", ylabel="value and gradient", ylim=(-0.1, 1.5))
ax.set_title("The step is given the slope 1, near and far")
ax.legend(loc="upper left", ncols=3, columnspacing=1)

print(f"gradient at -6: step {gradient[0]:.3f}, sigmoid {soft_gradient[0]:.3f}")

# %%
# A gate that is open or closed can be counted
# --------------------------------------------
# 4 of 12 inputs matter. Each input has a weight and a gate, and each open gate costs
# 0.05. Behind the step, that price buys the right 4. The sigmoid leaves each gate half
# open behind a larger weight: all 12 inputs are used, and fewer are paid for.

_ = torch.manual_seed(0)
true = torch.tensor([0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 2.0, 0.0, 0.0, -2.0, 0.0])
inputs = torch.randn(60, 12)
target = inputs @ true + 0.5 * torch.randn(60)


def fit(gate):
    weights = torch.zeros(12, requires_grad=True)
    latent = torch.full((12,), 0.5, requires_grad=True)
    optimizer, counts = torch.optim.SGD([weights, latent], lr=0.05), []
    for _ in range(300):
        optimizer.zero_grad()
        gates = gate(latent)
        error = (inputs @ (gates * weights) - target).square().mean()
        (error + 0.05 * gates.sum()).backward()
        optimizer.step()
        counts.append(gates.sum().item())
    return gates.detach(), counts


fig, ax = plt.subplots()
for gate, style in ((straight_through_step, "-"), (torch.sigmoid, "--")):
    gates, counts = fit(gate)
    ax.plot(counts, style, label=gate.__name__)
    name, right = gate.__name__, torch.equal(gates > 0.5, true != 0)
    print(f"{name}: {(gates > 0).sum()} used, {gates.sum():.1f} paid, {right = }")
ax.set(xlabel="step of the fit", ylabel="sum of the gates", ylim=(0, 13))
ax.set_title("The step closes all gates but the right 4")
ax.legend()

# %%
# What stands before the step runs away
# -------------------------------------
# The gradient does not fade with distance, so a latent value moves on long after its
# gate is closed. After 500 steps one way it takes 500 steps back until the gate moves.
# Clamp it to plus and minus 1 after each step.

for bound in (float("inf"), 1.0):
    latent, closed_again = torch.tensor(0.0, requires_grad=True), 0
    for push in [1.0] * 500 + [-1.0] * 600:
        gate = straight_through_step(latent)
        (gradient,) = torch.autograd.grad(push * gate, latent)
        latent = (latent - 0.1 * gradient).detach().clamp(-bound, bound)
        latent.requires_grad_()
        closed_again += push < 0 and gate.item() == 0
    print(f"bound {bound}: {closed_again} steps until the gate opens")

# %%
# Use it for decisions that must be hard in the end: gates, masks, binary weights;
# rather a sigmoid, rounded at the end, when half-open gates do no harm, and
# :doc:`/examples/on_purpose/surrogate_fast_sigmoid` when steps follow each other. The
# rule needs no class: what is detached has no gradient, what is left has 1.

x = torch.tensor([-2.0, 0.0, 0.1, 3.0], requires_grad=True)
detached = (x > 0).to(x.dtype) + (x - x.detach())
(gradient,) = torch.autograd.grad(detached.sum(), x)
assert torch.equal(detached, straight_through_step(x))
print(f"{gradient = }")

# sphinx_gallery_tags = ["changed gradient", "no target", "by hand"]
