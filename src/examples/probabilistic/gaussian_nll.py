r"""
Gaussian negative log-likelihood
================================

For uncertainty: the gradient of the mean is divided by the variance, so what is noisy
counts less.

A model that predicts a mean :math:`\mu` and a variance :math:`\sigma^2` for each target
:math:`y` says how sure it is:

.. math::

   \ell = \frac{1}{2} \left( \log \sigma^2 + \frac{(\mu - y)^2}{\sigma^2}
   + \log 2 \pi \right)
   \qquad
   \frac{\partial \ell}{\partial \mu} = \frac{\mu - y}{\sigma^2}
   \qquad
   \frac{\partial \ell}{\partial \sigma^2} =
   \frac{1}{2 \sigma^2} \left( 1 - \frac{(\mu - y)^2}{\sigma^2} \right)

Source: D. A. Nix, A. S. Weigend, *Estimating the Mean and Variance of the Target
Probability Distribution*, IEEE International Conference on Neural Networks, 1994.
"""

import math

import torch
from torch import Tensor


def gaussian_nll(
    mean: Tensor,
    target: Tensor,
    var: Tensor,
    full: bool = True,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of the target under a Gaussian.

    Args:
        mean: Tensor of any shape.
        target: Tensor of the same shape, in the same unit.
        var: Tensor of the same shape: the variance, not the standard deviation.
            Positive: predict its logarithm and take ``exp``.
        full: Whether to add the constant ``log(2 pi) / 2``, for comparison with other
            likelihoods.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``mean`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    >>> mean = torch.tensor([0.0, 3.0], requires_grad=True)
    >>> var = torch.tensor([1.0, 4.0], requires_grad=True)
    >>> loss = gaussian_nll(mean, torch.ones(2), var, full=False, reduction="sum")
    >>> loss.detach()  # (0 + 1) / 2 + (log 4 + 1) / 2 = 1 + log 2
    tensor(1.6931)
    >>> loss.backward()
    >>> mean.grad  # -1 / 1, 2 / 4
    tensor([-1.0000,  0.5000])
    >>> var.grad  # both variances are the squared residual already
    tensor([0., 0.])

    >>> x, var = torch.tensor([[0.5, 3.0], [0.2, 9.0]], dtype=torch.float64)
    >>> inputs = (x.requires_grad_(), torch.ones_like(x), var.requires_grad_())
    >>> torch.autograd.gradcheck(gaussian_nll, inputs)
    True
    """
    if not mean.shape == target.shape == var.shape:
        raise ValueError(
            f"mean, target and var must have the same shape, got {tuple(mean.shape)}, "
            f"{tuple(target.shape)} and {tuple(var.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    loss = (torch.log(var) + (mean - target) ** 2 / var) / 2
    if full:
        loss = loss + math.log(2 * math.pi) / 2
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The variance settles at the squared residual
# --------------------------------------------
# For a residual of 2 the gradient of the variance changes its sign at 4. That of the
# mean, 2 under squared error whatever happens, fades as the variance grows: a model
# that is unsure learns less from a miss.

import matplotlib.pyplot as plt

var = torch.linspace(0.6, 12, 201, requires_grad=True)
mean = torch.full((201,), 2.0, requires_grad=True)
loss = gaussian_nll(mean, torch.zeros(201), var, reduction="none")
var_gradient, mean_gradient = torch.autograd.grad(loss.sum(), (var, mean))
var = var.detach()

fig, ax = plt.subplots()
ax.plot(var, loss.detach(), label="loss at a residual of 2")
ax.plot(var, var_gradient, label="its gradient in the variance")
ax.plot(var, mean_gradient, "--", label="its gradient in the mean")
ax.plot(var, mean.detach(), ":", label="that of squared error")
ax.set(xlabel="predicted variance", ylabel="loss and gradient", ylim=(-1, 4.5))
ax.set_title("The variance is at rest at 4, the squared residual")
ax.legend()

# %%
# Why is it negative?
# -------------------
# A density may be above 1, so its negative logarithm may be below 0. The value depends
# on the unit of the target, too: compare models on the same targets, and not with zero.
# Here a perfect mean in metres, and the same in millimetres.

for unit, size in {"metres": 1.0, "millimetres": 1000.0}.items():
    x, var = torch.tensor(2.0) * size, torch.tensor(1e-4) * size**2
    print(f"in {unit}: {gaussian_nll(x, x, var):.2f}")

# %%
# It takes the variance, and nothing fails with the standard deviation
# --------------------------------------------------------------------
# Whatever is passed settles at the squared residual. Read as a standard deviation, it
# promises a band of two deviations that does not hold. A network predicts a logarithm,
# since a variance must be positive: ``exp`` of the output, or softplus and a small
# constant.

residual = 0.3 * torch.randn(1000)
settled = residual.square().mean()
for name, std in {"variance": settled.sqrt(), "standard deviation": settled}.items():
    share = (residual.abs() < 2 * std).float().mean()
    print(f"{settled:.2f} is the {name}: {share:.0%} within two deviations")

# %%
# Use it when the noise differs from point to point and the model is to know it; rather
# :doc:`/examples/probabilistic/beta_nll` when the mean fits badly because points are
# called noisy, :doc:`/examples/probabilistic/student_t_nll` or
# :doc:`/examples/probabilistic/crps_normal` when there are outliers, squared error when
# the noise is the same everywhere. :func:`torch.nn.functional.gaussian_nll_loss` leaves
# the constant out unless told ``full=True``, raises variances below 1e-6 to that, and
# objects to a negative one, "var has negative entry/entries", where this loss is NaN.

mean, target, var = torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([2.0])
theirs = torch.nn.functional.gaussian_nll_loss(mean, target, var)
torch.testing.assert_close(gaussian_nll(mean, target, var, full=False), theirs)
print(f"a negative variance: {gaussian_nll(mean, target, -var)}")

# sphinx_gallery_tags = ["regression", "numbers", "uncertainty"]
