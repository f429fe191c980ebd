r"""
Evidential regression
=====================

One network predicts mean, spread and uncertainty; the data leave the last open.

The network predicts the four parameters of a normal-inverse-gamma distribution. With
the residual :math:`r = y - \gamma` and :math:`\Omega = 2 \beta (1 + \nu)`:

.. math::

   \ell = \frac{1}{2} \log \frac{\pi}{\nu} - \alpha \log \Omega
   + \left( \alpha + \tfrac{1}{2} \right) \log (\nu r^2 + \Omega)
   + \log \frac{\Gamma(\alpha)}{\Gamma(\alpha + \frac{1}{2})}
   + \lambda \, |r| \, (2 \nu + \alpha)

The first terms are the negative log-likelihood of a Student t distribution; the last
takes away evidence where the prediction is off.

Source: A. Amini, W. Schwarting, A. Soleimany and D. Rus, *Deep Evidential Regression*,
NeurIPS 2020, equations 8 to 10.
"""

import math

import torch
from torch import Tensor


def evidential_nig(
    gamma: Tensor,
    nu: Tensor,
    alpha: Tensor,
    beta: Tensor,
    target: Tensor,
    lambda_: float = 0.1,
) -> Tensor:
    """Evidential regression with a normal-inverse-gamma distribution.

    Args:
        gamma: Tensor of any shape, the predicted mean; all have this shape.
        nu: Positive: how often the mean seems to have been seen.
        alpha: Above 1: half as many observations of the variance.
        beta: Positive, in the squared unit of the target.
        target: The target.
        lambda_: Weight of the penalty; 0 or more.

    Returns:
        The mean over all entries, a scalar, which may be negative.

    Raises:
        ValueError: The shapes differ.

    >>> gamma = torch.tensor([0.0], requires_grad=True)
    >>> one = torch.ones(1)
    >>> loss = evidential_nig(gamma, one, 2 * one, one, 2 * one, lambda_=0.5)
    >>> loss.detach()  # 2.5 log 8 - 2 log 4 - log 0.75, and 0.5 * 2 * (2 + 2)
    tensor(6.7137)
    >>> loss.backward()
    >>> gamma.grad  # -2.5 * 4 / (4 + 4) and -0.5 * 4
    tensor([-3.2500])

    >>> x = torch.tensor([[0.5, 2.0], [1.0, 0.3], [2.0, 1.5], [0.7, 3.0]]).double()
    >>> y = torch.tensor([1.0, -1.0], dtype=torch.float64)
    >>> inputs = [parameter.clone().requires_grad_() for parameter in x]
    >>> torch.autograd.gradcheck(evidential_nig, (*inputs, y))
    True
    """
    shapes = [tuple(x.shape) for x in (gamma, nu, alpha, beta, target)]
    if len(set(shapes)) > 1:
        raise ValueError(
            f"gamma, nu, alpha, beta and target must have the same shape, got {shapes}"
        )
    residual = target - gamma
    omega = 2 * beta * (1 + nu)
    # The powers of omega cancel but for a half: with large alpha no digits are lost.
    nll = (
        0.5 * (math.log(math.pi) - nu.log() + omega.log())
        + (alpha + 0.5) * torch.log1p(nu * residual**2 / omega)
        + torch.lgamma(alpha)
        - torch.lgamma(alpha + 0.5)
    )
    return (nll + lambda_ * residual.abs() * (2 * nu + alpha)).mean()


# %%
# The likelihood does not see it
# ------------------------------
# nu and beta come into the likelihood through beta (1 + nu) / nu alone, the scale of a
# Student t. Along a curve on which that is constant the likelihood is, too, and the
# penalty is left to choose: it grows with nu, so the evidence sinks, wherever there is
# a residual at all. See N. Meinert, J. Gawlikowski and A. Lavin, *The Unreasonable
# Effectiveness of Deep Evidential Regression*, AAAI 2023.

import matplotlib.pyplot as plt

nu, one = torch.logspace(-2, 2, 101), torch.ones(101)
parameters = 0 * one, nu, 3 * one, nu / (1 + nu)  # beta (1 + nu) / nu is 1
fig, ax = plt.subplots()
for lambda_, style in ((0.0, "C0-"), (0.01, "C2--")):
    loss = torch.vmap(evidential_nig)(*parameters, one, lambda_=lambda_)
    ax.plot(nu, loss, style, label=f"lambda = {lambda_}")
ax.set(xlabel="evidence nu, at the same scale", ylabel="loss at a residual of 1")
ax.set_xscale("log")
ax.set_title("Only the penalty tells much evidence from little")
ax.legend()

# %%
# A hundred times the data, and no less uncertainty of the mean
# -------------------------------------------------------------
# The paper reads two uncertainties from the four numbers: that of the data, the root of
# beta / (alpha - 1), and that of the mean, the same over the root of nu. Here all four
# are fitted to samples of a standard normal distribution. Both together come out right,
# near 1. But which part is called what depends on where the training starts and how
# long it goes on, and not on how much data there is.

from torch.nn.functional import softplus


def fit(target, steps, start):
    raw = torch.full((4,), start, requires_grad=True)
    optimizer = torch.optim.Adam([raw], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        nu, alpha, beta = softplus(raw[1:]) + torch.tensor([0.0, 1.0, 0.0])
        rows = torch.stack([raw[0], nu, alpha, beta])[:, None].expand(4, len(target))
        evidential_nig(*rows, target, lambda_=0.01).backward()
        optimizer.step()
    of_data = beta / (alpha - 1)
    return of_data.item(), (of_data / nu).item()


for samples, steps, start in (
    (50, 300, 2.0),
    (5000, 300, 2.0),
    (5000, 300, 0.0),
    (5000, 900, 2.0),
):
    data, mean = fit(torch.randn(samples), steps, start)
    print(f"{samples:4} samples, {steps} steps from {start}: ", end="")
    print(f"data {data**0.5:.2f}, mean {mean**0.5:.2f}", end=", ")
    print(f"both {(data + mean) ** 0.5:.2f}")

# %%
# Use it when one pass must give a rough order of what is unlike the training data, and
# test that order on such data; rather
# :doc:`/examples/probabilistic/student_t_nll` when you want the spread of the targets,
# which is the part of this loss that the data determine, and several networks or
# dropout when you want to know what the model does not know.
#
# nu and beta are outputs of a softplus, alpha of 1 + softplus. A negative value is no
# fault: it is a density's. The penalty is in the unit of the target, so ``lambda_``
# means something else after each rescaling; standardise the target first.

sharp = evidential_nig(*torch.tensor([[0.0], [1.0], [2.0], [1e-4], [0.0]]))
print(f"loss of a sharp and right prediction: {sharp:.2f}")

# sphinx_gallery_tags = ["regression", "numbers", "uncertainty"]
