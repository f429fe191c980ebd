r"""
Beta-NLL
========

For uncertainty: a large variance no longer takes the gradient from the mean, a weight
restores it.

The Gaussian likelihood divides the gradient of the mean :math:`\mu` by the variance
:math:`\sigma^2`. Here each point's loss is multiplied by a power of its own variance,
and that weight is a constant to the gradient (:math:`\lfloor \cdot \rfloor`):

.. math::

   \ell = \frac{1}{2} \lfloor \sigma^{2 \beta} \rfloor
   \left( \log \sigma^2 + \frac{(\mu - y)^2}{\sigma^2} \right)
   \qquad
   \frac{\partial \ell}{\partial \mu} = \frac{\mu - y}{\sigma^{2 - 2 \beta}}

At :math:`\beta = 0` it is the likelihood, at 1 the mean's gradient is that of squared
error. The variance still settles at the squared residual.

Source: M. Seitzer, A. Tavakoli, D. Antic, G. Martius, *On the Pitfalls of
Heteroscedastic Uncertainty Estimation with Probabilistic Neural Networks*, ICLR 2022.
"""

import torch
from torch import Tensor


def beta_nll(
    mean: Tensor,
    target: Tensor,
    var: Tensor,
    beta: float = 0.5,
    reduction: str = "mean",
) -> Tensor:
    """Gaussian negative log-likelihood, weighted by a power of the variance.

    Args:
        mean: Tensor of any shape.
        target: Tensor of the same shape, in the same unit.
        var: Tensor of the same shape, in that unit squared: the variance, positive.
        beta: Power of the variance in the weight, from 0 to 1.
        reduction: ``"mean"`` over the elements, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``mean`` with ``"none"``. The constant
        ``log(2 pi) / 2`` is left out.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    The gradient in ``var`` is meant to differ from the slope of the value, since the
    weight does not count: ``gradcheck`` agrees on ``mean`` and objects to ``var``.

    >>> mean = torch.tensor([0.0, 3.0], requires_grad=True)
    >>> var = torch.tensor([1.0, 4.0], requires_grad=True)
    >>> loss = beta_nll(mean, torch.ones(2), var, beta=0.5, reduction="sum")
    >>> loss.detach()  # 1 * (0 + 1) / 2 + 2 * (log 4 + 1) / 2 = 1.5 + 2 log 2
    tensor(2.8863)
    >>> loss.backward()
    >>> mean.grad  # -1 / 1, 2 / 2
    tensor([-1.,  1.])
    >>> var.grad  # both variances are the squared residual already
    tensor([0., 0.])

    >>> x, y, v = torch.tensor([[0.5], [1.0], [2.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(beta_nll, (x.requires_grad_(), y, v))
    True
    >>> inputs = (x, y, v.requires_grad_())
    >>> torch.autograd.gradcheck(beta_nll, inputs, raise_exception=False)
    False
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
    nll = (torch.log(var) + (mean - target) ** 2 / var) / 2
    loss = var.detach() ** beta * nll
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# A point that is called noisy is still learned from
# --------------------------------------------------
# At a standard deviation of 10 the likelihood leaves a hundredth of the mean's
# gradient, beta = 0.5 a tenth, beta = 1 all of it.

import matplotlib.pyplot as plt

std = torch.linspace(0.3, 10, 201)
mean = torch.ones(201, requires_grad=True)
fig, ax = plt.subplots()
for beta, label in {0.5: "0.5", 0.0: "0: likelihood", 1.0: "1: squared error"}.items():
    loss = beta_nll(mean, torch.zeros(201), std**2, beta, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, mean)
    ax.plot(std, gradient, label=f"beta = {label}")
    print(f"beta = {beta}: {gradient[-1]:.2f} at a standard deviation of 10")
ax.set(xlabel="predicted standard deviation", ylim=(0, 4))
ax.set_ylabel("gradient in the mean, at a residual of 1")
ax.set_title("A residual of 1 keeps a gradient, however unsure the model is")
ax.legend(loc="upper right")

# %%
# The mean is learned where the likelihood gives up
# -------------------------------------------------
# A sine, almost without noise. The likelihood takes for noise what it has not learned
# yet, and then has little gradient left to learn it.

x = torch.linspace(-1, 1, 200)[:, None]
sine = torch.sin(8 * x[:, 0])
y = sine + 0.05 * torch.randn(200)
for beta in (0.0, 0.5):
    _ = torch.manual_seed(0)
    hidden = (torch.nn.Linear(1, 32), torch.nn.Tanh(), torch.nn.Linear(32, 32))
    model = torch.nn.Sequential(*hidden, torch.nn.Tanh(), torch.nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for _ in range(300):
        optimizer.zero_grad()
        mean, log_var = model(x).unbind(1)
        beta_nll(mean, y, log_var.exp(), beta).backward()
        optimizer.step()
    error, std = (mean - sine).square().mean().sqrt(), log_var.exp().mean().sqrt()
    print(f"beta = {beta}: mean off by {error:.2f}; noise said {std:.2f}, true 0.05")

# %%
# Use it when a network predicts mean and variance and the likelihood fits the mean
# badly; 0.5 is the paper's advice. Rather :doc:`/examples/probabilistic/gaussian_nll`
# when the model is compared with others: the weight makes the value small where the
# variance is, so a lower beta-NLL is no better fit. Like the likelihood, it may be
# negative, and it takes the variance, not the standard deviation.
#
# The weight must be detached. Otherwise the variance no longer settles at the squared
# residual; at beta = 1 it settles at 1 / e, whatever the residual:

var = torch.tensor(-1.0).exp().requires_grad_()
for residual in (0.1, 10.0):
    attached = var * (var.log() + residual**2 / var) / 2
    (slope,) = torch.autograd.grad(attached, var)
    print(f"residual {residual}: gradient {slope.abs():.0e} at a variance of {var:.2f}")

# sphinx_gallery_tags = ["regression", "numbers", "uncertainty"]
