r"""
ArcFace
=======

The gradient turns a row to its class long after it is right, by a margin in the angle.

With the angle :math:`\theta_j` between a row and the vector of class j, the margin
:math:`m` and the scale :math:`s`, cross entropy is taken of the logits

.. math::

   z_j = s \cos \theta_j \quad (j \ne y)
   \qquad
   z_y = s \cos(\theta_y + m)
   = s \left( \cos \theta_y \cos m - \sin \theta_y \sin m \right)

The sine is the length of the unit row less its part along the class: an arc cosine has
an infinite slope at 1 and -1. Past an angle of :math:`\pi - m` the cosine rises again;
the authors' code goes on with :math:`\cos \theta - m \sin m` there.

Source: J. Deng, J. Guo, N. Xue and S. Zafeiriou, *ArcFace: Additive Angular Margin Loss
for Deep Face Recognition*, CVPR 2019, equation 3.
"""

import math

import torch
from torch import Tensor


def unit(rows: Tensor) -> Tensor:
    """Divide each row by its length; a row of zeros stays as it is."""
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / torch.where(length > 0, length, 1)


def arcface(
    embedding: Tensor,
    weight: Tensor,
    target: Tensor,
    margin: float = 0.5,
    scale: float = 16.0,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Cross entropy of scaled cosines, with a margin added to the true class's angle.

    Args:
        embedding: Tensor of shape (N, D) of any lengths.
        weight: Tensor of shape (C, D) of any lengths: a vector for each class, a
            parameter that the optimizer has to know.
        target: The true classes, int64 in [0, C), of shape (N,).
        margin: What is added to the angle, in radians; from 0 to pi.
        scale: What cosines are multiplied by; above 0.
        reduction: ``"mean"`` over the rows, ``"sum"`` or ``"none"``.
        ignore_index: A target that does not count.

    Returns:
        A scalar, 0 where no row counts; or a tensor of shape (N,) with ``"none"``.

    Raises:
        ValueError: A shape, a dtype or an option does not fit.
        RuntimeError: A class is out of range.

    >>> rows = torch.tensor([[1.0, 0.0]], requires_grad=True)
    >>> weight = torch.tensor([[0.0, 3.0], [1.0, 0.0]])
    >>> loss = arcface(rows, weight, torch.tensor([0]), margin=torch.pi / 6, scale=2.0)
    >>> print(f"{loss.item():.4f}")  # logits 2 cos(120 degrees) and 2: log(1 + e^3)
    3.0486
    >>> loss.backward()
    >>> rows.grad  # turn: softmax 0.9526 * scale 2 * sin(120 degrees)
    tensor([[ 0.0000, -1.6499]])

    >>> x = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64)
    >>> w = torch.tensor([[1.0, 1.0], [0.0, 2.0]], dtype=torch.float64)
    >>> inputs = (x.requires_grad_(), w.requires_grad_(), torch.tensor([1, 0]))
    >>> torch.autograd.gradcheck(arcface, inputs)
    True
    """
    dims = embedding.ndim, weight.ndim, embedding.shape[1:], target.shape
    if dims != (2, 2, weight.shape[1:], embedding.shape[:1]):
        raise ValueError(
            f"embedding, weight and target must have shapes (N, D), (C, D) and (N,), "
            f"got {tuple(embedding.shape)}, {tuple(weight.shape)} and "
            f"{tuple(target.shape)}"
        )
    if target.dtype != torch.int64:
        raise ValueError(f"target must be int64, got {target.dtype}")
    if not 0 <= margin <= math.pi:
        raise ValueError(f"margin must be from 0 to pi, got {margin}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    counted = target != ignore_index
    own = target.masked_fill(~counted, 0).unsqueeze(1)
    rows, classes = unit(embedding), unit(weight)
    own_class = classes.gather(0, own.expand_as(rows))
    own_cosine = (rows * own_class).sum(1, keepdim=True)
    across = rows - own_cosine * own_class
    own_sine = torch.linalg.vector_norm(across, dim=1, keepdim=True)
    with_margin = own_cosine * math.cos(margin) - own_sine * math.sin(margin)
    cosine = (rows @ classes.T).to(rows.dtype)  # autocast multiplies in half precision
    logits = scale * cosine.scatter(1, own, with_margin)
    loss = torch.nn.functional.cross_entropy(
        logits, target, reduction="none", ignore_index=ignore_index
    )
    if reduction == "mean":
        return loss.sum() / counted.sum().clamp(min=1)
    return loss if reduction == "none" else loss.sum()


# %%
# It goes on where plain softmax has stopped, and turns back past pi - margin
# ---------------------------------------------------------------------------
# A row turns away from its class; the other class stays at right angles to it.
# Without the margin there is hardly a gradient within 60 degrees. With it, a row past
# 151 degrees is turned the wrong way: its cosine with the margin rises again.

import matplotlib.pyplot as plt

degrees = torch.linspace(0, 180, 361, dtype=torch.float64, requires_grad=True)
angle = torch.deg2rad(degrees)
rows = torch.stack([angle.cos(), angle.sin(), 0 * angle], dim=1)
classes = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
true = torch.zeros(361, dtype=torch.int64)
loss = arcface(rows, classes, true, 0.5, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), angle, retain_graph=True)
plain = arcface(rows, classes, true, 0.0, reduction="sum")
(plain_gradient,) = torch.autograd.grad(plain, angle)

fig, ax = plt.subplots()
ax.plot(degrees.detach(), loss.detach(), label="ArcFace, margin 0.5")
ax.plot(degrees.detach(), gradient, label="its gradient per radian")
ax.plot(degrees.detach(), plain_gradient, "--", label="gradient, margin 0")
ax.set(xlabel="angle to the true class in degrees", ylabel="loss and gradient")
ax.set_title("The margin moves the gradient half a radian nearer")
ax.legend()
for at in (60, 170):
    print(f"at {at:3} degrees: gradient {gradient[2 * at]:.2f}, ", end="")
    print(f"without a margin {plain_gradient[2 * at]:.2f}")

# %%
# NaN from the root, or from the arc cosine
# -----------------------------------------
# Rounding makes cosines of normalised rows slightly larger than 1. Then
# ``sqrt(1 - cosine ** 2)`` and ``acos`` are NaN, and at exactly 1 their slope is
# infinite. Clamp inside the root, ``(1 - cosine ** 2).clamp(min=eps)``, or take the
# sine as a length, as here. Under autocast compute it in float32.

weight = torch.randn(100, 16)
rows = unit(weight).requires_grad_()
cosine = (rows * rows).sum(1)
(by_root,) = torch.autograd.grad((1 - cosine**2).sqrt().sum(), rows)
(ours,) = torch.autograd.grad(arcface(rows, weight, torch.arange(100)), rows)
print(f"{(cosine > 1).sum()} of 100 cosines are above 1; without a finite gradient: ")
for name, gradient in {"root": by_root, "length": ours}.items():
    print(f"    by the {name} {(~gradient.isfinite()).any(1).sum()} rows")

# %%
# Use it when rows of classes that training never saw are compared by their cosine, as
# faces are; rather :doc:`/examples/embedding/cosface` for a margin that needs no angle,
# :doc:`/examples/embedding/supcon` when the classes are not fixed. The first loss is
# higher than that of a plain classifier, which starts at log C: begin with a small
# margin where rows begin far off, and raise the scale with the number of classes; the
# paper takes 64. Leave the margin out when predicting.

rows, fifty = torch.randn(500, 16), torch.randn(50, 16)
for margin in (0.0, 0.5):
    loss = arcface(rows, fifty, torch.arange(500) % 50, margin)
    print(f"at random, margin {margin}: {loss:.2f}; log 50 is {math.log(50):.2f}")

# sphinx_gallery_tags = ["embedding", "classes", "missing labels", "margin", "learned parameters"]
