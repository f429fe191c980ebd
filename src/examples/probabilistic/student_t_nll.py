r"""
Student-t negative log-likelihood
=================================

The pull of a residual rises, turns and fades, so an outlier is left where it is.

With the residual in units of the scale, :math:`z = (\mu - y) / \sigma`, and :math:`\nu`
degrees of freedom:

.. math::

   \ell = \frac{\nu + 1}{2} \log \left( 1 + \frac{z^2}{\nu} \right) + \log \sigma
   + \frac{1}{2} \log \pi \nu + \log \Gamma \left( \tfrac{\nu}{2} \right)
   - \log \Gamma \left( \tfrac{\nu + 1}{2} \right)
   \qquad
   \frac{\partial \ell}{\partial \mu} = \frac{1}{\sigma} \frac{(\nu + 1) z}{\nu + z^2}

The pull is largest at :math:`z = \sqrt \nu`.
Autograd does the work, in the degrees of freedom as well.

Source: K. L. Lange, R. J. A. Little, J. M. G. Taylor, *Robust Statistical Modeling
Using the t Distribution*, Journal of the American Statistical Association 84 (1989),
881-896.
"""

import math

import torch


def student_t_nll(mean, target, scale, df, reduction="mean"):
    """Negative log-likelihood of the target under Student's t distribution.

    Args:
        mean: Tensor of any shape: the centre.
        target: Tensor of the same shape, in the same unit.
        scale: Tensor of the same shape and unit, positive. It is not the standard
            deviation, which is larger by ``sqrt(df / (df - 2))``.
        df: Degrees of freedom, positive: a number, or a tensor of one number or of that
            shape, which may be learned. The smaller, the heavier the tails; from about
            a thousand on it is a Gaussian and a float32 ``df`` feels only rounding.
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
    library = torch if isinstance(df, torch.Tensor) else math
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
# Beyond its turning point an outlier pulls less the farther it is
# ----------------------------------------------------------------
# The Gaussian likelihood pulls with the residual itself.
# With three degrees of freedom the pull turns at the square root of three and fades.
#
# .. draggable-figure:: student_t_nll(along(-5, 5, 3), 0.0, 1.0, df=slider(1, 9, 3))
#
#    Raise the degrees of freedom: the pull turns farther out, at their square root.

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
ax.set_title("The pull turns at 1.7 scales and fades")
ax.legend(loc="upper center")

print(f"largest pull at {residual[gradient.argmax()].item():.2f} scales")

# %%
# The density is torch's
# ----------------------
# :class:`torch.distributions.studentT.StudentT` checks its arguments and knows no
# reduction; the logarithm of its density is the same number.

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


fig, ax = plt.subplots()
ax.plot(x, y, ".", alpha=0.5, label="targets")
for name, loss in {"Student t": student_t_nll, "Gaussian": gaussian_nll}.items():
    offset, slope, scale, _ = fit(loss)
    print(f"{name}: slope {slope:.2f} (true 1), scale {scale:.2f}")
    ax.plot(x, offset + slope * x, label=name)
ax.set(xlabel="x", ylabel="y")
ax.set_title("Student's t leaves the outliers where they are")
ax.legend()

# %%
# The usual mistake: dropping the terms without a residual
# --------------------------------------------------------
# They are constants only while the degrees of freedom are fixed.
# Learned without them, the tails come out far too heavy.


def unnormalized(mean, target, scale, df):
    square = ((mean - target) / scale) ** 2
    return ((df + 1) / 2 * torch.log1p(square / df) + torch.log(scale)).mean()


y = x + torch.distributions.StudentT(4.0, 0.0, 0.1).sample((500,))
for name, loss in {"complete": student_t_nll, "dropped": unnormalized}.items():
    print(f"{name}: df {fit(loss)[3]:.1f}, where 4 is true")

# %%
# Take it for data with outliers when the spread is wanted, too; fix df at 3 or 4 where
# there are too few data to learn it.
# Do not read the scale as a standard deviation, which is larger, and infinite up to 2.
# The loss is not convex: a start far off feels hardly any pull.

spread = torch.distributions.StudentT(3.0, 0.0, 1.0).stddev.item()
print(f"standard deviation at df = 3 and scale 1: {spread:.2f}")
