r"""
Label smoothing
===============

Once the margin is wide enough, the gradient turns round and pulls it back.

The true class is asked for :math:`1 - \varepsilon` of the probability; the rest is
shared by all :math:`C` classes alike, the true one included:

.. math::

   q_j = (1 - \varepsilon) \, [j = \text{true}] + \frac{\varepsilon}{C}
   \qquad
   \ell = -\sum_j q_j \log p_j
   \qquad
   \frac{\partial \ell}{\partial z_j} = p_j - q_j

Source: C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, *Rethinking the
Inception Architecture for Computer Vision*, CVPR 2016, section 7.
"""

import torch


def label_smoothing(logits, target, smoothing=0.1, reduction="mean"):
    """Cross entropy that asks for less than certainty.

    Args:
        logits: Tensor of shape (N, C) or (N, C, ...), not normalised.
        target: The true classes, int64 in [0, C), of shape (N,) or (N, ...).
        smoothing: Share of the target that all classes have alike, from 0 to 1.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``target`` with ``"none"``.

    Raises:
        ValueError: A shape or a dtype does not fit, or ``smoothing`` or ``reduction``
            is not one of these.
        RuntimeError: A class is out of range.

    >>> logits = torch.tensor([[3.0, 3.0]], requires_grad=True)
    >>> loss = label_smoothing(logits, torch.tensor([0]), smoothing=0.2)
    >>> print(f"{loss.item():.4f}")  # both classes have p = 1/2, so log 2
    0.6931
    >>> loss.backward()
    >>> logits.grad  # 0.5 - 0.9 and 0.5 - 0.1
    tensor([[-0.4000,  0.4000]])

    >>> x = torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(label_smoothing, (x, torch.tensor([1])))
    True
    """
    if logits.ndim < 2 or target.shape != logits.shape[:1] + logits.shape[2:]:
        raise ValueError(
            f"logits and target must have shapes (N, C, ...) and (N, ...), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if target.dtype != torch.int64:
        raise ValueError(f"target must be int64, got {target.dtype}")
    if not 0 <= smoothing <= 1:
        raise ValueError(f"smoothing must be from 0 to 1, got {smoothing}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    log_p = logits.log_softmax(1)
    true = log_p.gather(1, target.unsqueeze(1)).squeeze(1)
    loss = -(1 - smoothing) * true - smoothing * log_p.mean(1)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The gradient crosses zero, that of cross entropy never does
# -----------------------------------------------------------
# Two classes; the margin is the true logit minus the other.

import math

import matplotlib.pyplot as plt
from torch.nn.functional import cross_entropy

margin = torch.linspace(-3, 8, 221, requires_grad=True)
logits = torch.stack([margin, torch.zeros_like(margin)], dim=1)
first = torch.zeros(len(margin), dtype=torch.int64)

loss = label_smoothing(logits, first, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), margin, retain_graph=True)
(rival,) = torch.autograd.grad(cross_entropy(logits, first, reduction="sum"), margin)

fig, ax = plt.subplots()
ax.plot(margin.detach(), loss.detach(), label="label smoothing, 0.1")
ax.plot(margin.detach(), gradient, label="its gradient")
ax.plot(margin.detach(), rival, "--", label="gradient of cross entropy")
ax.set(xlabel="margin of the true class", ylabel="loss and gradient", ylim=(-1.2, 1.2))
ax.set_title("From a margin of 2.9 on, the gradient pulls back")
ax.legend(loc="lower right")

turn = margin.detach()[gradient > 0].min()
print(f"the gradient turns at {turn:.2f}")
print(f"p / (1 - p) = 0.95 / 0.05 at {math.log(0.95 / 0.05):.2f}")

# %%
# The margin stops growing
# ------------------------
# Nine points at three places, a place for each class. Cross entropy is never done:
# the longer it trains, the surer it gets. Smoothing ends where each margin is
# log(1 + C (1 - smoothing) / smoothing).

angles = torch.arange(3).repeat(3) * (2 * math.pi / 3)
points = torch.stack([angles.cos(), angles.sin()], dim=1)
labels = torch.arange(3).repeat(3)


def margin_after(loss, steps):
    weight = torch.zeros(2, 3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(points @ weight, labels).backward()
        optimizer.step()
    logits = points @ weight
    return (logits[0, 0] - logits[0, 1]).item()


for name, loss in {"cross entropy": cross_entropy, "smoothed": label_smoothing}.items():
    margins = ", ".join(f"{margin_after(loss, steps):.2f}" for steps in (50, 200, 800))
    print(f"{name}: margin {margins} after 50, 200, 800 steps")

print(f"expected with smoothing: {math.log(1 + 3 * 0.9 / 0.1):.2f}")
assert abs(margin_after(label_smoothing, 800) - math.log(1 + 3 * 0.9 / 0.1)) < 1e-3

# %%
# The usual mistake: the share goes to the other classes only
# -----------------------------------------------------------
# Then the true class is asked for 1 - smoothing. With two classes that is 0.9 where
# torch, and the paper, ask for 0.95: a smoothing of twice the size.


def others_only(logits, target, smoothing=0.1):
    log_p = logits.log_softmax(1)
    true = log_p.gather(1, target.unsqueeze(1)).squeeze(1)
    others = (log_p.sum(1) - true) / (logits.shape[1] - 1)
    return (-(1 - smoothing) * true - smoothing * others).mean()


example = torch.tensor([[4.0, 0.0], [1.0, 2.0]])
classes = torch.tensor([0, 1])
theirs = cross_entropy(example, classes, label_smoothing=0.1)
print(f"torch:       {theirs:.4f}")
print(f"ours:        {label_smoothing(example, classes):.4f}")
print(f"others only: {others_only(example, classes):.4f}")
assert torch.allclose(label_smoothing(example, classes), theirs)
assert torch.allclose(
    label_smoothing(example, classes, 0.2), others_only(example, classes)
)

# %%
# Take it against overconfidence, and read the probabilities with its ceiling in mind.
# Take another where some classes are masked out with a logit of minus infinity: every
# class has a share, so the loss is infinite. Autograd does the work here, and torch has
# the loss, too: the option ``label_smoothing`` of
# :func:`torch.nn.functional.cross_entropy`.

masked = torch.tensor([[2.0, 1.0, -math.inf]])
print(f"cross entropy:   {cross_entropy(masked, torch.tensor([0])):.4f}")
print(f"label smoothing: {label_smoothing(masked, torch.tensor([0])):.4f}")
