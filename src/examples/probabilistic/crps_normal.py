r"""
CRPS of a normal distribution
=============================

However far a target is, it pulls the mean no harder than 1 and the scale by 0.56.

The continuous ranked probability score is the squared distance between the predicted
distribution function and the step that the target :math:`y` makes.
For a normal distribution, with :math:`z = (\mu - y) / \sigma` and the standard density
:math:`\varphi`:

.. math::

   \ell = \int \left( F(t) - [t \ge y] \right)^2 dt
   = (\mu - y) \operatorname{erf} \frac{z}{\sqrt 2}
   + \sigma \left( 2 \varphi(z) - \frac{1}{\sqrt \pi} \right)

.. math::

   \frac{\partial \ell}{\partial \mu} = \operatorname{erf} \frac{z}{\sqrt 2}
   \qquad
   \frac{\partial \ell}{\partial \sigma} = 2 \varphi(z) - \frac{1}{\sqrt \pi}

It has the unit of the target and becomes the absolute error as :math:`\sigma` goes to
zero.
Autograd does the work.

Source: T. Gneiting, A. E. Raftery, A. H. Westveld, T. Goldman, *Calibrated
Probabilistic Forecasting Using Ensemble Model Output Statistics and Minimum CRPS
Estimation*, Monthly Weather Review 133 (2005), 1098-1118.
"""

import math

import torch


def crps_normal(mean, target, scale, reduction="mean"):
    """Continuous ranked probability score of a normal distribution.

    Args:
        mean: Tensor of any shape.
        target: Tensor of the same shape, in the same unit.
        scale: Tensor of the same shape and unit: the standard deviation, positive.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``mean`` with ``"none"``, in the unit of
        the target.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    >>> mean = torch.tensor([0.0, 100.0], requires_grad=True)
    >>> scale = torch.ones(2, requires_grad=True)
    >>> loss = crps_normal(mean, torch.zeros(2), scale, reduction="none")
    >>> loss.detach()  # (sqrt 2 - 1) / sqrt pi, 100 - 1 / sqrt pi
    tensor([ 0.2337, 99.4358])
    >>> loss.sum().backward()
    >>> mean.grad
    tensor([0., 1.])
    >>> scale.grad
    tensor([ 0.2337, -0.5642])

    >>> x, y, scale = torch.tensor([[0.5, 3.0], [1.0, 1.0], [0.2, 2.0]]).double()
    >>> inputs = (x.requires_grad_(), y, scale.requires_grad_())
    >>> torch.autograd.gradcheck(crps_normal, inputs)
    True
    """
    if not mean.shape == target.shape == scale.shape:
        raise ValueError(
            f"mean, target and scale must have the same shape, got "
            f"{tuple(mean.shape)}, {tuple(target.shape)} and {tuple(scale.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    residual = mean - target
    z = residual / scale
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    distance = residual * torch.erf(z / math.sqrt(2))
    loss = distance + scale * (2 * density - 1 / math.sqrt(math.pi))
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The pull on the mean saturates at one
# -------------------------------------
# The Gaussian likelihood pulls with the residual over the variance, without limit.
# The score's pull is the probability between the target and its mirror image.

import matplotlib.pyplot as plt

mean = torch.linspace(-5, 5, 201, requires_grad=True)
target, scale = torch.zeros(201), torch.ones(201)

loss = crps_normal(mean, target, scale, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), mean)
likelihood = torch.nn.functional.gaussian_nll_loss(mean, target, scale, reduction="sum")
(likelihood_gradient,) = torch.autograd.grad(likelihood, mean)

fig, ax = plt.subplots()
ax.plot(mean.detach(), loss.detach(), label="CRPS")
ax.plot(mean.detach(), gradient, label="its gradient")
ax.plot(mean.detach(), likelihood_gradient, "--", label="gradient of the likelihood")
ax.set(xlabel="mean - target, in scales", ylabel="loss and gradient", ylim=(-3, 5))
ax.set_title("Beyond two scales the pull is 1 and stays there")
ax.legend(loc="upper center")

print(f"pull at 5 scales: CRPS {gradient[-1]:.2f}, ", end="")
print(f"likelihood {likelihood_gradient[-1]:.2f}")

# %%
# It is the area between two distribution functions, squared
# ----------------------------------------------------------
# The integral of the definition, on a fine grid, gives the same number.

t = torch.linspace(-30, 30, 600_001, dtype=torch.float64)
for mean, target, scale in ((0.0, 0.0, 1.0), (1.0, -2.0, 0.5), (0.0, 3.0, 2.0)):
    distance = torch.special.ndtr((t - mean) / scale) - (t >= target).double()
    integral = torch.trapezoid(distance**2, t).item()
    closed = crps_normal(*torch.tensor([mean, target, scale]).double()).item()
    print(f"integral {integral:.3f}, closed form {closed:.3f}")
    assert abs(integral - closed) < 1e-4

# %%
# Outliers do not blow up the spread
# ----------------------------------
# One target in twenty is a typing error of 20.
# The likelihood widens until such a target is plausible, the score hardly.

y = torch.randn(400)
y[::20] = 20


def fit(loss):
    weights = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        mean, log_scale = weights.expand(400, 2).unbind(1)
        loss(mean, y, log_scale.exp()).backward()
        optimizer.step()
    return f"mean {weights[0].item():.2f}, scale {weights[1].exp().item():.2g}"


def likelihood(mean, target, scale):
    return torch.nn.functional.gaussian_nll_loss(mean, target, scale**2)


print("true:       mean 0.00, scale 1")
print("CRPS:      ", fit(crps_normal))
print("likelihood:", fit(likelihood))

# %%
# The usual mistake: the reward for spread is left out
# ----------------------------------------------------
# The score is the expected distance to the target, less half the expected distance
# between two draws: the term with the root of pi.
# Without it every spread costs, and the scale goes to zero.


def distance_alone(mean, target, scale):
    return crps_normal(mean, target, scale) + scale.mean() / math.sqrt(math.pi)


print("without the reward:", fit(distance_alone))

# %%
# Take it to train or compare forecasts with a spread, in the unit of the target, when a
# single target must not dominate.
# Take the likelihood where tails matter: a target five scales off pulls the scale as
# much as one ten scales off.
# As the scale goes to zero, it is the absolute error.

for scale in (1.0, 0.1, 1e-6):
    score = crps_normal(*torch.tensor([3.0, 1.0, scale]))
    print(f"scale {scale:g}: {score:.4f}, absolute error 2")
