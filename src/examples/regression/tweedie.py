r"""
Tweedie
=======

For amounts with many zeros; the power says how the gradient grows with the mean.

The prediction :math:`p` is the logarithm of the mean :math:`\mu`, the target :math:`t`
is 0 or more, and its variance is taken to grow as :math:`\mu^\rho`:

.. math::

   \ell = -t \, \frac{e^{(1 - \rho) p}}{1 - \rho} + \frac{e^{(2 - \rho) p}}{2 - \rho}
   \qquad
   \frac{\partial \ell}{\partial p} = \mu^{1 - \rho} (\mu - t)

At :math:`\rho = 1` the first fraction becomes :math:`p`, and this is the loss of
Poisson; at :math:`\rho = 2` the second does, and it is that of the gamma distribution.

Source: B. Jørgensen, *Exponential Dispersion Models*, Journal of the Royal Statistical
Society B 49 (1987), 127-162; the negative log-likelihood times the dispersion, without
what does not depend on :math:`p`, as gradient-boosting libraries take it.
"""

import torch
from torch import Tensor


def tweedie(
    prediction: Tensor, target: Tensor, power: float = 1.5, reduction: str = "mean"
) -> Tensor:
    """Tweedie likelihood of amounts, with the log of the mean predicted.

    Args:
        prediction: Tensor of any shape, the logarithm of the predicted mean.
        target: Tensor of the same shape, not in logarithms; 0 or more, and positive
            from a power of 2 on.
        power: How the variance grows with the mean: 1 as for counts, 2 as for gamma,
            between them for sums of a few positive amounts; never between 0 and 1.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``prediction`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or an option is out of range.

    >>> prediction = torch.zeros(2, requires_grad=True)  # a mean of 1
    >>> loss = tweedie(prediction, torch.tensor([0.0, 3.0]), reduction="none")
    >>> loss.detach()  # 2 t + 2
    tensor([2., 8.])
    >>> loss.sum().backward()
    >>> prediction.grad
    tensor([ 1., -2.])

    >>> x, y = torch.tensor([[0.5, -1.0], [3.0, 0.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(tweedie, (x.requires_grad_(), y))
    True
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if 0 < power < 1:
        raise ValueError(f"power must not lie between 0 and 1, got {power}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )

    def integral(exponent: float) -> Tensor:
        """The integral of exp(exponent * p) over p."""
        if exponent == 0:
            return prediction
        return torch.exp(exponent * prediction) / exponent

    loss = integral(2 - power) - target * integral(1 - power)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# How much a large customer counts
# --------------------------------
# All powers have the same aim, the mean. They differ in how they share the gradient
# between rows with small and rows with large means. For the same relative error it
# grows with the mean at power 1, with its root at 1.5, and not at all at 2.

import matplotlib.pyplot as plt

mean = torch.logspace(0, 4, 101)
fig, ax = plt.subplots()
for power in (1.0, 1.5, 2.0):
    p = mean.log().requires_grad_()
    loss = tweedie(p, mean / 1.1, power, reduction="sum")  # predicted 10 % too high
    (gradient,) = torch.autograd.grad(loss, p)
    ax.plot(mean, gradient, label=f"power {power:g}")
    print(f"power {power}: {gradient[0]:.2f} at 1, {gradient[-1]:.2f} at 10,000")
ax.set(xlabel="predicted mean", ylabel="gradient", xscale="log", yscale="log")
ax.set_title("The gradient of a prediction that is 10 % too high")
ax.legend()

# %%
# Most customers claim nothing, and the total must still be right
# ---------------------------------------------------------------
# Each of 4,000 customers has a Poisson number of claims of a gamma-distributed size, so
# about eight in ten targets are 0. A model on log(1 + amount) predicts a typical value,
# and its total is far too low. This loss with a constant fits the mean, and so the
# total.

claims = torch.poisson(torch.full((4000,), 0.25))
size = torch.distributions.Gamma(2.0, 0.002).sample((4000, 8))  # 1000 on average
target = (size * (torch.arange(8) < claims[:, None])).sum(1)
log_mean = torch.linspace(0, 8, 801)
losses = torch.stack([tweedie(p.expand(4000), target) for p in log_mean])
print(f"zeros {(target == 0).float().mean():.0%}, mean {target.mean():.0f}", end="; ")
print(f"best constant {log_mean[losses.argmin()].exp():.0f}", end="; ")
print(f"by squared error of log(1 + amount) {target.log1p().mean().expm1():.1f}")

# %%
# Use it when a target is 0 or a sum of a few positive amounts: claims, rainfall, sales
# of a slow item; rather :doc:`/examples/regression/gamma_nll` when no target is 0, and
# :func:`torch.nn.functional.poisson_nll_loss` when all are counts.
#
# 1.5 is a usual power; choose it on held-out data by a score that does not depend on
# it, never by this loss. What was dropped depends on the power, so that a larger value
# says nothing. Amounts per year of exposure: divide the target by the exposure and
# weigh the rows with it, by :doc:`/examples/reduction/masked_mean`.

perfect = torch.tensor([400.0])
for power in (1.1, 1.5, 1.9):
    best = tweedie(perfect.log(), perfect, power)
    print(f"power {power}: a perfect prediction costs {best:.2f}")

# sphinx_gallery_tags = ["regression", "amounts"]
