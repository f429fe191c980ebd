r"""
Jaccard
=======

One minus the soft IoU of each image: the worse the overlap, the larger its gradient.

With the probabilities :math:`p = \sigma(z)` and the mask :math:`t` of one image, the
intersection :math:`I = \sum p \, t` and the union :math:`U = \sum p + \sum t - I`:

.. math::

   \ell = 1 - \frac{I + s}{U + s}
   \qquad
   \frac{\partial \ell}{\partial p_i} = \begin{cases}
   -1 / (U + s) & t_i = 1 \\
   (I + s) / (U + s)^2 & t_i = 0
   \end{cases}


Source: M. A. Rahman and Y. Wang, *Optimizing Intersection-Over-Union in Deep Neural
Networks for Image Segmentation*, ISVC 2016, for each image by itself; libraries that
sum over the batch first have another loss.
"""

import torch
from torch import Tensor


def jaccard(logits: Tensor, target: Tensor, smooth: float = 1e-5) -> Tensor:
    """One minus the soft intersection over union of each image, averaged over images.

    Args:
        logits: Tensor of shape (N, 1, H, W), not normalised.
        target: The masks, 1.0 in the object and 0.0 outside, of the same shape.
        smooth: Added to both sides of the fraction, in pixels; 0 or more.

    Returns:
        A scalar: 0 for a perfect overlap, about 1 for none; NaN where N is 0.

    Raises:
        ValueError: The shapes differ or are not (N, 1, H, W).

    >>> logits = torch.zeros(1, 1, 1, 4, requires_grad=True)  # p = 1/2 everywhere
    >>> target = torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]])
    >>> loss = jaccard(logits, target, smooth=0.0)
    >>> print(f"{loss.item():.4f}")  # 1 - 1/2 / (2 + 1 - 1/2)
    0.8000
    >>> loss.backward()
    >>> logits.grad  # the slope of the sigmoid, 1/4, times -1 / 2.5 and 0.5 / 2.5 ** 2
    tensor([[[[-0.1000,  0.0200,  0.0200,  0.0200]]]])

    >>> x = torch.tensor([[[[-1.0, 0.0, 2.0, 0.5]]]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(jaccard, (x.requires_grad_(), target))
    True
    """
    if logits.shape != target.shape or logits.ndim != 4 or logits.shape[1] != 1:
        raise ValueError(
            f"logits and target must have the same shape (N, 1, H, W), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    # float16 ends at 65,504, fewer pixels than an image of 256 by 256 has.
    p = logits.to(torch.promote_types(logits.dtype, torch.float32)).sigmoid()
    both = (p * target).sum((1, 2, 3))
    either = p.sum((1, 2, 3)) + target.sum((1, 2, 3), dtype=p.dtype) - both
    return (1 - (both + smooth) / (either + smooth)).mean().to(logits.dtype)


# %%
# Does it matter whether one trains on IoU or on Dice?
# ----------------------------------------------------
# For one image each is a function of the other: with D and J the two losses,
# J = 2 D / (1 + D). Both rank all predictions of an image alike. What differs is how a
# gradient is shared between images: J rises twice as fast as D where the overlap is
# good, and half as fast where there is none. So Jaccard spends more on images that are
# almost right than :doc:`/examples/segmentation/dice` does.

import matplotlib.pyplot as plt

target = torch.zeros(1, 1, 20, 20)
target[..., :10, :] = 1
raised = torch.linspace(-6, 6, 61, requires_grad=True)
images = (2 * target - 1) * raised[:, None, None, None]
p = images.sigmoid()
dice = 1 - 2 * (p * target).sum((1, 2, 3)) / (p + target).sum((1, 2, 3))
ours = torch.stack([jaccard(image[None], target, 0.0) for image in images])
torch.testing.assert_close(ours, 2 * dice / (1 + dice))
(gradient,) = torch.autograd.grad(ours.sum(), raised, retain_graph=True)
(rival,) = torch.autograd.grad(dice.sum(), raised)

fig, ax = plt.subplots()
ax.plot(dice.detach(), ours.detach(), label="Jaccard")
ax.plot(dice.detach(), gradient / rival, label="gradient of Jaccard / gradient of Dice")
ax.plot(dice.detach(), dice.detach(), "--", label="Dice")
ax.set(xlabel="Dice loss of the image", ylabel="loss, and ratio of the gradients")
ax.set_title("Jaccard turns to the images that are almost right")
ax.legend(loc="upper center")

# %%
# The IoU loss of an image without an object
# ------------------------------------------
# Its intersection is 0. Without ``smooth`` the loss is 1 whatever is predicted, with a
# gradient of 0; with it in both halves of the fraction, an empty prediction is worth 0.
# A tiny ``smooth`` leaves the loss near 1 until the probabilities add up to about as
# much: for many empty images set it to 1 or more, or train them by cross entropy.

empty = torch.zeros(1, 1, 10, 10)
logits = torch.full_like(empty, 0.01).logit().requires_grad_()  # they add up to 1
for smooth in (0.0, 1e-5, 1.0, 10.0):
    loss = jaccard(logits, empty, smooth)
    (gradient,) = torch.autograd.grad(loss, logits)
    print(f"smooth {smooth:<7}: loss {loss:.5f}, gradient {gradient.sum():.5f}")

# %%
# Use it when results are judged by the mean IoU of images; rather
# :doc:`/examples/segmentation/lovasz_softmax` when classes exclude each other and hard
# decisions count, :doc:`/examples/segmentation/tversky` when misses cost more than
# alarms.

# sphinx_gallery_tags = ["segmentation", "regions", "imbalance", "small objects", "metric"]
