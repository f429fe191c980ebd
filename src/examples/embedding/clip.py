r"""
CLIP
====

Contrastive, images against texts: each finds its own, and the temperature has a
gradient, too.

With the cosine similarities :math:`s_{ij} = \cos(\text{image}_i, \text{text}_j)`, the
scale :math:`\lambda` and the softmax of rows :math:`R` and of columns :math:`C`:

.. math::

   R = \text{softmax}_j(\lambda s_{ij})
   \qquad
   C = \text{softmax}_i(\lambda s_{ij})
   \qquad
   \ell = -\frac{1}{2N} \sum_i \left( \log R_{ii} + \log C_{ii} \right)

.. math::

   \frac{\partial \ell}{\partial \lambda} =
   \frac{1}{2N} \sum_{ij} s_{ij} \left( R_{ij} + C_{ij} - 2 [i = j] \right)

Source: A. Radford et al., *Learning Transferable Visual Models From Natural Language
Supervision*, ICML 2021, figure 3.
"""

import torch
from torch import Tensor


def unit(rows: Tensor) -> Tensor:
    """Divide each row by its length; a row of zeros stays as it is."""
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / torch.where(length > 0, length, 1)


def clip(image: Tensor, text: Tensor, logit_scale: float | Tensor) -> Tensor:
    """Cross entropy of finding each image's text, and each text's image.

    Args:
        image: Tensor of shape (N, D) of any lengths; a row of zeros is similar to none.
        text: Tensor of the same shape; row i belongs to row i of ``image``.
        logit_scale: What cosines are multiplied by, 1 / temperature: a positive number,
            or a tensor of shape () or (1,). To learn it, keep its logarithm as the
            parameter and pass ``log_scale.exp()``.

    Returns:
        A scalar, the mean over both directions and all rows; NaN for an empty batch.

    Raises:
        ValueError: The shapes differ or are not (N, D), or ``logit_scale`` is a number
            that is not positive or a tensor of more than one.

    >>> image, text = torch.eye(2), 3 * torch.eye(2)
    >>> log_scale = torch.zeros((), requires_grad=True)
    >>> loss = clip(image, text, log_scale.exp())
    >>> print(f"{loss.item():.4f}")  # log(1 + exp(-1)), both ways
    0.3133
    >>> loss.backward()
    >>> log_scale.grad  # minus the softmax 0.2689: all is right, be surer
    tensor(-0.2689)

    >>> x = torch.tensor([[1.0, 2.0], [0.5, -1.0]], dtype=torch.float64)
    >>> y = torch.tensor([[1.0, 0.0], [2.0, -1.0]], dtype=torch.float64)
    >>> scale = torch.tensor(5.0, dtype=torch.float64)
    >>> inputs = tuple(tensor.requires_grad_() for tensor in (x, y, scale))
    >>> torch.autograd.gradcheck(clip, inputs)
    True
    """
    if image.ndim != 2 or image.shape != text.shape:
        raise ValueError(
            f"image and text must have the same shape (N, D), got "
            f"{tuple(image.shape)} and {tuple(text.shape)}"
        )
    if isinstance(logit_scale, Tensor):
        if logit_scale.shape not in ((), (1,)):
            raise ValueError(
                f"logit_scale must have shape () or (1,), "
                f"got {tuple(logit_scale.shape)}"
            )
    elif not 0 < logit_scale < torch.inf:
        raise ValueError(f"logit_scale must be positive and finite, got {logit_scale}")
    logits = (logit_scale * unit(image)) @ unit(text).T
    own = torch.arange(len(image), device=image.device)
    cross_entropy = torch.nn.functional.cross_entropy
    return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2


# %%
# One wrong pair, and the scale stops growing
# -------------------------------------------
# Eight images on a circle, each 5 degrees from its text. While all are right, the
# gradient always asks for a larger scale. With two texts swapped there is a best one.

import math

import matplotlib.pyplot as plt

angles = torch.arange(0.0, 360, 45) + torch.tensor([[0.0], [5.0]])
angles = torch.deg2rad(angles)
image, text = torch.stack([angles.cos(), angles.sin()], dim=2)
swapped = text[[1, 0, 2, 3, 4, 5, 6, 7]]
log_scale = torch.linspace(0, 4, 201, requires_grad=True)
scale = log_scale.exp()
loss = torch.stack([clip(image, swapped, s) for s in scale])
(gradient,) = torch.autograd.grad(loss.sum(), log_scale, retain_graph=True)
right = sum(clip(image, text, s) for s in scale)
(right_gradient,) = torch.autograd.grad(right, log_scale)

fig, ax = plt.subplots()
ax.semilogx(scale.detach(), loss.detach(), label="loss, two texts swapped")
ax.semilogx(scale.detach(), gradient, label="its gradient in the scale's log")
ax.semilogx(scale.detach(), right_gradient, "--", label="that, all pairs right")
ax.set(xlabel="logit scale", ylabel="loss and gradient")
ax.set_title("With a wrong pair the gradient turns: be less sure")
ax.legend()
print(f"best scale with two swapped: {scale[loss.argmin()]:.1f}")
assert (right_gradient < 0).all()

# %%
# Where is the scale limited to 100?
# ----------------------------------
# The parameter is the logarithm, log(1 / 0.07) to start with, and the similarities are
# multiplied by its ``exp()``. Without ``exp()`` nothing fails, but even perfect pairs
# cost more. A clamp inside the graph, ``log_scale.exp().clamp(max=100)``, has the
# gradient 0 beyond 100, so a parameter that gets there never moves again. Clamp the
# parameter itself, after the optimizer's step, and leave it out of weight decay.

perfect, start = torch.eye(64), torch.tensor(1 / 0.07).log()
print(f"with exp {clip(perfect, perfect, start.exp()):.4f}", end=", ")
print(f"without {clip(perfect, perfect, start):.4f}")

log_scale = torch.tensor(5.0, requires_grad=True)  # a scale of 148
clamped = clip(image, swapped, log_scale.exp().clamp(max=100))
print("clamped in the graph:", torch.autograd.grad(clamped, log_scale)[0])
with torch.no_grad():  # after each optimizer.step()
    log_scale.clamp_(max=math.log(100))
inside = clip(image, swapped, log_scale.exp())
print("parameter clamped:", torch.autograd.grad(inside, log_scale)[0])

# %%
# What value is a good one?
# -------------------------
# Collapsed features, all alike, cost the logarithm of the batch, log N; random ones
# cost more, the larger the scale. The least value depends on N and on the scale, too,
# so compare runs of one batch size only. Watch how often an image's own text is the
# nearest.

alike, (first, second) = torch.ones(64, 8), torch.randn(2, 64, 8)
print(f"collapsed: {clip(alike, alike, 14.0):.2f}, log 64: {math.log(64):.2f}")
for scale in (1.0, 14.0):
    print(f"scale {scale}: random {clip(first, second, scale):.2f}, ", end="")
    print(f"perfect {clip(perfect, perfect, scale):.4f}")

# %%
# Use it when two encoders meet and either side may be the one that asks; rather
# :doc:`/examples/embedding/infonce` when only one side asks,
# :doc:`/examples/embedding/siglip` when the batch is spread over many devices. The
# other pairs are all the negatives that there are, so the batch should be large.

# sphinx_gallery_tags = ["embedding", "pairs", "self-supervised", "learned parameters"]
