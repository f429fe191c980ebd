r"""
Weighted binary cross entropy
=============================

Missing labels have no gradient, and a positive one has the gradient of several.

With the probability :math:`p = \sigma(z)`, a target :math:`t` of 0 or 1 and a weight
:math:`w` of positives, averaged over the labels that are known:

.. math::

   \ell = -w \, t \log p - (1 - t) \log (1 - p)
   \qquad
   \frac{\partial \ell}{\partial z} = (1 - t) \, p - w \, t \, (1 - p)

Source: ``pos_weight`` of ``torch.nn.BCEWithLogitsLoss``, whose mean this is where no
label is missing. The weights do not enter the denominator.
"""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def weighted_bce(
    logits: Tensor,
    target: Tensor,
    pos_weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross entropy of several labels, some of which may be missing.

    Args:
        logits: Tensor of any shape, one label each, not normalised.
        target: Tensor of the same shape: 1 for yes, 0 for no, NaN for not known.
        pos_weight: Weight of a yes, of a shape that broadcasts to the target's, such
            as (L,) for targets (N, L); 1 where it is None.
        mask: Tensor of the same shape, True or 1 where the label is known.
        reduction: ``"mean"`` over the known labels, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, 0 where no label is known; or a tensor of the shape of ``logits``,
        with 0 for each missing label.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    >>> logits = torch.zeros(3, requires_grad=True)  # p = 1/2
    >>> target = torch.tensor([1.0, 0.0, torch.nan])
    >>> loss = weighted_bce(logits, target, pos_weight=torch.tensor(3.0))
    >>> loss.detach()  # (3 log 2 + log 2) / 2
    tensor(1.3863)
    >>> loss.backward()
    >>> logits.grad  # -3/2 and 1/2, each over 2
    tensor([-0.7500,  0.2500,  0.0000])

    >>> x = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(weighted_bce, (x, target))
    True
    """
    for other, name in ((target, "target"), (mask, "mask")):
        if other is not None and other.shape != logits.shape:
            raise ValueError(
                f"logits and {name} must have the same shape, got "
                f"{tuple(logits.shape)} and {tuple(other.shape)}"
            )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    known = ~target.isnan()
    if mask is not None:
        known = known & mask.bool()
    # Replaced before the loss: a NaN that is masked after it stays in the gradient.
    logits, target = (x.masked_fill(~known, 0) for x in (logits, target))
    loss = binary_cross_entropy_with_logits(
        logits, target.to(logits.dtype), pos_weight=pos_weight, reduction="none"
    )
    loss = loss.masked_fill(~known, 0)
    if reduction == "none":
        return loss
    total = loss.sum(dtype=torch.promote_types(loss.dtype, torch.float32))
    if reduction == "mean":
        total = total / known.sum().clamp(min=1)
    return total.to(loss.dtype)


# %%
# With a weight, the output is no longer the probability
# ------------------------------------------------------
# Where a share q of the targets is positive, the best output is not q but
# w q / (w q + 1 - q): positives count as if there were w times as many. That moves the
# decision at 0.5 to where missing a yes costs w times as much. To read a probability
# from such a model, subtract log w from its logits.

import matplotlib.pyplot as plt

rate = torch.linspace(0.01, 0.99, 99)
logits = torch.linspace(-8, 8, 1601)
pairs = logits[:, None].expand(-1, 99), rate.expand(1601, -1)  # each logit, each rate
fig, ax = plt.subplots()
for weight in torch.tensor([1.0, 5.0, 20.0]):
    best = logits[weighted_bce(*pairs, weight, reduction="none").argmin(0)]
    mended = (best - weight.log()).sigmoid()
    ax.plot(rate, best.sigmoid(), label=f"weight {weight:g}")
    print(f"weight {weight:2g}: says {best[4].sigmoid():.3f} where 5 % are positive, ")
    print(f"           {mended[4]:.3f} with log w taken off")
ax.set(xlabel="share of positives", ylabel="best output")
ax.set_title("A weight of 20 calls 5 % an even chance")
ax.legend()

# %%
# A label that nobody entered is not a no
# ---------------------------------------
# Three in ten of the labels are yes, and four in five were never entered. Filled with
# 0, they teach that hardly anything is yes. Left out of the sum but not of the count,
# they leave the answer right and the gradient a fifth.

truth = (torch.rand(2000) < 0.3).float()
target = truth.masked_fill(torch.rand(2000) < 0.8, torch.nan)
outputs = torch.linspace(-3, 3, 601)
for name, labels in {"left out": target, "filled with 0": target.nan_to_num()}.items():
    losses = torch.stack([weighted_bce(z.expand(2000), labels) for z in outputs])
    print(f"{name}: says {outputs[losses.argmin()].sigmoid():.2f}")
half = torch.zeros(2000)
counted = weighted_bce(half, target, reduction="none").mean()
print(f"still counted: {counted / weighted_bce(half, target):.2f} of the loss")

# %%
# pos_weight for images, and targets of 255
# -----------------------------------------
# The usual ``pos_weight`` is negatives over positives, counted over known labels, one
# for each label; its root is a milder start. It broadcasts from the right: images (N,
# C, H, W) need ``pos_weight.view(C, 1, 1)``, since a vector of length C is matched with
# the width, silently if the width is C (:doc:`/guide/weights`). Soft targets between 0
# and 1 work. Outside of that, as with masks of 0 and 255, nothing fails, the loss is
# negative, and ever larger logits are rewarded.

images, weight = torch.zeros(1, 2, 1, 2), torch.tensor([1.0, 9.0])
for shaped in (weight, weight.view(2, 1, 1)):
    loss = weighted_bce(images, torch.ones_like(images), shaped, reduction="none")
    print(f"pos_weight {tuple(shaped.shape)}, a row a channel:\n{loss[0, :, 0]}")
print(f"a target of 255: {weighted_bce(torch.tensor(4.0), torch.tensor(255.0))}")

# %%
# Use it when a sample has several labels and some are unknown, or when yes is rare and
# a miss costs more than a false alarm; rather
# :doc:`/examples/classification/sigmoid_focal` when yes is so rare that easy negatives
# fill the gradient, and :doc:`/examples/classification/soft_f1` when F1 is the score.

# sphinx_gallery_tags = ["classification", "binary", "multi-label", "imbalance", "missing labels"]
