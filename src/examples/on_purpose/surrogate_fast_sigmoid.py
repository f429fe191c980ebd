r"""
Surrogate gradient
==================

For spiking networks: the value is a step, the gradient a peak where it nearly changes.

A spiking neuron fires where its potential, less its threshold, is positive: a step,
with the derivative zero. With :math:`\bar{y}`, the gradient that arrives from what
follows, backward puts that of a fast sigmoid of slope :math:`\beta` in its place:

.. math::

   y = \begin{cases} 1 & x > 0 \\ 0 & x \le 0 \end{cases}
   \qquad
   \bar{x} = \frac{\bar{y}}{(1 + \beta |x|)^2}
   = \bar{y} \, \frac{d}{dx} \frac{x}{1 + \beta |x|}

This is not the derivative of the value, on purpose: ``gradcheck`` must fail.

Source: F. Zenke and S. Ganguli, *SuperSpike: Supervised Learning in Multilayer Spiking
Neural Networks*, Neural Computation 30 (2018), 1514-1541, arXiv:1705.11146.
"""

import torch
from torch import Tensor


class SurrogateFastSigmoid(torch.autograd.Function):
    """The rule. Call :func:`surrogate_fast_sigmoid`, which checks."""

    generate_vmap_rule = True  # forward and backward are made of torch functions

    @staticmethod
    def forward(x: Tensor, slope: float) -> Tensor:
        return (x > 0).to(x.dtype)

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor, float], output: Tensor) -> None:
        x, ctx.slope = inputs
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return grad_output / (1 + ctx.slope * x.abs()) ** 2, None

    @staticmethod
    def jvp(ctx, tangent: Tensor, _: None) -> Tensor:
        (x,) = ctx.saved_tensors
        return tangent / (1 + ctx.slope * x.abs()) ** 2


def surrogate_fast_sigmoid(x: Tensor, slope: float = 25.0) -> Tensor:
    """1 where ``x`` is positive, else 0, at 0 too; the gradient of a fast sigmoid.

    Second derivatives are those of the fast sigmoid, too.

    Args:
        x: Floating tensor of any shape: potentials, less their threshold.
        slope: How fast the gradient falls off beside 0; a positive number, in one over
            the unit of ``x``. At a distance of 1 / ``slope`` a quarter is left.

    Returns:
        Tensor of zeros and ones, of the shape and dtype of ``x``.

    Raises:
        ValueError: ``x`` is not floating, or ``slope`` is not positive and finite.

    >>> x = torch.tensor([-0.04, 0.0, 0.04, 0.12], requires_grad=True)
    >>> y = surrogate_fast_sigmoid(x)
    >>> y.detach()
    tensor([0., 0., 1., 1.])
    >>> y.sum().backward()
    >>> x.grad  # 1 / (1 + 1)^2, 1, 1 / (1 + 1)^2, 1 / (1 + 3)^2
    tensor([0.2500, 1.0000, 0.2500, 0.0625])

    The derivative of the value is 0, the rule says 1 / 4, and ``gradcheck`` sees it:

    >>> x = torch.tensor([0.04], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(surrogate_fast_sigmoid, (x,), raise_exception=False)
    False
    """
    if not x.is_floating_point():
        raise ValueError(f"x must be floating, got {x.dtype}")
    if not 0 < slope < float("inf"):
        raise ValueError(f"slope must be positive and finite, got {slope}")
    return SurrogateFastSigmoid.apply(x, slope)


# %%
# The gradient is largest where a little would change the decision
# ----------------------------------------------------------------
# A straight-through step has the gradient 1 near and far. The surrogate has it at the
# threshold only; a larger slope makes the peak narrower, not higher. Too large a slope
# silences all neurons but those at their threshold: choose it by the spread of the
# potentials.

import matplotlib.pyplot as plt

x = torch.linspace(-0.5, 0.5, 501, requires_grad=True)
step = surrogate_fast_sigmoid(x)
(gradient,) = torch.autograd.grad(step.sum(), x)
(wide,) = torch.autograd.grad(surrogate_fast_sigmoid(x, slope=5.0).sum(), x)

fig, ax = plt.subplots()
ax.plot(x.detach(), step.detach(), label="step")
ax.plot(x.detach(), gradient, label="its gradient, slope 25")
ax.plot(x.detach(), torch.ones(501), "--", label="gradient of straight-through")
ax.plot(x.detach(), wide, ":", label="its gradient, slope 5")
ax.set(xlabel="potential less threshold", ylabel="value and gradient", ylim=(-0.1, 1.7))
ax.set_title("The gradient peaks at the threshold, at 1")
ax.legend(loc="upper left", ncols=2)

# %%
# Two layers of spikes learn a ring
# ---------------------------------
# Which points lie in a ring? Two layers of 32 neurons send zeros and ones alone. With
# the true gradient only the last layer learns. Straight-through changes all neurons
# alike; the surrogate changes those that are near a decision.

_ = torch.manual_seed(0)
points = 4 * torch.rand(300, 2) - 2
inside = ((points.norm(dim=1) - 1.4).abs() < 0.4).float()
initial = [torch.randn(3, 32), torch.randn(33, 32) / 6, torch.randn(33, 1) / 6]
rules = {
    "surrogate": surrogate_fast_sigmoid,
    "straight-through": lambda x: x + ((x > 0).float() - x).detach(),
    "true gradient": lambda x: (x > 0).float(),
}
for name, spike in rules.items():
    layers = [layer.clone().requires_grad_() for layer in initial]
    optimizer = torch.optim.Adam(layers, lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        first = spike(points @ layers[0][1:] + layers[0][0])
        second = spike(first @ layers[1][1:] + layers[1][0])
        logits = (second @ layers[2][1:] + layers[2][0])[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, inside)
        loss.backward()
        optimizer.step()
    right = ((logits > 0) == inside.bool()).float().mean()
    print(f"{name}: loss {loss:.2f}, {right:.0%} right")

# %%
# Use it when decisions follow each other: spiking networks, binary layers; rather
# :doc:`/examples/on_purpose/straight_through_step` for a single gate.

# sphinx_gallery_tags = ["building blocks", "by hand"]
