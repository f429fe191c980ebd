r"""
Tversky
=======

A missed pixel has a larger gradient than a false alarm, by weights that you choose.

With the probabilities :math:`p = \sigma(z)` and the mask :math:`t` of one image, let
:math:`TP = \sum p \, t` be what is rightly marked, :math:`FP = \sum p \, (1 - t)` the
false alarms and :math:`FN = \sum (1 - p) \, t` what is missed:

.. math::

   \ell = 1 - T, \quad
   T = \frac{TP + s}{D}, \quad
   D = TP + \alpha \, FP + \beta \, FN + s
   \qquad
   \frac{\partial \ell}{\partial p_i} = \begin{cases}
   -\left(1 - (1 - \beta) \, T\right) / D & t_i = 1 \\
   \alpha \, T / D & t_i = 0
   \end{cases}

:math:`\alpha = \beta = 1/2` is Dice, :math:`\alpha = \beta = 1` the Jaccard index.

Source: S. S. M. Salehi, D. Erdogmus and A. Gholipour, *Tversky Loss Function for Image
Segmentation Using 3D Fully Convolutional Deep Networks*, MLMI 2017.
"""

import torch
from torch import Tensor


def tversky(
    logits: Tensor,
    target: Tensor,
    alpha: float = 0.3,
    beta: float = 0.7,
    smooth: float = 1e-5,
    mask: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """One minus the Tversky index of each image.

    Args:
        logits: Tensor of shape (N, 1, H, W), not normalised.
        target: The masks, 1.0 in the object and 0.0 outside, of the same shape.
        alpha: The weight of false positives, of what is marked outside; 0 or more.
        beta: The weight of false negatives, of what is missed; 0 or more.
        smooth: Added to both sides of the fraction, in pixels; 0 or more.
        mask: Tensor of the same shape, True or 1 where a pixel counts; all, if None.
        reduction: ``"mean"`` over the images, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or shape (N,) with ``"none"``: 0 for a perfect overlap and where no
        pixel counts, about 1 for none. The mean is NaN where N is 0.

    Raises:
        ValueError: The shapes differ or are not (N, 1, H, W), or ``reduction`` is not
            one of these.

    >>> logits = torch.zeros(1, 1, 1, 4, requires_grad=True)  # p = 1/2 everywhere
    >>> target = torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]])
    >>> loss = tversky(logits, target, alpha=0.25, beta=0.25, smooth=0.0)
    >>> loss.item()  # 1 - (1/2) / (1/2 + 3/2 * 1/4 + 1/2 * 1/4)
    0.5
    >>> loss.backward()
    >>> logits.grad * 32  # the slope of the sigmoid is 1/4, T is 1/2, D is 1
    tensor([[[[-5.,  1.,  1.,  1.]]]])

    >>> x = torch.tensor([[[[-1.0, 0.0, 2.0, 0.5]]]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(tversky, (x.requires_grad_(), target))
    True
    """
    shapes = [tuple(x.shape) for x in (logits, target, mask) if x is not None]
    if len(set(shapes)) > 1 or logits.ndim != 4 or logits.shape[1] != 1:
        raise ValueError(
            f"logits, target and mask must have the same shape (N, 1, H, W), got "
            f"{' and '.join(map(str, shapes))}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    if mask is not None:  # no probability there, and no object
        logits = logits.masked_fill(mask == 0, -torch.inf)
        target = target.masked_fill(mask == 0, 0)
    # float16 ends at 65,504, fewer pixels than an image of 256 by 256 has.
    p = logits.to(torch.promote_types(logits.dtype, torch.float32)).sigmoid()
    hit = (p * target).sum((1, 2, 3))
    wrong = (alpha * p * (1 - target) + beta * (1 - p) * target).sum((1, 2, 3))
    whole = hit + wrong + smooth
    loss = wrong / torch.where(whole > 0, whole, 1)
    loss = loss if reduction == "none" else getattr(loss, reduction)()
    return loss.to(logits.dtype)


# %%
# Beta buys recall and pays with false alarms
# -------------------------------------------
# Eight noisy images with a disc of 29 pixels in 2304, and one convolution to find it.
# Alpha is what beta leaves of one; in the middle it is Dice.

import matplotlib.pyplot as plt

row, column = torch.arange(48.0).reshape(48, 1), torch.arange(48.0)
middle = torch.randint(5, 43, (2, 8, 1, 1, 1))
disc = ((row - middle[0]) ** 2 + (column - middle[1]) ** 2 <= 9).float()
image = disc + torch.randn_like(disc)
betas, recall, precision = (0.1, 0.3, 0.5, 0.7, 0.9), [], []
for beta in betas:
    model = torch.nn.Conv2d(1, 1, 5, padding=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(80):
        optimizer.zero_grad()
        tversky(model(image), disc, 1 - beta, beta).backward()
        optimizer.step()
    marked = model(image) > 0
    recall.append(disc[marked].sum() / disc.sum())
    precision.append(disc[marked].sum() / marked.sum())

fig, ax = plt.subplots()
ax.plot(betas, recall, "o-", label="recall: found of the object's pixels")
ax.plot(betas, precision, "s--", label="precision: right of the marked pixels")
ax.set(xlabel="beta, the weight of a miss; alpha is the rest", ylabel="share")
ax.set_title("The larger beta, the less is missed and the more is marked")
ax.legend()

# %%
# Which of the two is alpha?
# --------------------------
# In the paper, and here, alpha weighs false positives, FP = sum p (1 - t), predicted
# and not there, and beta false negatives, FN = sum (1 - p) t. Some libraries swap them,
# and nothing fails then: the model learns to miss. Symmetric settings hide a swap, and
# gradcheck cannot see it, since it compares the gradient with the same forward. Test
# with unequal weights, on one false positive alone and one miss alone.

target = torch.zeros(1, 1, 2, 4)
target[..., :3] = 1  # six pixels
exact = 50 * (2 * target - 1)
alarm, miss = exact.clone(), exact.clone()
alarm[..., 0, 3], miss[..., 0, 0] = 50, -50
for alpha, beta in ((0.3, 0.7), (0.7, 0.3)):
    costs = [tversky(z, target, alpha, beta).item() for z in (alarm, miss)]
    print(f"alpha {alpha}: a false alarm costs {costs[0]:.3f}, a miss {costs[1]:.3f}")

# %%
# Use it when a miss costs more than a false alarm; the ratio of beta to alpha says how
# much more. Rather :doc:`/examples/segmentation/dice` when both cost the same: at one
# half each the two are the same loss, with half the smooth; at one each it is
# :doc:`/examples/segmentation/jaccard`. Empty images need a smooth of some pixels, as
# the page on Dice shows.

# sphinx_gallery_tags = ["segmentation", "regions", "imbalance", "small objects", "missing labels"]
