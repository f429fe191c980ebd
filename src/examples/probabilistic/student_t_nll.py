r"""
Student-t negative log-likelihood
=================================

For outliers: the gradient grows with the residual, turns, and fades.

With the residual in units of the scale, :math:`z = (\mu - y) / \sigma`, and :math:`\nu`
degrees of freedom:

.. math::

   \ell = \frac{\nu + 1}{2} \log \left( 1 + \frac{z^2}{\nu} \right) + \log \sigma
   + \frac{1}{2} \log \pi \nu + \log \Gamma \left( \tfrac{\nu}{2} \right)
   - \log \Gamma \left( \tfrac{\nu + 1}{2} \right)
   \qquad
   \frac{\partial \ell}{\partial \mu} = \frac{1}{\sigma} \frac{(\nu + 1) z}{\nu + z^2}

The gradient is largest at :math:`z = \sqrt \nu`. The degrees of freedom have one, too.

Source: K. L. Lange, R. J. A. Little, J. M. G. Taylor, *Robust Statistical Modeling
Using the t Distribution*, Journal of the American Statistical Association 84 (1989),
881-896.
"""

import math

import torch
from torch import Tensor


def student_t_nll(
    mean: Tensor,
    target: Tensor,
    scale: Tensor,
    df: float | Tensor,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of the target under Student's t distribution.

    Args:
        mean: Tensor of any shape: the centre.
        target: Tensor of the same shape, in the same unit.
        scale: Tensor of the same shape and unit, positive. It is not the standard
            deviation, which for ``df`` above 2 is larger by ``sqrt(df / (df - 2))``.
        df: Degrees of freedom, positive: a number, or a tensor of that shape or of one
            number, of shape () or (1,), which may be learned. The smaller, the heavier
            the tails; from about a thousand on it is a Gaussian and a float32 ``df``
            feels only rounding.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``mean`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, ``df`` is a number that is not positive and
            finite, or ``reduction`` is not one of these.

    >>> mean = torch.tensor([1.0, 3.0], requires_grad=True)
    >>> loss = student_t_nll(mean, torch.zeros(2), torch.ones(2), 1.0, "none")
    >>> loss.detach()  # at df = 1 it is Cauchy's: log(2 pi), log(10 pi)
    tensor([1.8379, 3.4473])
    >>> loss.sum().backward()
    >>> mean.grad  # 2 * 1 / (1 + 1), 2 * 3 / (1 + 9)
    tensor([1.0000, 0.6000])

    >>> inputs = torch.tensor([[0.5], [1.0], [2.0], [3.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(student_t_nll, inputs.requires_grad_().unbind())
    True
    """
    if not mean.shape == target.shape == scale.shape:
        raise ValueError(
            f"mean, target and scale must have the same shape, got "
            f"{tuple(mean.shape)}, {tuple(target.shape)} and {tuple(scale.shape)}"
        )
    library = torch if isinstance(df, Tensor) else math
    if library is torch and df.shape == (1,):
        df = df.reshape(())
    if library is torch and df.shape not in ((), mean.shape):
        raise ValueError(
            f"df must be one number or have the shape of mean, got "
            f"{tuple(df.shape)} and {tuple(mean.shape)}"
        )
    if library is math and not 0 < df < math.inf:
        raise ValueError(f"df must be positive and finite, got {df}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    log_norm = library.lgamma(df / 2) - library.lgamma((df + 1) / 2)
    log_norm = log_norm + library.log(math.pi * df) / 2
    if library is torch:
        df, log_norm = df.to(mean), log_norm.to(mean)
    square = ((mean - target) / scale) ** 2
    loss = (df + 1) / 2 * torch.log1p(square / df) + torch.log(scale) + log_norm
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Beyond its turning point the gradient is smaller the farther a point is
# -----------------------------------------------------------------------
# The gradient of the Gaussian likelihood is the residual itself. With three degrees of
# freedom it turns at the square root of three and fades.
#
# .. draggable-figure:: student_t_nll(along(-5, 5, 3), 0.0, 1.0, df=slider(1, 9, 3))
#
#    Raise the degrees of freedom: the gradient turns farther out, at their
#    square root.

import matplotlib.pyplot as plt

residual = torch.linspace(-8, 8, 321, requires_grad=True)
zero, one = torch.zeros(321), torch.ones(321)

loss = student_t_nll(residual, zero, one, df=3.0, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), residual)
gaussian = torch.nn.functional.gaussian_nll_loss(residual, zero, one, reduction="sum")
(gaussian_gradient,) = torch.autograd.grad(gaussian, residual)

fig, ax = plt.subplots()
ax.plot(residual.detach(), loss.detach(), label="Student t, df = 3")
ax.plot(residual.detach(), gradient, label="its gradient")
ax.plot(residual.detach(), gaussian_gradient, "--", label="gradient of the Gaussian")
ax.set(xlabel="residual in scales", ylabel="loss and gradient", ylim=(-3, 7))
ax.set_title("The gradient turns at 1.7 scales and fades")
ax.legend(loc="upper center")

print(f"largest gradient at {residual[gradient.argmax()].item():.2f} scales")
theirs = -torch.distributions.StudentT(3.0, zero, one).log_prob(residual)
assert torch.allclose(loss, theirs)

# %%
# The line of the many, not of the few
# ------------------------------------
# One target in four on the right is two too high.
# The degrees of freedom are learned with the line and the scale, so nobody has to say
# how many outliers there are.

x = torch.linspace(-1, 1, 500)
y = x + 0.1 * torch.randn(500)
y[250::4] += 2


def fit(loss):
    weights = torch.zeros(4, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        offset, slope, log_scale, log_df = weights.unbind()
        scale = log_scale.exp().expand_as(x)
        loss(offset + slope * x, y, scale, log_df.exp()).backward()
        optimizer.step()
    return (*weights[:2].tolist(), *weights[2:].exp().tolist())


def gaussian_nll(mean, target, scale, df):
    return torch.nn.functional.gaussian_nll_loss(mean, target, scale**2)


for name, loss in {"Student t": student_t_nll, "Gaussian": gaussian_nll}.items():
    offset, slope, scale, _ = fit(loss)
    print(f"{name}: slope {slope:.2f} (true 1), scale {scale:.2f}")

# %%
# Learning the degrees of freedom needs all the terms
# ---------------------------------------------------
# The terms without a residual are constants only while df is fixed. Learned without
# them, the tails come out far too heavy.


def unnormalized(mean, target, scale, df):
    square = ((mean - target) / scale) ** 2
    return ((df + 1) / 2 * torch.log1p(square / df) + torch.log(scale)).mean()


y = x + torch.distributions.StudentT(4.0, 0.0, 0.1).sample((500,))
for name, loss in {"complete": student_t_nll, "dropped": unnormalized}.items():
    print(f"{name}: df {fit(loss)[3]:.1f}, where 4 is true")

# %%
# Use it when data have outliers and the spread is wanted, too; rather
# :doc:`/examples/probabilistic/gaussian_nll` when there are none,
# :doc:`/examples/robust/general_robust` when only the fit counts,
# :doc:`/examples/robust/huber` when a start may be far off: this loss is not convex,
# and the gradient out there is small. Fix df at 3 or 4 when data are few. The value may
# be negative: a density can be above 1. The scale is no standard deviation: that is
# larger for df above 2, and infinite from 2 down to 1.

for df in (10.0, 3.0, 2.0):
    spread = torch.distributions.StudentT(df, 0.0, 1.0).stddev.item()
    print(f"standard deviation at df = {df} and scale 1: {spread:.2f}")
close = student_t_nll(zero, zero, one / 100, 3.0)
print(f"a perfect mean with a scale of 0.01: {close:.2f}")

# sphinx_gallery_tags = ["regression", "numbers", "uncertainty", "outliers"]
