r"""
CRPS of an ensemble
===================

The gradient draws the members of an ensemble to the target and away from each other.

For the members :math:`x_1, \dots, x_M` of a forecast and a target :math:`y`, it is the
mean distance to the target, less half the mean distance between two members:

.. math::

   \ell = \frac{1}{M} \sum_i |x_i - y| - \frac{1}{2 M^2} \sum_{i, j} |x_i - x_j|
   \qquad
   \frac{\partial \ell}{\partial x_{(k)}} = \frac{\operatorname{sign}(x_{(k)} - y)}{M}
   - \frac{2 k - M - 1}{M^2}

with :math:`x_{(k)}` the k-th smallest.

Source: T. Gneiting, A. E. Raftery, *Strictly Proper Scoring Rules, Prediction, and
Estimation*, Journal of the American Statistical Association 102 (2007), equation 21,
with the empirical distribution of the members: the biased form, divided by
:math:`M^2` and not by :math:`M (M - 1)`.
"""

import torch
from torch import Tensor


def crps_ensemble(samples: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Continuous ranked probability score of the members of an ensemble.

    Args:
        samples: Tensor of shape (N, M): M members for each of N targets.
        target: Tensor of shape (N,), in the same unit.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``; 0 or more.

    Raises:
        ValueError: The shapes do not fit, or ``reduction`` is not one of these.

    >>> samples = torch.tensor([[1.0, 4.0]], requires_grad=True)
    >>> loss = crps_ensemble(samples, torch.tensor([0.0]))
    >>> loss.item()  # (1 + 4) / 2 - 2 * 3 / (2 * 4)
    1.75
    >>> loss.backward()
    >>> samples.grad  # 1/2 for the distance, 1/4 up or down for the spread
    tensor([[0.7500, 0.2500]])

    >>> x = torch.tensor([[0.5, -1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(crps_ensemble, (x, torch.tensor([1.0])))
    True
    """
    if samples.ndim != 2 or target.shape != samples.shape[:1]:
        raise ValueError(
            f"samples and target must have the shapes (N, M) and (N,), got "
            f"{tuple(samples.shape)} and {tuple(target.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    members = samples.shape[1]
    residual = samples - target[:, None]
    # Sorted, each member is added once per smaller one, subtracted once per larger one.
    like = {"dtype": samples.dtype, "device": samples.device}
    weight = torch.arange(1 - members, members, 2, **like) / members
    spread = (residual.sort(1).values * weight).mean(1)
    loss = residual.abs().mean(1) - spread
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Members that agree too much
# ---------------------------
# Five members are the same five normal numbers, scaled. Which scale is best for targets
# that are normal with a spread of 1? Not 1: five members in place of a distribution
# cost something, and the biased form asks for a smaller spread to save it. The fair
# form divides the distances between members by M (M - 1) and finds 1. With many members
# the two agree. Where a few members are trained and their spread is what you are after,
# use the fair one; it is not defined for one member, and can be negative.

import matplotlib.pyplot as plt

target, noise = torch.randn(20_000), torch.randn(20_000, 5)


def fair(samples, target):
    members = samples.shape[1]
    distance = (samples - target[:, None]).abs().mean()
    spread = distance - crps_ensemble(samples, target)
    return distance - spread * members / (members - 1)


scales = torch.linspace(0.3, 1.7, 57)
fig, ax = plt.subplots()
for name, style, score in (
    ("biased: M squared", "C0-", crps_ensemble),
    ("fair: M (M - 1)", "C2--", fair),
):
    values = torch.stack([score(scale * noise, target) for scale in scales])
    ax.plot(scales, values, style, label=name)
    print(f"{name:17}: best scale {scales[values.argmin()]:.3f}")
ax.set(xlabel="spread of the members; of the targets: 1", ylabel="mean score")
ax.set_title("Five members: the biased form asks for too small a spread")
ax.legend()

# %%
# All members equal, as a network without noise begins
# ----------------------------------------------------
# Ties are broken by their order, so equal members are driven apart. The double sum over
# pairs has the same value, takes M times the memory, and gives ties no gradient: there
# an ensemble that has collapsed stays collapsed.

samples = torch.zeros(1, 4, requires_grad=True)
pairs = (samples[:, :, None] - samples[:, None]).abs().mean() / 2
by_pairs = (samples - 1).abs().mean() - pairs
for name, loss in {
    "sorted": crps_ensemble(samples, torch.ones(1)),
    "pairs": by_pairs,
}.items():
    (gradient,) = torch.autograd.grad(loss, samples)
    print(f"{name:6}: loss {loss.item()}, gradient {gradient[0].tolist()}")

# %%
# Use it when a model gives samples, by noise, dropout or several networks; rather
# :doc:`/examples/probabilistic/crps_normal` when it gives a mean and a spread,
# :doc:`/examples/robust/pinball` when it gives quantiles, and
# :doc:`/examples/probabilistic/energy_score` when the target is a vector and it matters
# how its components go together: a mean of this score over them does not see that.
# With one member it is the absolute error, so forecasts with and without a spread can
# be compared in one number.

one_member = crps_ensemble(noise[:, :1], target)
torch.testing.assert_close(one_member, (noise[:, 0] - target).abs().mean())

# sphinx_gallery_tags = ["regression", "numbers", "uncertainty"]
