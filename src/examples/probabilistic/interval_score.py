r"""
Interval score
==============

The gradient narrows the interval, until too many targets fall out of it.

For an interval from :math:`l` to :math:`u` that a share :math:`\alpha` of the targets
:math:`y` may miss, half of them on each side:

.. math::

   \ell = (u - l) + \frac{2}{\alpha} \max(l - y, 0) + \frac{2}{\alpha} \max(y - u, 0)
   \qquad
   \frac{\partial \ell}{\partial u} = 1 - \frac{2}{\alpha} [y > u]
   \qquad
   \frac{\partial \ell}{\partial l} = -1 + \frac{2}{\alpha} [y < l]

so the gradient of :math:`u` rests where :math:`\alpha / 2` of the targets are above it.

Source: T. Gneiting, A. E. Raftery, *Strictly Proper Scoring Rules, Prediction, and
Estimation*, Journal of the American Statistical Association 102 (2007), equation 43;
also known as Winkler score.
"""

import torch
from torch import Tensor


def interval_score(
    lower: Tensor, upper: Tensor, target: Tensor, alpha: float, reduction: str = "mean"
) -> Tensor:
    """Width of an interval, plus a penalty for each target outside.

    Args:
        lower: Tensor of any shape, the lower end.
        upper: Tensor of the same shape, the upper end.
        target: Tensor of the same shape, in the same unit.
        alpha: Share of targets that may lie outside: 0.1 for an interval of 90 %.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``lower`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or an option is out of range.

    >>> lower = torch.tensor([0.0, 0.0], requires_grad=True)
    >>> upper = torch.tensor([2.0, 2.0], requires_grad=True)
    >>> target = torch.tensor([1.0, 3.0])
    >>> loss = interval_score(lower, upper, target, alpha=0.5, reduction="none")
    >>> loss.detach()  # 2, and 2 + 4 * 1
    tensor([2., 6.])
    >>> loss.sum().backward()
    >>> lower.grad, upper.grad
    (tensor([-1., -1.]), tensor([ 1., -3.]))

    >>> l, u, t = torch.tensor([[0.0, 1.0], [2.0, 3.0], [2.5, 2.0]]).double()
    >>> inputs = l.requires_grad_(), u.requires_grad_(), t, 0.1
    >>> torch.autograd.gradcheck(interval_score, inputs)
    True
    """
    if not lower.shape == upper.shape == target.shape:
        raise ValueError(
            f"lower, upper and target must have the same shape, got "
            f"{tuple(lower.shape)}, {tuple(upper.shape)} and {tuple(target.shape)}"
        )
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    outside = (lower - target).relu() + (target - upper).relu()
    loss = (upper - lower) + 2 / alpha * outside
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# alpha is the share that may miss
# --------------------------------
# An interval of 90 % has alpha = 0.1. Whoever passes 0.9 gets an interval that nine in
# ten targets miss, and a score that looks better, as it is narrower. Scores of
# different alpha cannot be compared; print the coverage beside the score.

import matplotlib.pyplot as plt

target, half = torch.randn(20_000), torch.linspace(0.0, 3.0, 121)
fig, ax = plt.subplots()
for alpha, style in ((0.1, "C0-"), (0.5, "C1-"), (0.9, "C2--")):
    ends = [w.expand(20_000) for w in half]
    scores = torch.stack([interval_score(-w, w, target, alpha) for w in ends])
    best = half[scores.argmin()]
    covered = (target.abs() <= best).float().mean()
    ax.plot(half, scores, style, label=f"alpha = {alpha}")
    print(f"alpha {alpha}: from {-best:.2f} to {best:.2f}, covers {covered:.1%}")
ax.set(xlabel="the interval reaches from -x to x", ylabel="score", ylim=(0, 7))
ax.set_title("For normal targets, the smaller alpha the wider the best interval")
ax.legend(loc="lower right")

# %%
# It is two pinball losses, times 2 / alpha
# -----------------------------------------
# One of the quantile alpha / 2 for the lower end, one of 1 - alpha / 2 for the upper.
# So the middle interval is meant, with as many misses on each side, and for skewed
# targets that is not the narrowest that covers as many.

lower, upper, skewed = torch.tensor(0.2), torch.tensor(3.0), torch.randn(1000).exp()
below, above = skewed - lower, skewed - upper
both = torch.maximum(0.05 * below, -0.95 * below)
both = both + torch.maximum(0.95 * above, -0.05 * above)
score = interval_score(lower.expand(1000), upper.expand(1000), skewed, 0.1)
torch.testing.assert_close(score, 2 / 0.1 * both.mean())

# %%
# The ends may cross, and rare misses move them
# ---------------------------------------------
# A crossed interval has a negative width, but a target between its ends is outside of
# both, so the score stays positive and the gradient uncrosses it. On new data nothing
# forbids a crossing: where it must not happen, predict the lower end and a width,
# ``upper = lower + softplus(raw)``. With a small alpha nearly all targets narrow the
# interval a little and a few widen it by up to 2 / alpha, so a small batch that has no
# miss only narrows.
#
# Use it when an interval is what you hand out or are judged by; rather
# :doc:`/examples/robust/pinball` when you need a single quantile or many of them, and
# :doc:`/examples/probabilistic/gaussian_nll` or
# :doc:`/examples/probabilistic/crps_normal` when the whole distribution is to be
# predicted, from which an interval follows.

for name, (lower, upper, y) in {
    "crossed": (1.0, 0.0, 0.5),
    "hit": (0.0, 1.0, 0.5),
    "miss": (0.0, 1.0, 2.0),
}.items():
    ends = torch.tensor([[lower], [upper]], requires_grad=True)
    score = interval_score(*ends, torch.tensor([y]), alpha=0.1)
    (gradient,) = torch.autograd.grad(score, ends)
    print(f"{name}: score {score:.0f}, gradient {gradient.flatten().tolist()}")

# sphinx_gallery_tags = ["regression", "numbers", "uncertainty"]
