r"""
Soft F1
=======

A rare label has as much of the gradient as a common one, if the batch holds any of it.

With the probabilities :math:`p = \sigma(z)` of :math:`N` samples, for each label:

.. math::

   F = \frac{2 \, TP}{2 \, TP + FP + FN} = \frac{2 \sum_i p_i t_i}{\sum_i p_i + t_i}
   \qquad
   \frac{\partial F}{\partial p_i} = \frac{2 \, t_i - F}{\sum_j p_j + t_j}

and the loss is one minus the mean of :math:`F` over the labels, the macro F1.

Source: the F1 score with probabilities in the place of decisions, as for Dice, which is
F1 over the pixels of an image; E. Eban et al., *Scalable Learning of Non-Decomposable
Objectives*, AISTATS 2017, say why such a score is no sum over samples.
"""

import torch
from torch import Tensor


def soft_f1(logits: Tensor, target: Tensor) -> Tensor:
    """One minus the F1 score of each label over the batch, averaged over the labels.

    Args:
        logits: Tensor of shape (N, L): N samples, L labels, not normalised.
        target: Tensor of the same shape, 1 for yes and 0 for no.

    Returns:
        A scalar from 0 to 1. A label without a yes in the batch counts as 1.

    Raises:
        ValueError: The shapes differ or are not (N, L).

    >>> logits = torch.zeros(3, 1, requires_grad=True)  # p = 1/2 for each
    >>> target = torch.tensor([[1.0], [0.0], [0.0]])
    >>> loss = soft_f1(logits, target)
    >>> loss.detach()  # 1 - 2 * 1/2 / (3/2 + 1)
    tensor(0.6000)
    >>> loss.backward()
    >>> logits.grad.T  # the slope of the sigmoid, 1/4, times (0.4 - 2 t) / 2.5
    tensor([[-0.1600,  0.0400,  0.0400]])

    >>> x = torch.tensor([[-1.0, 0.5], [2.0, 0.0]], dtype=torch.float64)
    >>> y = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> torch.autograd.gradcheck(soft_f1, (x.requires_grad_(), y))
    True
    """
    if logits.shape != target.shape or logits.ndim != 2:
        raise ValueError(
            f"logits and target must have the same shape (N, L), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    p = logits.sigmoid()
    # A sum over the batch in float32: float16 adds ones only up to 2,048.
    wide = torch.promote_types(p.dtype, torch.float32)
    found = (p * target).sum(0, dtype=wide)
    size = (p + target).sum(0, dtype=wide).clamp(min=torch.finfo(wide).tiny)
    return (1 - 2 * found / size).mean().to(logits.dtype)


# %%
# Does it give a better F1 than cross entropy?
# --------------------------------------------
# At the threshold 0.5, yes: of a label that 3 % of the samples have, cross entropy is
# seldom more than half sure, so it finds few. But move the threshold to where F1 is
# best on held-out samples, and cross entropy has caught up. What soft F1 saves is the
# search for that threshold. Its outputs are no probabilities, though: where it says
# yes, it is surer than it is right.

import matplotlib.pyplot as plt
from torch.nn.functional import binary_cross_entropy_with_logits

target = (torch.rand(4000, 1) < 0.03).float()
inputs = torch.randn(4000, 2) + 1.5 * target
train, test = slice(0, 2000), slice(2000, 4000)
thresholds = torch.linspace(0.02, 0.98, 49)
fig, ax = plt.subplots()
for loss in (soft_f1, binary_cross_entropy_with_logits):
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss(model(inputs[train]), target[train]).backward()
        optimizer.step()
    p = model(inputs[test]).detach().sigmoid()
    marked = (p > thresholds).float()
    score = 2 * (marked * target[test]).sum(0) / (marked + target[test]).sum(0)
    ax.plot(thresholds, score, label=loss.__name__)
    yes = p > 0.5
    right = target[test][yes].mean()
    print(f"{loss.__name__}: F1 {score[24]:.2f} at 0.5, at best {score.max():.2f}, ")
    print(f"    its yes says {p[yes].mean():.2f}, and is right in {right:.2f}")
ax.set(xlabel="threshold", ylabel="F1 on held-out samples", ylim=(0, None))
ax.set_title("Cross entropy needs its threshold moved, soft F1 does not")
ax.legend()

# %%
# The batch must hold the label
# -----------------------------
# F1 is no sum over samples. A label without a yes in the batch costs 1 whatever the
# model says, and has no gradient: nothing teaches it to say no. And the mean of the F1
# of batches is not the F1 of the data. So use batches large enough to hold several of
# each label, or draw them that way.

logits = torch.randn(2000, 1, requires_grad=True)
for size in (20, 100, 2000):
    batches = list(zip(logits.split(size), target[train].split(size), strict=True))
    mean = torch.stack([soft_f1(*batch) for batch in batches]).mean()
    empty = sum(t.sum() == 0 for _, t in batches) / len(batches)
    print(f"batches of {size:4}: loss {mean:.3f}, {empty:4.0%} without a yes")
(gradient,) = torch.autograd.grad(soft_f1(logits, torch.zeros(2000, 1)), logits)
print(f"{gradient.count_nonzero()} gradients where no sample has the label")

# %%
# Use it when macro F1 at 0.5 is what you are judged by and batches are large; rather
# :doc:`/examples/classification/weighted_bce` when batches are small, labels are
# missing or probabilities are read. Start from a model that was trained with cross
# entropy, or add the two: where outputs saturate on the wrong side, the gradient of F1
# is 0, as its sigmoid's is. A loss near 1 at the start is normal for rare labels. Why
# F1 of rounded outputs has no gradient at all: :doc:`/guide/metrics`.

# sphinx_gallery_tags = ["classification", "multi-label", "imbalance", "metric"]
