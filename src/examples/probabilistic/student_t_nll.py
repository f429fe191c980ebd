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
        df: Degrees of freedom, positive: the smaller, the heavier the tails. A number,
            or a tensor of shape () or (1,) or that of ``mean``, which may be learned.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``mean`` with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or an option is out of range.

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
    learned = isinstance(df, Tensor)
    if learned and df.shape == (1,):
        df = df.reshape(())
    if learned and df.shape not in ((), mean.shape):
        raise ValueError(
            f"df must be one number or have the shape of mean, got "
            f"{tuple(df.shape)} and {tuple(mean.shape)}"
        )
    if not learned and not 0 < df < math.inf:
        raise ValueError(f"df must be positive and finite, got {df}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    library = torch if learned else math
    log_norm = library.lgamma(df / 2) - library.lgamma((df + 1) / 2)
    log_norm = log_norm + library.log(math.pi * df) / 2
    if learned:
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
residual = residual.detach()

fig, ax = plt.subplots()
ax.plot(residual, loss.detach(), label="Student t, df = 3")
ax.plot(residual, gradient, label="its gradient")
ax.plot(residual, residual, "--", label="gradient of the Gaussian")
ax.set(xlabel="residual in scales", ylabel="loss and gradient", ylim=(-3, 7))
ax.set_title("The gradient turns at 1.7 scales and fades")
ax.legend(loc="upper center")

print(f"largest gradient at {residual[gradient.argmax()].item():.2f} scales")

# %%
# The line of the many, not of the few
# ------------------------------------
# One target in four on the right is two too high.
# The degrees of freedom are learned with the line and the scale, so nobody has to say
# how many outliers there are.

x = torch.linspace(-1, 1, 500)
y = x + 0.1 * torch.randn(500)
y[250::4] += 2


def gaussian_nll(mean, target, scale, df):
    return torch.nn.functional.gaussian_nll_loss(mean, target, scale**2)


for name, loss in {"Student t": student_t_nll, "Gaussian": gaussian_nll}.items():
    weights = torch.zeros(4, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        offset, slope, log_scale, log_df = weights.unbind()
        scale = log_scale.exp().expand_as(x)
        loss(offset + slope * x, y, scale, log_df.exp()).backward()
        optimizer.step()
    print(f"{name}: slope {weights[1]:.2f} (true 1), scale {weights[2].exp():.2f}")

# %%
# Use it when data have outliers and the spread is wanted, too; rather
# :doc:`/examples/probabilistic/gaussian_nll` when there are none,
# :doc:`/examples/robust/general_robust` when only the fit counts,
# :doc:`/examples/robust/huber` when a start may be far off: this loss is not convex,
# and the gradient out there is small. Fix df at 3 or 4 when data are few. To learn it,
# keep the terms without a residual: they are constants only while df is fixed, and
# without them the tails come out far too heavy. The scale is no standard deviation. The
# value may be negative, as a density can be above 1:

print(f"perfect, scale 0.01: {student_t_nll(zero, zero, one / 100, 3.0):.2f}")
noise = torch.distributions.StudentT(4.0).sample((2000,))
df = torch.logspace(-1, 1, 201)
constants = torch.stack([student_t_nll(zero, zero, one, d) for d in df])
loss = torch.stack([student_t_nll(noise, 0 * noise, 0 * noise + 1, d) for d in df])
print(f"best df, where 4 is true: {df[loss.argmin()]:.1f}", end="; ")
print(f"without the terms {df[(loss - constants).argmin()]:.1f}")

# sphinx_gallery_tags = ["regression", "numbers", "outliers", "uncertainty"]
