r"""
CRPS of a normal distribution
=============================

Forecasts with a spread, robust to outliers: the gradient of the mean stays within 1,
the scale's within 0.57.

The continuous ranked probability score is the integral of the squared difference
between the predicted distribution function and the step at the target :math:`y`.
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

Source: T. Gneiting, A. E. Raftery, A. H. Westveld, T. Goldman, *Calibrated
Probabilistic Forecasting Using Ensemble Model Output Statistics and Minimum CRPS
Estimation*, Monthly Weather Review 133 (2005), 1098-1118.
"""

import math

import torch
from torch import Tensor


def crps_normal(
    mean: Tensor, target: Tensor, scale: Tensor, reduction: str = "mean"
) -> Tensor:
    """Continuous ranked probability score of a normal distribution.

    Args:
        mean: Tensor of any shape.
        target: Tensor of the same shape, in the same unit.
        scale: Tensor of the same shape and unit: the standard deviation, positive.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``mean`` with ``"none"``.

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
# The gradient of the mean saturates at 1
# ---------------------------------------
# That of the Gaussian likelihood is the residual over the variance, without limit. That
# of the score is the probability between the target and its mirror image.

import matplotlib.pyplot as plt

mean = torch.linspace(-5, 5, 201, requires_grad=True)
loss = crps_normal(mean, torch.zeros(201), torch.ones(201), reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), mean)
mean = mean.detach()

fig, ax = plt.subplots()
ax.plot(mean, loss.detach(), label="CRPS")
ax.plot(mean, gradient, label="its gradient")
ax.plot(mean, mean, "--", label="gradient of the likelihood")
ax.set(xlabel="mean - target, in scales", ylabel="loss and gradient", ylim=(-3, 5))
ax.set_title("Far from the target the gradient nears 1 and stays there")
ax.legend(loc="upper center")

# %%
# Outliers do not blow up the spread
# ----------------------------------
# One target in twenty is a typing error of 20. The likelihood widens until such a
# target is plausible, the score hardly.

y = torch.randn(400)
y[::20] = 20


def likelihood(mean, target, scale):
    return torch.nn.functional.gaussian_nll_loss(mean, target, scale**2)


for loss in (crps_normal, likelihood):
    weights = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        mean, log_scale = weights.expand(400, 2).unbind(1)
        loss(mean, y, log_scale.exp()).backward()
        optimizer.step()
    mean, scale = weights[0].item(), weights[1].exp().item()
    print(f"{loss.__name__:11}: mean {mean:.2f}, scale {scale:.2f}; true 0 and 1")

# %%
# What does its value mean?
# -------------------------
# An error in the unit of the target, so it is comparable with the mean absolute error
# of a model that gives one number. A perfect mean still costs 0.23 scales.
#
# Use it to train or to compare forecasts with a spread when a single target must not
# dominate; rather :doc:`/examples/probabilistic/gaussian_nll` when tails matter, since
# here the scale has the same gradient from a target five scales off as from one at ten;
# :doc:`/examples/probabilistic/crps_ensemble` when the forecast is a set of samples.

for scale in (1.0, 0.1, 1e-6):
    far, hit = (crps_normal(*torch.tensor([x, 1.0, scale])) for x in (3.0, 1.0))
    print(f"scale {scale:g}: 2 off {far:.4f}, on the target {hit:.2g}")

# sphinx_gallery_tags = ["regression", "numbers", "outliers", "uncertainty"]
