r"""
Lovász-Softmax
==============

The gradient of a pixel is what its error costs the intersection over union.

For one class of one image, the error of a pixel is :math:`1 - p` where the class is
true and :math:`p` elsewhere. The errors are sorted, the largest first, and each gets
the weight by which the Jaccard loss grows when that pixel goes wrong, too:

.. math::

   \ell = \sum_i w_i \, e_{(i)}
   \qquad
   w_i = \begin{cases}
   1 / U_i & \text{the class is true} \\
   I_i / \left( U_i \, (U_i - 1) \right) & \text{it is not}
   \end{cases}

:math:`I_i` and :math:`U_i` are intersection and union once the first :math:`i` pixels
are wrong. With probabilities of 0 and 1 it is one minus the intersection over union; in
between, its Lovász extension.

Source: M. Berman, A. R. Triki and M. B. Blaschko, *The Lovász-Softmax Loss: A Tractable
Surrogate for the Optimization of the Intersection-over-Union Measure in Neural
Networks*, CVPR 2018, algorithm 1.
"""

import torch
from torch import Tensor


def lovasz_softmax(
    logits: Tensor, target: Tensor, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """Lovász extension of the Jaccard loss, over the classes present in each image.

    Args:
        logits: Tensor of shape (N, C, H, W), not normalised.
        target: The true classes, int64 in [0, C), of shape (N, H, W).
        ignore_index: A target that does not count.
        reduction: ``"mean"`` over the images, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or shape (N,) with ``"none"``: for each image the mean over its
        classes, in [0, 1], and 0 where no pixel counts. The mean is NaN where N is 0.
        Where errors tie, the gradient is that of one order of them.

    Raises:
        ValueError: A shape or a dtype does not fit, or ``reduction`` is not one of
            these.
        RuntimeError: A class is out of range.

    >>> p = torch.tensor([[0.75, 0.25], [0.5, 0.5]])  # two pixels, two classes
    >>> logits = p.log().T.reshape(1, 2, 1, 2).requires_grad_()
    >>> target = torch.tensor([[[0, 1]]])
    >>> loss = lovasz_softmax(logits, target)
    >>> print(f"{loss.item():.4f}")  # (1/2 * 1/2 + 1/2 * 1/4) / 2 + (1 * 1/2 + 0) / 2
    0.4375

    >>> x = torch.tensor([[0.5, -1.0, 2.0], [0.0, 1.0, 0.3]], dtype=torch.float64)
    >>> x = x.reshape(1, 2, 1, 3).requires_grad_()
    >>> torch.autograd.gradcheck(lovasz_softmax, (x, torch.tensor([[[0, 1, 1]]])))
    True
    """
    if logits.ndim != 4 or target.shape != logits.shape[:1] + logits.shape[2:]:
        raise ValueError(
            f"logits and target must have shapes (N, C, H, W) and (N, H, W), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if target.dtype != torch.int64:
        raise ValueError(f"target must be int64, got {target.dtype}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    ignored = (target == ignore_index).unsqueeze(1)
    # In float16 the square of a union is out of range.
    wide = torch.promote_types(logits.dtype, torch.float32)
    p = logits.masked_fill(ignored, 0).softmax(1, dtype=wide)
    index = target.unsqueeze(1).masked_fill(ignored, 0)
    true = torch.zeros_like(p).scatter(1, index, 1.0).masked_fill(ignored, 0)
    errors = torch.where(true == 1, 1 - p, p).masked_fill(ignored, 0).flatten(2)
    errors, order = errors.sort(2, descending=True)  # what is ignored comes last
    true = true.flatten(2)
    wrong = true.gather(2, order)
    size = true.sum(2, keepdim=True)
    intersection = size - wrong.cumsum(2)
    union = size + (1 - wrong).cumsum(2)
    # A class that is absent has no intersection: its weights and its loss are 0.
    missed, alarmed = 1 / union, intersection / union / (union - 1).clamp(min=1)
    weight = torch.where(wrong == 1, missed, alarmed)
    present = (size > 0).sum((1, 2)).clamp(min=1)
    loss = (weight * errors).sum((1, 2)) / present
    loss = loss if reduction == "none" else getattr(loss, reduction)()
    return loss.to(logits.dtype)


# %%
# One of eight pixels counts as one of eight, not of 256
# ------------------------------------------------------
# In an image of 256 pixels seven of an object's eight are right and the eighth moves.
# To cross entropy it is one of 256, to the overlap one of eight. Its gradient steps
# where it passes the others in the order of errors, and fades where the pixel is sure
# and wrong.

import matplotlib.pyplot as plt

margin = torch.linspace(-6, 6, 241, requires_grad=True)
target = (torch.arange(256) < 8).long().reshape(1, 16, 16)
sure = (3.0 * (2 * target - 1)).flatten().expand(241, 256)
second = torch.cat([margin[:, None], sure[:, 1:]], dim=1).reshape(241, 1, 1, 16, 16)
logits = torch.cat([torch.zeros_like(second), second], dim=2)
cross_entropy = torch.nn.functional.cross_entropy
loss = torch.vmap(lovasz_softmax, (0, None))(logits, target)
other = torch.vmap(cross_entropy, (0, None))(logits, target)
(gradient,) = torch.autograd.grad(loss.sum(), margin, retain_graph=True)
(rival,) = torch.autograd.grad(other.sum(), margin)

fig, ax = plt.subplots()
ax.plot(margin.detach(), loss.detach(), label="Lovász-Softmax")
ax.plot(margin.detach(), gradient, label="its gradient")
ax.plot(margin.detach(), rival, "--", label="gradient of cross entropy")
ax.set(xlabel="margin of the eighth pixel", ylabel="loss and gradient")
ax.set_title("The gradient is larger, unless the pixel is sure and wrong")
ax.legend()

# %%
# Do not start with it alone: a sure background leaves hardly a gradient
# ----------------------------------------------------------------------
# A model that is sure of the background everywhere has hardly a gradient at the pixels
# of the object; under cross entropy it has. Add the two, or begin with cross entropy.

for sure in (0.0, 5.0, 10.0):
    logits = torch.zeros(1, 2, 16, 16)
    logits[:, 0] = sure
    logits.requires_grad_()
    for name, loss in {
        "Lovász": lovasz_softmax,
        "cross entropy": cross_entropy,
    }.items():
        (gradient,) = torch.autograd.grad(loss(logits, target), logits)
        at_object = gradient[0, 1][target[0] == 1].sum()
        print(f"background {sure:2.0f} ahead, {name}: {at_object:.6f}")

# %%
# Use it beside cross entropy when you are judged by the mean IoU; rather
# :doc:`/examples/segmentation/jaccard` or :doc:`/examples/segmentation/dice` for one
# class against the rest: they need no sorting, which costs time. Classes that are in no
# pixel of an image do not count in it. With sure logits it is the measure itself:

marked = torch.tensor([[[0, 0, 1, 1], [0, 1, 1, 2]]])
target = torch.tensor([[[0, 0, 0, 1], [0, 1, 1, 1]]])  # overlaps 3/4 and 3/5
hard = 1e4 * torch.nn.functional.one_hot(marked).movedim(3, 1).float()
print(f"{lovasz_softmax(hard, target):.4f} = 1 - (3/4 + 3/5) / 2")

# sphinx_gallery_tags = ["segmentation", "classes", "regions", "imbalance", "small objects", "missing labels", "metric"]
