r"""
Gaussian negative log-likelihood
================================

The pull on the mean is divided by the variance, and the variance is pulled to the
squared residual.

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

Autograd gives both gradients exactly.

Source: D. A. Nix, A. S. Weigend, *Estimating the Mean and Variance of the Target
Probability Distribution*, IEEE International Conference on Neural Networks, 1994.
"""

import math

import torch


def gaussian_nll(mean, target, var, full=True, reduction="mean"):
    """Negative log-likelihood of the target under a Gaussian.

    Args:
        mean: Tensor of any shape.
        target: Tensor of the same shape, in the same unit.
        var: Tensor of the same shape, in that unit squared: the variance, not the
            standard deviation. Positive: predict its logarithm and take ``exp``.
        full: Whether to add the constant ``log(2 pi) / 2``. It moves no gradient, and
            makes the value comparable with that of other likelihoods.
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
# For a residual of 2 the gradient in the variance changes its sign at 4.
# Meanwhile the pull on the mean, 2 under squared error whatever happens, fades as the
# variance grows: a model that is unsure learns less from a miss.

import matplotlib.pyplot as plt

var = torch.linspace(0.6, 12, 201, requires_grad=True)
mean = torch.full_like(var, 2.0).requires_grad_()

loss = gaussian_nll(mean, torch.zeros_like(mean), var, reduction="none")
var_gradient, mean_gradient = torch.autograd.grad(loss.sum(), (var, mean))

fig, ax = plt.subplots()
ax.plot(var.detach(), loss.detach(), label="loss at a residual of 2")
ax.plot(var.detach(), var_gradient, label="its gradient in the variance")
ax.plot(var.detach(), mean_gradient, "--", label="its gradient in the mean")
ax.plot(var.detach(), mean.detach(), ":", label="that of squared error")
ax.set(xlabel="predicted variance", ylabel="loss and gradient", ylim=(-1, 4.5))
ax.set_title("The variance is at rest at 4, the squared residual")
ax.legend()

print(f"variance of the least loss: {var[loss.argmin()].item():.2f}")

# %%
# The constant is the only difference from torch's
# ------------------------------------------------
# :func:`torch.nn.functional.gaussian_nll_loss` leaves the constant out unless told, and
# raises variances below 1e-6 to that.

mean, target = torch.randn(2, 1000, dtype=torch.float64)
var = torch.rand(1000, dtype=torch.float64) + 0.1
theirs = torch.nn.functional.gaussian_nll_loss(mean, target, var)
print(f"ours - theirs = {gaussian_nll(mean, target, var) - theirs:.6f}")
assert torch.allclose(gaussian_nll(mean, target, var, full=False), theirs)

# %%
# The model says where it is unsure
# ---------------------------------
# The noise grows ninefold; the model learns a line for the mean and one for the
# logarithm of the variance.

x = torch.linspace(-1, 1, 300)
noise = 0.3 * 3**x
y = x + noise * torch.randn(300)


def fit(loss):
    model = torch.nn.Linear(1, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        mean, log_spread = model(x[:, None]).unbind(1)
        loss(mean, y, log_spread.exp()).backward()
        optimizer.step()
    mean, log_spread = model(x[:, None]).detach().unbind(1)
    return mean, log_spread.exp()


def share_within_two(mean, std):
    return f"{((y - mean).abs() < 2 * std).float().mean():.0%}"


mean, var = fit(gaussian_nll)
std = var.sqrt()
print(f"noise at both ends: true {noise[0]:.2f} and {noise[-1]:.2f}, ", end="")
print(f"learned {std[0]:.2f} and {std[-1]:.2f}")
print("targets within two standard deviations:", share_within_two(mean, std))

fig, ax = plt.subplots()
ax.plot(x, mean, label="mean")
ax.plot(x, y, ".", alpha=0.5, label="targets")
ax.fill_between(x, mean - 2 * std, mean + 2 * std, alpha=0.3, label="two deviations")
ax.set(xlabel="x", ylabel="y")
ax.set_title("The band widens with the noise")
_ = ax.legend(loc="upper left")

# %%
# The usual mistake: the standard deviation in the place of the variance
# ----------------------------------------------------------------------
# Nothing fails: the loss falls, and gradcheck is content.
# But what is called the standard deviation has become the variance, far too small where
# the noise is below one, and the band promises what it does not keep.

mean, not_std = fit(gaussian_nll)
print("targets within two standard deviations:", share_within_two(mean, not_std))

# %%
# Take it where the noise differs from point to point and the model is to know it.
# Take squared error where the noise is the same everywhere, a heavier tail where there
# are outliers, and beta-NLL where the mean fits badly: a model that starts badly can
# call it noise, since a large variance weakens the pull on the mean.

for var in (1.0, 100.0):
    pull = torch.func.grad(gaussian_nll)(*torch.tensor([5.0, 0.0, var]), True)
    print(f"a residual of 5 under a variance of {var:.0f} pulls with {pull:.2f}")
