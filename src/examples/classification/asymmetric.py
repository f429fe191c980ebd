r"""
Asymmetric
==========

Of many labels, absent ones lose their gradient early, and all of it below p = 0.05.

Each logit answers whether one label is there. With :math:`p = \sigma(z)`, of which
:math:`m` is taken off for absent labels:

.. math::

   p_m = \max(p - m, 0) \qquad
   \ell = -\sum_{\text{present}} (1 - p)^{\gamma_+} \log p
   - \sum_{\text{absent}} p_m^{\gamma_-} \log (1 - p_m)

Source: T. Ridnik et al., *Asymmetric Loss For Multi-Label Classification*, ICCV 2021,
equations 4 to 7. The powers have a gradient, as in the formula; the authors' code takes
them as constants unless told otherwise.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def asymmetric(
    logits: Tensor,
    target: Tensor,
    gamma_neg: float = 4.0,
    gamma_pos: float = 1.0,
    clip: float = 0.05,
) -> Tensor:
    """Focal loss of several labels, with another power for those that are absent.

    Args:
        logits: Tensor of shape (N, L), one label each, not normalised.
        target: Tensor of the same shape, 1 where a label is present and 0 where not.
        gamma_neg: How fast absent labels fade as they get right; 0 or more.
        gamma_pos: The same for present labels.
        clip: Taken off the probability of absent labels; from 0 to below 1.

    Returns:
        The mean over rows of the sum over labels, a scalar; NaN where there is no row.

    Raises:
        ValueError: The shapes differ or are not (N, L), or an option is out of range.

    >>> logits = torch.zeros(1, 2, requires_grad=True)  # p = 1/2
    >>> target = torch.tensor([[1.0, 0.0]])
    >>> loss = asymmetric(logits, target, gamma_neg=2.0, gamma_pos=1.0, clip=0.0)
    >>> loss.detach()  # 1/2 * log 2 + 1/4 * log 2
    tensor(0.5199)
    >>> loss.backward()
    >>> logits.grad  # 1/4 * (-log 2 - 1) and 1/4 * (log 2 + 1/2)
    tensor([[-0.4233,  0.2983]])

    >>> x = torch.tensor([[-1.0, 0.5, 2.0, 3.0]], dtype=torch.float64)
    >>> y = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    >>> torch.autograd.gradcheck(asymmetric, (x.requires_grad_(), y))
    True
    """
    if logits.shape != target.shape or logits.ndim != 2:
        raise ValueError(
            f"logits and target must have the same shape (N, L), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if not (gamma_neg >= 0 and gamma_pos >= 0 and 0 <= clip < 1):
        raise ValueError(
            f"gamma_neg and gamma_pos must be 0 or more and clip from 0 to below 1, "
            f"got {gamma_neg}, {gamma_pos} and {clip}"
        )
    tiny = torch.finfo(logits.dtype).tiny
    log_absent = logsigmoid(-logits)  # log(1 - p); of 1 - p_m below
    if clip > 0:
        log_clip = torch.full_like(log_absent, math.log(clip))
        log_absent = torch.logaddexp(log_absent, log_clip).clamp(max=0)
    # At a base of 0 some derivative of a power is infinite, unless it is whole.
    wrong = -torch.expm1(log_absent)
    missing = (-logits).sigmoid()
    if gamma_neg % 1:
        wrong = wrong.clamp(min=tiny)
    if gamma_pos % 1:
        missing = missing.clamp(min=tiny)
    present = missing**gamma_pos * logsigmoid(logits)
    absent = wrong**gamma_neg * log_absent
    return -(target * present + (1 - target) * absent).sum(1).mean()


# %%
# An absent label that the model is sure of is left alone
# -------------------------------------------------------
# At both ends: below a probability of 0.05, where it is right, and near 1, where the
# label may have been forgotten by whoever annotated. Cross entropy and focal loss
# correct hardest there.

import matplotlib.pyplot as plt
from torch.nn.functional import binary_cross_entropy_with_logits

p = torch.linspace(0.002, 0.998, 250)
logits = torch.logit(p)[None].requires_grad_()  # a row adds up its labels
absent = torch.zeros(1, 250)
losses = {
    "asymmetric": asymmetric(logits, absent),
    "cross entropy": binary_cross_entropy_with_logits(logits, absent, reduction="sum"),
    "focal, gamma = 2": asymmetric(logits, absent, gamma_neg=2.0, clip=0.0),
}
fig, ax = plt.subplots()
for name, loss in losses.items():
    (gradient,) = torch.autograd.grad(loss, logits)
    ax.plot(p, gradient[0], label=name)
    print(f"{name:16}: at 0.05 {gradient[0, 12]:.5f}, at 0.99 {gradient[0, -3]:.3f}")
ax.set(xlabel="probability of a label that is absent", ylabel="gradient of its logit")
ax.set_title("Sure and wrong: perhaps the label is missing")
ax.legend()

# %%
# Three labels of eighty are present
# ----------------------------------
# With every label at 0.1, most of the gradient of cross entropy says that labels are
# absent. Here the three have nearly all of it.

target = (torch.arange(80) < 3).float()[None]
for loss in (binary_cross_entropy_with_logits, asymmetric):
    logits = torch.full((1, 80), 0.1).logit().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(logits, target), logits)
    share = gradient[0, :3].abs().sum() / gradient.abs().sum()
    print(f"{loss.__name__}: {share:.1%} of the gradient belongs to the 3")

# %%
# Use it when a picture or a text has a few of many labels, and some of those that are
# there were not entered; rather :doc:`/examples/classification/weighted_bce` when you
# know which labels are unknown or read probabilities, since these are too high here,
# and :doc:`/examples/classification/sigmoid_focal` for boxes. The value and the
# gradient grow with the number of labels: a row is their sum, not their mean.

target = torch.full((250, 1), 0.1)
rows = [asymmetric(z.expand(1, 1), target[:1]) for z in torch.logit(p)]
print(f"best output where one in ten is present: {p[torch.stack(rows).argmin()]:.2f}")

# sphinx_gallery_tags = ["classification", "multi-label", "imbalance"]
