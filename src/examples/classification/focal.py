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
        A scalar, 0 where no target counts; or a tensor of the shape of ``target`` with
        ``"none"``.

    Raises:
        ValueError: A shape or a dtype does not fit, or ``gamma`` or ``reduction`` is
            not one of these.
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
first = torch.zeros(len(margin), dtype=torch.int64)

loss = focal(logits, first, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), margin, retain_graph=True)
entropy = cross_entropy(logits, first, reduction="sum")
(rival,) = torch.autograd.grad(entropy, margin)

fig, ax = plt.subplots()
ax.plot(margin.detach(), loss.detach(), label="focal, gamma = 2")
ax.plot(margin.detach(), gradient, label="its gradient")
ax.plot(margin.detach(), rival, "--", label="gradient of cross entropy")
ax.set(xlabel="margin of the true class", ylabel="loss and gradient", ylim=(-1.5, 3))
ax.set_title("An easy example lets go, a hard one has a gradient above 1")
ax.legend()

p = margin.detach().sigmoid()
larger = p[gradient.abs() > rival.abs()]
print(f"the larger gradient up to p = {larger.max():.2f}")
at_90 = (p - 0.9).abs().argmin()
print(f"at p = 0.9 it is {gradient[at_90] / rival[at_90]:.3f} of cross entropy's")

# %%
# A thousand easy examples no longer drown ten hard ones
# ------------------------------------------------------
# The easy ones lie far to the left. The hard ones differ in height alone, and only
# half of them are of the second class.

easy = torch.stack([torch.full((1000,), -2.0), torch.linspace(-1, 1, 1000)], dim=1)
above = torch.stack([torch.ones(10), torch.linspace(0.25, 0.75, 10)], dim=1)
points = torch.cat([easy, above * torch.tensor([1.0, -1.0]), above])
labels = torch.cat([torch.zeros(1010), torch.ones(10)]).long()


def steps_until_right(loss):
    weight = torch.zeros(2, 2, requires_grad=True)
    bias = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD([weight, bias], lr=1.0)
    for step in range(500):
        logits = points @ weight + bias
        if (logits.argmax(1) == labels).all():
            return step
        optimizer.zero_grad()
        loss(logits, labels).backward()
        optimizer.step()


print(f"cross entropy: {steps_until_right(cross_entropy)} steps")
print(f"focal:         {steps_until_right(focal)} steps")

# %%
# Its probabilities are drawn to the middle
# -----------------------------------------
# One example in a hundred is of the second class, and a model that knows nothing else
# should say 0.01. Under focal it says more: trust the order of the classes, and
# calibrate the probabilities on held-out data if you need them.

rare = (torch.arange(100) == 0).long()
for name, loss in {"cross entropy": cross_entropy, "focal": focal}.items():
    constant = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([constant], lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        loss(constant.expand(100, 2), rare).backward()
        optimizer.step()
    print(f"{name} says {constant.softmax(0)[1].item():.2f}")

# %%
# Use it when easy examples outnumber the hard ones; rather
# :doc:`/examples/classification/sigmoid_focal` when labels do not exclude each other or
# the answer is yes or no, :doc:`/examples/classification/ldam` when classes are rare
# and their counts are known, and cross entropy when you read the probabilities. Values
# are not comparable with those of cross entropy: the factor is below 1. For class
# weights, weigh the losses of ``reduction="none"``.
#
# For a gamma below 1 the formula as it stands has no gradient where an example is
# certain:

certain = torch.tensor([[20.0, 0.0]], requires_grad=True)
p = certain.softmax(1)[0, 0]
(as_written,) = torch.autograd.grad(-((1 - p) ** 0.5) * p.log(), certain)
(here,) = torch.autograd.grad(focal(certain, torch.tensor([0]), gamma=0.5), certain)
print(f"as written {as_written.tolist()}, here {here.tolist()}")

# sphinx_gallery_tags = ["classification", "classes", "imbalance"]
