r"""
Energy score
============

The gradient draws sampled vectors to the target and apart, each along a unit vector.

For samples :math:`x_1, \dots, x_M` of a vector and a target :math:`y`, it is the CRPS
with Euclidean distances in the place of absolute values:

.. math::

   \ell = \frac{1}{M} \sum_i \lVert x_i - y \rVert
   - \frac{1}{2 M^2} \sum_{i, j} \lVert x_i - x_j \rVert

In expectation it is smallest for samples of the target's own joint distribution.

Source: T. Gneiting, A. E. Raftery, *Strictly Proper Scoring Rules, Prediction, and
Estimation*, Journal of the American Statistical Association 102 (2007), section 4.3,
with the empirical distribution of the samples: the biased form, divided by
:math:`M^2`.
"""

import torch
from torch import Tensor


def energy_score(samples: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Energy score of sampled vectors.

    Args:
        samples: Tensor of shape (N, M, D): M vectors for each of N targets.
        target: Tensor of shape (N, D); divide components of unlike units by their
            spreads first.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``; 0 or more.

    Raises:
        ValueError: The shapes do not fit, or ``reduction`` is not one of these.

    >>> samples = torch.tensor([[[3.0, 4.0], [0.0, 0.0]]], requires_grad=True)
    >>> loss = energy_score(samples, torch.tensor([[0.0, 0.0]]))
    >>> loss.item()  # (5 + 0) / 2 - 2 * 5 / (2 * 4)
    1.25
    >>> loss.backward()
    >>> samples.grad[0]  # (0.6, 0.8) times 1/2 - 1/4; and 1/4 towards the first
    tensor([[0.1500, 0.2000],
            [0.1500, 0.2000]])

    >>> x = torch.tensor([[[0.5, -1.0], [3.0, 2.0], [1.0, 1.0]]], dtype=torch.float64)
    >>> y = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(energy_score, (x.requires_grad_(), y))
    True
    """
    if samples.ndim != 3 or target.shape != samples.shape[::2]:
        raise ValueError(
            f"samples and target must have the shapes (N, M, D) and (N, D), got "
            f"{tuple(samples.shape)} and {tuple(target.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    members = samples.shape[1]
    residual = samples - target[:, None]
    first, second = torch.triu_indices(members, members, 1, device=samples.device)
    apart = torch.linalg.vector_norm(residual[:, first] - residual[:, second], dim=2)
    distance = torch.linalg.vector_norm(residual, dim=2).mean(1)
    loss = distance - apart.sum(1) / members**2
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Do the samples go together as the targets do?
# ---------------------------------------------
# Two components of the target have a correlation of 0.8. Every forecast below has the
# right mean and spread for each of them, and differs in their correlation alone. A mean
# of the CRPS of each component cannot tell these forecasts apart. The energy score can,
# though it does not shout: its curve is flat, and takes many targets to see.

import matplotlib.pyplot as plt


def pairs(correlation, noise):
    second = correlation * noise[..., 0] + (1 - correlation**2) ** 0.5 * noise[..., 1]
    return torch.stack([noise[..., 0], second], -1)


def mean_crps(samples, target):
    each = [energy_score(samples[..., [d]], target[:, [d]]) for d in (0, 1)]
    return sum(each) / 2


target = pairs(0.8, torch.randn(10_000, 2))
noise = torch.randn(10_000, 12, 2)
correlations = torch.linspace(-0.9, 0.99, 22)
fig, ax = plt.subplots()
for name, style, score in (
    ("energy score", "C0-", energy_score),
    ("mean CRPS of the components", "C2--", mean_crps),
):
    values = torch.stack([score(pairs(c, noise), target) for c in correlations])
    ax.plot(correlations, values / values.min() - 1, style, label=name)
    print(f"{name}: best correlation {correlations[values.argmin()]:.2f}, ", end="")
    print(f"{values[10] / values.min() - 1:.1%} more at {correlations[10]:.2f}")
ax.set(xlabel="correlation of the forecast", ylabel="score, relative to its best")
ax.set_title("Only the energy score sees the correlation of 0.8")
ax.legend()

# %%
# Equal samples need a nudge
# --------------------------
# Where two samples are equal, the distance has no direction and torch makes its
# gradient 0: samples that start equal all move alike. A generator with noise in it does
# not start there.

for name, start in {"equal": torch.zeros(1, 4, 2), "noisy": noise[:1, :4]}.items():
    gradient = torch.func.grad(energy_score)(start, torch.full((1, 2), 9.0))
    norms = torch.linalg.vector_norm(gradient[0], dim=1)
    print(f"{name}: gradients of four samples {[round(v, 3) for v in norms.tolist()]}")

# %%
# Use it when a model samples vectors, trajectories or fields, and their joint
# distribution matters; rather :doc:`/examples/probabilistic/crps_ensemble` when each
# component is judged by itself, and :doc:`/examples/probabilistic/gaussian_nll` when
# the density can be written down.
#
# With one sample it is the distance to the target; with more, memory grows as the
# square of their number. As for the CRPS, few samples make the biased form ask for too
# small a spread. A component in larger units rules the distance: here the first one is
# ten times too narrow, and the second may be in thousandths of its unit.

for unit in torch.tensor([[1.0, 1.0], [1.0, 1000.0]]):
    right = energy_score(noise * unit, target * unit)
    narrow = energy_score(noise * torch.tensor([0.1, 1.0]) * unit, target * unit)
    print(f"units {unit.tolist()}: too narrow costs {narrow / right:.3f} times as much")

# sphinx_gallery_tags = ["regression", "numbers", "uncertainty"]
