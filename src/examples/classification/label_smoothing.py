r"""
Label smoothing
===============

Against overconfidence: once the margin is wide enough, the gradient changes its sign.

The true class is asked for :math:`1 - \varepsilon` of the probability; the rest is
shared by all :math:`C` classes alike, the true one included:

.. math::

   q_j = (1 - \varepsilon) \, [j = \text{true}] + \frac{\varepsilon}{C}
   \qquad
   \ell = -\sum_j q_j \log p_j
   \qquad
   \frac{\partial \ell}{\partial z_j} = p_j - q_j

Classes that are masked with a logit of :math:`-\infty` have no share.

Source: C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, *Rethinking the
Inception Architecture for Computer Vision*, CVPR 2016, section 7.
"""

import torch
from torch import Tensor


def label_smoothing(
    logits: Tensor,
    target: Tensor,
    smoothing: float = 0.1,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Cross entropy that asks for less than certainty.

    Args:
        logits: Tensor of shape (N, C) or (N, C, ...), not normalised; -inf for a class
            that is out of the question.
        target: The true classes, int64 in [0, C), of shape (N,) or (N, ...).
        smoothing: Share of the target that all classes have alike, from 0 to 1.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        ignore_index: A target that does not count.

    Returns:
        A scalar, 0 where no target counts; of the shape of ``target`` with ``"none"``.

    Raises:
        ValueError: A shape, a dtype or an option does not fit.
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
    counted = target != ignore_index
    index = target.masked_fill(~counted, 0).unsqueeze(1)
    log_p = logits.log_softmax(1)
    true = log_p.gather(1, index).squeeze(1)
    possible = log_p > -torch.inf
    shared = log_p.masked_fill(~possible, 0).sum(1) / possible.sum(1).clamp(min=1)
    loss = (smoothing - 1) * true - smoothing * shared
    loss = loss.masked_fill(~counted, 0)
    if reduction == "mean":
        return (loss / counted.sum().clamp(min=1)).sum()
    return loss if reduction == "none" else loss.sum()


# %%
# The gradient crosses zero, that of cross entropy never does
# -----------------------------------------------------------
# Two classes; the margin is the true logit minus the other. It ends where each margin
# is log(1 + C (1 - smoothing) / smoothing), which is 2.94 here, and so it is a ceiling
# on the probabilities that you read.

import math

import matplotlib.pyplot as plt
from torch.nn.functional import cross_entropy

margin = torch.linspace(-3, 8, 221, requires_grad=True)
logits = torch.stack([margin, torch.zeros_like(margin)], dim=1)
first = torch.zeros(221, dtype=torch.int64)
loss = label_smoothing(logits, first, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), margin, retain_graph=True)
(rival,) = torch.autograd.grad(cross_entropy(logits, first, reduction="sum"), margin)

fig, ax = plt.subplots()
ax.plot(margin.detach(), loss.detach(), label="label smoothing, 0.1")
ax.plot(margin.detach(), gradient, label="its gradient")
ax.plot(margin.detach(), rival, "--", label="gradient of cross entropy")
ax.set(xlabel="margin of the true class", ylabel="loss and gradient", ylim=(-1.2, 1.2))
ax.set_title("From a margin of 2.9 on, the gradient makes it smaller again")
ax.legend(loc="lower right")

turn = margin.detach()[gradient > 0].min()
print(f"the gradient turns at {turn:.2f}, log 19 is {math.log(1 + 2 * 0.9 / 0.1):.2f}")
assert (rival < 0).all()

# %%
# My loss stays at 0.6 with 99 % right: what is the lowest value?
# ---------------------------------------------------------------
# The minimum is the entropy of the smoothed target, not 0. It grows with the number of
# classes, so compare runs by the loss without smoothing, or subtract the entropy.
# Logits that are surer than the target cost more, not less.

zero = torch.tensor([0])
for classes in (2, 10, 1000):
    q = torch.full((1, classes), 0.1 / classes)
    q[0, 0] += 0.9  # 1 - a + a/K for the label and a/K elsewhere
    best, entropy = label_smoothing(q.log(), zero), -(q * q.log()).sum()
    sure = label_smoothing(50.0 * torch.eye(classes)[:1], zero)
    print(f"{classes:4} classes: least {best:.3f}, entropy {entropy:.3f}, ", end="")
    print(f"with a margin of 50 {sure:.2f}")

# %%
# Use it when probabilities are too sure or some labels are wrong; rather
# :doc:`/examples/classification/generalized_cross_entropy` when many labels are wrong,
# :doc:`/examples/language/kd` when a teacher knows which classes are alike, and the
# option ``label_smoothing`` of :func:`torch.nn.functional.cross_entropy`, which is
# faster, when no class is masked: there a logit of minus infinity costs infinity.

masked = torch.tensor([[4.0, 0.0, -math.inf]])
print(f"torch {cross_entropy(masked, zero, label_smoothing=0.1)}, ", end="")
print(f"here {label_smoothing(masked, zero):.3f}")

# sphinx_gallery_tags = ["classification", "classes", "missing labels"]
