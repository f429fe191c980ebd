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
    def forward(x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor], output: Tensor) -> None:
        pass  # the rule needs nothing from forward

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> Tensor:
        return grad_output

    @staticmethod
    def jvp(ctx, tangent: Tensor) -> Tensor:
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

# %%
# What stands before the step runs away
# -------------------------------------
# The gradient does not fade with distance, so a latent value moves on long after its
# gate is closed. After 500 steps one way it takes 500 steps back until the gate opens
# again. Clamp it to plus and minus 1 after each step.

for bound in (float("inf"), 1.0):
    latent, closed = torch.tensor(0.0, requires_grad=True), 0
    for direction in [1.0] * 500 + [-1.0] * 600:
        gate = straight_through_step(latent)
        (gradient,) = torch.autograd.grad(direction * gate, latent)
        latent = (latent - 0.1 * gradient).detach().clamp(-bound, bound)
        latent.requires_grad_()
        closed += direction < 0 and gate.item() == 0
    print(f"bound {bound}: {closed} steps back until the gate opens")

# %%
# Use it for decisions that must be hard in the end: gates, masks, binary weights;
# rather a sigmoid, rounded at the end, when half-open gates do no harm, and
# :doc:`/examples/on_purpose/surrogate_fast_sigmoid` when steps follow each other. The
# rule needs no class: what is detached has no gradient, what is left has 1.

x = torch.tensor([-2.0, 0.0, 0.1, 3.0], requires_grad=True)
detached = (x > 0).to(x.dtype) + (x - x.detach())
print(detached.tolist(), torch.autograd.grad(detached.sum(), x)[0].tolist())

# sphinx_gallery_tags = ["building blocks", "by hand"]
