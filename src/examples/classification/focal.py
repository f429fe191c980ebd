r"""
Focal
=====

For imbalanced classes: an example that is already right has hardly any gradient.

With the probability :math:`p` that softmax gives to the true class, cross entropy is
multiplied by a power of what is missing to certainty:

.. math::

   \ell = -(1 - p)^\gamma \log p
   \qquad
   \frac{\partial \ell}{\partial z_\text{true}}
   = (1 - p)^\gamma \left( \gamma \, p \log p + p - 1 \right)

:math:`\gamma = 0` is cross entropy.

Source: T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, *Focal Loss for Dense
Object Detection*, ICCV 2017, equation 4.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def focal(
    logits: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Focal loss over classes that exclude each other.

    Args:
        logits: Tensor of shape (N, C) or (N, C, ...), not normalised.
        target: The true classes, int64 in [0, C), of shape (N,) or (N, ...).
        gamma: How fast the gradient fades as an example gets right; 0 or more.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        ignore_index: A target that does not count.

    Returns:
        A scalar, 0 where no target counts; of the shape of ``target`` with ``"none"``.

    Raises:
        ValueError: A shape, a dtype or an option does not fit.
        IndexError: A class is out of range.

    >>> logits = torch.zeros(1, 2, requires_grad=True)
    >>> loss = focal(logits, torch.tensor([0]))
    >>> print(f"{loss.item():.4f}")  # p = 1/2, so 1/4 * log 2
    0.1733
    >>> loss.backward()
    >>> logits.grad  # 1/4 * (-log 2 - 1/2) for the true class
    tensor([[-0.2983,  0.2983]])

    >>> x = torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(focal, (x, torch.tensor([1])))
    True
    """
    if logits.ndim < 2 or target.shape != logits.shape[:1] + logits.shape[2:]:
        raise ValueError(
            f"logits and target must have shapes (N, C, ...) and (N, ...), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if target.dtype != torch.int64:
        raise ValueError(f"target must be int64, got {target.dtype}")
    if not 0 <= gamma < torch.inf:
        raise ValueError(f"gamma must be finite and 0 or more, got {gamma}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    entropy = cross_entropy(logits, target, reduction="none", ignore_index=ignore_index)
    missing = -torch.expm1(-entropy)  # 1 - p, without the subtraction
    if gamma % 1:  # at p = 1 some derivative is infinite, and times log p = 0 it is NaN
        missing = missing.clamp(min=torch.finfo(missing.dtype).tiny)
    loss = missing**gamma * entropy  # 0 where the target is ignored
    if reduction == "mean":
        return (loss / (target != ignore_index).sum().clamp(min=1)).sum()
    return loss if reduction == "none" else loss.sum()


# %%
# Below p = 0.3 the gradient is larger than that of cross entropy
# ---------------------------------------------------------------
# Two classes; the margin is the true logit minus the other. The factor also has a
# slope, and that adds to the gradient where the example is wrong.
#
# .. draggable-figure:: focal([along(-5, 5, -2, name="margin of the true class"), 0.0],
#    0, gamma=slider(0, 5, 2)) beside cross_entropy
#
#    Raise gamma: the gradient on the right fades, and on the left it passes 1.
#    At 0 it is that of cross entropy.

import matplotlib.pyplot as plt

margin = torch.linspace(-5, 5, 201, dtype=torch.float64, requires_grad=True)
logits = torch.stack([margin, torch.zeros_like(margin)], dim=1)
first = torch.zeros(201, dtype=torch.int64)
loss = focal(logits, first, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), margin, retain_graph=True)
(rival,) = torch.autograd.grad(cross_entropy(logits, first, reduction="sum"), margin)

fig, ax = plt.subplots()
ax.plot(margin.detach(), loss.detach(), label="focal, gamma = 2")
ax.plot(margin.detach(), gradient, label="its gradient")
ax.plot(margin.detach(), rival, "--", label="gradient of cross entropy")
ax.set(xlabel="margin of the true class", ylabel="loss and gradient", ylim=(-1.5, 3))
ax.set_title("An easy example fades, a hard one has a gradient above 1")
ax.legend()

p = margin.detach().sigmoid()
print(f"the larger gradient up to p = {p[gradient.abs() > rival.abs()].max():.2f}")

# %%
# A thousand easy examples no longer drown ten hard ones
# ------------------------------------------------------
# The model gives 0.95 to the true class of each easy example, and 0.3 to that of each
# hard one. The easy ones have most of the gradient of cross entropy, because there are
# so many of them. Under focal the hard ones have it.

p = torch.cat([torch.full((1000,), 0.95), torch.full((10,), 0.3)])
logits = torch.stack([p.logit(), torch.zeros(1010)], dim=1).requires_grad_()
for loss in (cross_entropy, focal):
    value = loss(logits, torch.zeros(1010, dtype=torch.int64))
    size = torch.autograd.grad(value, logits)[0][:, 0].abs()
    share = size[1000:].sum() / size.sum()
    print(f"{loss.__name__}: {share:.0%} belongs to the hard ones")

# %%
# Its probabilities are drawn to the middle
# -----------------------------------------
# One example in a hundred is of the second class, and a model that knows nothing else
# should say 0.01. Under focal it says more: trust the order of the classes, and
# calibrate the probabilities on held-out data if you need them.

p = torch.linspace(0.001, 0.999, 999)  # outputs to choose from
logits = torch.stack([torch.zeros(999), p.logit()], dim=1)
for loss in (cross_entropy, focal):
    often = loss(logits, torch.zeros(999, dtype=torch.int64), reduction="none")
    rare = loss(logits, torch.ones(999, dtype=torch.int64), reduction="none")
    best = p[(0.99 * often + 0.01 * rare).argmin()]
    print(f"{loss.__name__} is lowest at {best:.2f}")

# %%
# Use it when easy examples outnumber the hard ones; rather
# :doc:`/examples/classification/sigmoid_focal` when labels do not exclude each other or
# the answer is yes or no, :doc:`/examples/classification/ldam` when classes are rare
# and their counts are known, and cross entropy when you read the probabilities. Values
# are not comparable with those of cross entropy: the factor is below 1. For class
# weights, weigh the losses of ``reduction="none"``.

# sphinx_gallery_tags = ["classification", "classes", "imbalance", "missing labels"]
