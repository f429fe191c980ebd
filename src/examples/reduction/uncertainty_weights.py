r"""
Uncertainty weights
===================

The loss of each of several tasks gets a learned weight, near one over its own size.

With the losses :math:`\ell_k` of several tasks and one learned number :math:`s_k` for
each, the logarithm of a variance:

.. math::

   L = \frac{1}{2} \sum_k \left( e^{-s_k} \, \ell_k + s_k \right)
   \qquad
   \frac{\partial L}{\partial \ell_k} = \frac{e^{-s_k}}{2}
   \qquad
   \frac{\partial L}{\partial s_k} = \frac{1 - e^{-s_k} \, \ell_k}{2}

Source: A. Kendall, Y. Gal and R. Cipolla, *Multi-Task Learning Using Uncertainty to
Weigh Losses for Scene Geometry and Semantics*, CVPR 2018, section 3.2, with
:math:`s = \log \sigma^2` and the same factor for every task.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def uncertainty_weights(
    losses: Tensor | Sequence[Tensor], log_variances: Tensor
) -> Tensor:
    """Half the sum of the losses, each over its variance, plus the log-variances.

    Args:
        losses: Tensor of shape (K,), or K scalars; positive.
        log_variances: Tensor of shape (K,), to be learned: a parameter, 0 at first.

    Returns:
        A scalar, which may be negative.

    Raises:
        ValueError: The shapes differ.

    >>> log_variances = torch.tensor([0.0, 0.0], requires_grad=True)
    >>> loss = uncertainty_weights(torch.tensor([1.0, 5.0]), log_variances)
    >>> loss.item()  # (1 + 5) / 2
    3.0
    >>> loss.backward()
    >>> log_variances.grad  # the first rests; the other's weight will shrink
    tensor([ 0., -2.])

    >>> losses, s = torch.tensor([[0.5, 3.0], [-1.0, 2.0]], dtype=torch.float64)
    >>> inputs = losses.requires_grad_(), s.requires_grad_()
    >>> torch.autograd.gradcheck(uncertainty_weights, inputs)
    True
    """
    losses = torch.stack(tuple(losses))
    if losses.shape != log_variances.shape or losses.ndim != 1:
        raise ValueError(
            f"losses and log_variances must have the same shape (K,), got "
            f"{tuple(losses.shape)} and {tuple(log_variances.shape)}"
        )
    return (torch.exp(-log_variances) * losses + log_variances).sum() / 2


# %%
# The unit of a task no longer matters
# ------------------------------------
# Two slopes are fitted to the same data with one learning rate, and the error of the
# second is taken in millimetres, so its square is a million times as large. A sum of
# both allows no rate at which the first would learn. With learned weights each error is
# divided by its own size, and the two fits are the same.

import matplotlib.pyplot as plt

x = torch.linspace(-1, 1, 50)
metres = 2 * x + 0.1 * torch.randn(50)


def errors(slopes):
    first, second = slopes[:, None] * x - metres
    return torch.stack([(first**2).mean(), ((1000 * second) ** 2).mean()])


def fit(combine, rate):
    slopes = torch.zeros(2, requires_grad=True)
    s = errors(slopes).detach().log().requires_grad_()
    optimizer = torch.optim.SGD([slopes, s], lr=rate)
    for _ in range(300):
        optimizer.zero_grad()
        combine(errors(slopes), s).backward()
        optimizer.step()
    return slopes.tolist()


print("sum, largest rate that works:", fit(lambda losses, _: losses.sum(), 2e-6))
print("uncertainty_weights:         ", fit(uncertainty_weights, 0.05))

# %%
# The total may turn negative, and a loss that is negative has no best weight
# ---------------------------------------------------------------------------
# The best s is the logarithm of the loss, and the total there is half of 1 + log of the
# loss: below zero as soon as a loss falls under 1 / e. That is expected and no error,
# since s itself is added. Do not clip s or take its absolute value; watch the single
# losses instead of the total. But a loss that is itself negative, as a negative
# log-likelihood can be, or exactly 0, has no best s: it falls for ever, and the weight
# explodes. Give such a loss a fixed weight.

s = torch.linspace(-4, 4, 401)
fig, ax = plt.subplots()
for size, style in ((3.0, "C0-"), (0.2, "C1-"), (-0.2, "C2--")):
    total = torch.vmap(uncertainty_weights)(torch.full((401, 1), size), s[:, None])
    ax.plot(s, total, style, label=f"loss of {size}")
    print(f"loss of {size}: least at s = {s[total.argmin()]:.2f}, {total.min():.2f}")
ax.set(xlabel="s, the log-variance", ylabel="weighed loss", ylim=(-6, 6))
ax.set_title("A minimum where exp(s) is the loss, if it is positive")
ax.legend()

# %%
# Use it when several losses differ in unit or noise and their weights would be searched
# for by hand; rather fixed weights when one task matters more to you, since this form
# only equalises sizes and knows nothing of what you want. Where gradients and not
# values are out of proportion, as in :doc:`/examples/second_order/pinn_residual`,
# balance the norms of the gradients.
#
# The log-variances are parameters: hand them to the optimizer, without weight decay,
# which would draw each weight towards 1. Start them at the logarithm of the first
# losses, as above, or at 0.

# sphinx_gallery_tags = ["building blocks", "learned parameters"]
