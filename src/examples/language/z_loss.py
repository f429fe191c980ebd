r"""
Z-loss
======

Against drifting logits: each has a gradient by its probability, to hold log Z at zero.

Cross entropy does not change when a number is added to all logits of a row, so nothing
keeps them from drifting. The z-loss holds the logarithm of the sum of the exponentials,
:math:`\log Z`, near zero:

.. math::

   \ell = (\log Z)^2
   \qquad
   \log Z = \log \sum_c e^{z_c}
   \qquad
   \frac{\partial \ell}{\partial z_c} = 2 \log Z \cdot \text{softmax}(z)_c

Source: A. Chowdhery et al., *PaLM: Scaling Language Modeling with Pathways*,
arXiv:2204.02311 (2022), section 5, where it is added with a weight of 0.0001.
"""

import torch
from torch import Tensor


def z_loss(logits: Tensor, reduction: str = "mean") -> Tensor:
    """Squared log-partition function of each row.

    Args:
        logits: Tensor of shape (..., C): any rows, each of C classes.
        reduction: ``"mean"`` over the rows, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, 0 where there are no rows; or a tensor of shape (...) with ``"none"``.

    Raises:
        ValueError: There is no class, or ``reduction`` is not one of these.

    >>> logits = torch.tensor([[2.0, 4.0], [1.0, 1.0]]).log().requires_grad_()
    >>> loss = z_loss(logits)
    >>> print(f"{loss.item():.4f}")  # (log(6)**2 + log(2)**2) / 2
    1.8454
    >>> loss.backward()
    >>> logits.grad  # log 6 * (1/3, 2/3), and log 2 * (1/2, 1/2)
    tensor([[0.5973, 1.1945],
            [0.3466, 0.3466]])

    >>> x = torch.tensor([[0.0, 1.0], [-3.0, 2.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(z_loss, x.requires_grad_())
    True
    """
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(
            f"logits must have shape (..., C) with C of 1 or more, got "
            f"{tuple(logits.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    wide = torch.promote_types(logits.dtype, torch.float32)  # 256 squared: 65,536
    loss = logits.to(wide).logsumexp(-1).square()
    if reduction == "mean":
        loss = loss.sum() / max(loss.numel(), 1)
    elif reduction == "sum":
        loss = loss.sum()
    return loss.to(logits.dtype)


# %%
# What cross entropy does not hold, the z-loss holds
# --------------------------------------------------
# The same number is added to both logits of a row. Cross entropy does not change, so
# nothing else holds the normaliser near 0. The z-loss is a parabola around the shift
# that makes the exponentials add up to one.

import matplotlib.pyplot as plt
from torch.nn.functional import cross_entropy

shift = torch.linspace(-4, 4, 201, requires_grad=True)
rows = torch.tensor([1.0, -1.0]) + shift.unsqueeze(1)
loss = z_loss(rows, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), shift, retain_graph=True)
rival = cross_entropy(rows, torch.zeros(201, dtype=torch.int64), reduction="sum")
(rival_gradient,) = torch.autograd.grad(rival, shift)
shift = shift.detach()

fig, ax = plt.subplots()
ax.plot(shift, loss.detach(), label="z-loss")
ax.plot(shift, gradient, label="its gradient")
ax.plot(shift, rival_gradient, "C2--", label="gradient of cross entropy")
ax.set(xlabel="what is added to all logits", ylabel="loss and gradient", ylim=(-6, 10))
ax.set_title("Along a shift cross entropy has no gradient, the z-loss has")
ax.legend()

# %%
# Drifting logits cost digits
# ---------------------------
# bfloat16 keeps eight binary digits. The farther the logits have drifted, the coarser
# is what is left of their differences, and cross entropy is of something else.

logits, first = torch.tensor([[0.3, -0.5, 0.9]]), torch.tensor([0])
for drift in (0.0, 10.0, 100.0, 1000.0):
    short = (logits + drift).bfloat16().float()
    print(f"drift {drift:6.0f}: cross entropy {cross_entropy(short, first):.3f}")

# %%
# Add it with the mask and the denominator of cross entropy
# ---------------------------------------------------------
# c times log Z squared per token, with c around 1e-4, is added to the cross entropy of
# the same tokens: labels of -100 count in neither, and both are divided by the same
# count. Report the two separately, or perplexities are not comparable. The gradient is
# in proportion to the probability of each class, not the same for all of them.

logits = torch.tensor([[2.0, 0.0, -2.0], [30.0, 0.0, 0.0]], requires_grad=True)
target = torch.tensor([0, -100])
counted = target != -100
z = (z_loss(logits, reduction="none") * counted).sum() / counted.sum()
entropy = cross_entropy(logits, target)
print(f"cross entropy {entropy:.3f}, z-loss {z:.3f}, together {entropy + 1e-4 * z:.4f}")
(gradient,) = torch.autograd.grad(z, logits)
print(f"gradient of the z-loss {[round(value, 2) for value in gradient[0].tolist()]}")

# %%
# Use it when logits are kept in few digits, or when log p is to be read off the logits
# without normalising; rather leave it out when float32 is at hand. It is no loss to
# learn from by itself: it is content with any probabilities. Log Z is squared for each
# row and then averaged: the square of the mean would let two rows hide each other. See
# :doc:`/examples/language/chunked_cross_entropy` for logits that are too many to keep.

rows = torch.tensor([[5.0], [-5.0]])
print(f"a row up, a row down: {z_loss(rows):.0f}, ", end="")
print(f"square of the mean {rows.logsumexp(1).mean().square():.0f}")

# sphinx_gallery_tags = ["classification", "language", "no target"]
