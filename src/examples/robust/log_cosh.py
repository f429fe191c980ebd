r"""
Log-cosh
========

The gradient is the tanh of the residual: smooth, and never beyond 1, for outliers too.

With the residual :math:`r = \text{prediction} - \text{target}`, the loss is
:math:`r^2 / 2` near zero and :math:`|r| - \log 2` far out, without a corner between:

.. math::

   \ell(r) = \log \cosh r
   = r + \log \left( 1 + e^{-2 r} \right) - \log 2
   \qquad
   \frac{\partial \ell}{\partial r} = \tanh r
   \qquad
   \frac{\partial^2 \ell}{\partial r^2} = 1 - \tanh^2 r

The hyperbolic cosine overflows; on the right stands a softplus, which does not.

Source: R. A. Saleh, A. K. Md. E. Saleh, *Statistical Properties of the log-cosh Loss
Function Used in Machine Learning*, arXiv:2208.04564 (2022).
"""

import math

import torch
from torch import Tensor


def log_cosh(prediction: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Logarithm of the hyperbolic cosine of the residual.

    Args:
        prediction: Tensor of any shape.
        target: Tensor of the same shape. Divide both by the size of an ordinary error.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``prediction`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    >>> prediction = torch.tensor([0.0, 100.0, -100.0], requires_grad=True)
    >>> loss = log_cosh(prediction, torch.zeros(3), reduction="none")
    >>> loss.detach()  # 0 and 100 - log 2
    tensor([ 0.0000, 99.3069, 99.3069])
    >>> loss.sum().backward()
    >>> prediction.grad
    tensor([ 0.,  1., -1.])

    >>> x = torch.tensor([0.0, 0.5, -3.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(log_cosh, (x, torch.zeros_like(x)))
    True
    >>> torch.autograd.gradgradcheck(log_cosh, (x, torch.zeros_like(x)))
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
    residual = prediction - target
    loss = residual + torch.nn.functional.softplus(-2 * residual) - math.log(2)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The gradient bends where Huber's has a corner
# ---------------------------------------------
# Both end at one. Huber's gets there at a corner, where its curvature jumps from one to
# zero. The tanh bends gradually, and its curvature has no jump.
#
# .. draggable-figure:: log_cosh(along(-4, 4, 1), slider(-2, 2, 0)) beside huber_loss
#
#    Move the target: loss and gradient go with it. Drag the point past the corner.

import matplotlib.pyplot as plt

residual = torch.linspace(-4, 4, 201, requires_grad=True)
loss = log_cosh(residual, torch.zeros(201), reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), residual)
residual = residual.detach()

fig, ax = plt.subplots()
ax.plot(residual, loss.detach(), label="log-cosh")
ax.plot(residual, gradient, label="its gradient, tanh")
ax.plot(residual, residual.clamp(-1, 1), "--", label="gradient of Huber")
ax.set(xlabel="residual", ylabel="loss and gradient", ylim=(-1.5, 3.5))
ax.set_title("The gradient nears 1 without a corner")
ax.legend(loc="upper center")

torch.testing.assert_close(gradient, torch.tanh(residual))

# %%
# Two other ways to write it fail, one of them silently
# -----------------------------------------------------
# In float32 the ``cosh`` of 90 is infinite, and the gradient of its logarithm is zero
# times infinity. With the absolute value in front nothing overflows, but ``abs`` has
# slope 0 at 0, and the second derivative is lost there. The price of the softplus: near
# zero the value is a difference of nearly equal numbers, and right to about 1e-7.

forms = {
    "log of cosh": lambda r: torch.log(torch.cosh(r)),
    "with abs": lambda r: r.abs() + torch.log1p(torch.exp(-2 * r.abs())) - math.log(2),
    "log_cosh": lambda r: log_cosh(r, torch.zeros(())),
}
far, origin = torch.tensor(90.0), torch.tensor(0.0)
for name, form in forms.items():
    slope = torch.func.grad(form)
    curvature = torch.func.grad(slope)(origin).abs()
    print(f"{name:11}: gradient at 90 {slope(far):.0f}, curvature at 0 {curvature:.0f}")
small = log_cosh(torch.tensor(1e-4), origin)
print(f"at 1e-4 it should be 5e-09 and is {small.item():.0e}")

# %%
# Use it when Huber's loss would do and second derivatives matter: L-BFGS, a gradient
# penalty; rather :doc:`/examples/robust/huber` when the place where the gradient stops
# growing has to be chosen. Log-cosh has no delta: divide prediction and target by the
# size of an ordinary error. Newton's method needs a start near the solution: far out
# the curvature is small, and a step of gradient / curvature too long.

slope = torch.func.grad(forms["log_cosh"])
for start in torch.tensor([0.5, 2.5]):
    step = slope(start) / torch.func.grad(slope)(start)
    print(f"one step of Newton's method leads from {start} to {start - step:.2f}")

# sphinx_gallery_tags = ["regression", "numbers", "outliers"]
