r"""
Dice
====

The few pixels of a small object together pull as hard as the whole background.

With the probabilities :math:`p = \sigma(z)` and the mask :math:`t` of one image,

.. math::

   \ell = 1 - \frac{2 \sum p \, t + s}{\sum p + \sum t + s}
   \qquad
   \frac{\partial \ell}{\partial p_i} = \frac{1 - \ell - 2 \, t_i}{\sum p + \sum t + s}

so every pixel of the object is pulled alike, and so is every pixel of the background.
:math:`s` is a small number that settles what an image without an object is worth.

Source: M. Drozdzal, E. Vorontsov, G. Chartrand, S. Kadoury and C. Pal, *The Importance
of Skip Connections in Biomedical Image Segmentation*, DLMIA 2016. Others square the
probabilities in the denominator; this form does not.
"""

import torch


def dice(logits, target, smooth=1e-5):
    """One minus the Dice overlap of each image, averaged over the images.

    Args:
        logits: Tensor of shape (N, 1, H, W), not normalised.
        target: The masks, 1.0 in the object and 0.0 outside, of the same shape.
        smooth: Added to both sides of the fraction, in pixels; 0 or more.

    Returns:
        A scalar: 0 for a perfect overlap, about 1 for none; NaN where N is 0.

    Raises:
        ValueError: The shapes differ or are not (N, 1, H, W), or smooth is negative.

    >>> logits = torch.zeros(1, 1, 1, 4, requires_grad=True)  # p = 1/2 everywhere
    >>> target = torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]])
    >>> loss = dice(logits, target, smooth=1.0)
    >>> loss.item()  # 1 - (2 * 1/2 + 1) / (2 + 1 + 1)
    0.5
    >>> loss.backward()
    >>> logits.grad * 32  # the slope of the sigmoid, 1/4, times (1/2 - 2 t) / 4
    tensor([[[[-3.,  1.,  1.,  1.]]]])

    >>> x = torch.tensor([[[[-1.0, 0.0, 2.0, 0.5]]]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(dice, (x.requires_grad_(), target))
    True
    """
    if logits.shape != target.shape or logits.ndim != 4 or logits.shape[1] != 1:
        raise ValueError(
            f"logits and target must have the same shape (N, 1, H, W), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if not 0 <= smooth < torch.inf:
        raise ValueError(f"smooth must be finite and 0 or more, got {smooth}")
    p = logits.sigmoid()
    overlap = (p * target).sum((1, 2, 3))
    size = p.sum((1, 2, 3)) + target.sum((1, 2, 3))
    return (1 - (2 * overlap + smooth) / (size + smooth)).mean()


# %%
# At least half of the gradient is the object's
# ---------------------------------------------
# A prediction that knows nothing says 0.5 everywhere. Under binary cross entropy the
# object then has the share of the gradient that it has of the image.

import matplotlib.pyplot as plt

cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
pixels = 4096
objects = torch.tensor([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048])


def share(loss, size):
    target = (torch.arange(pixels) < size).float().reshape(1, 1, 64, 64)
    logits = torch.zeros_like(target, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(logits, target), logits)
    return (gradient * target).abs().sum() / gradient.abs().sum()


fig, ax = plt.subplots()
for loss, style, name in (
    (dice, "C1-", "Dice"),
    (cross_entropy, "C2--", "cross entropy"),
):
    ax.plot(objects / pixels, [share(loss, n) for n in objects], style, label=name)
ax.set(xlabel="the object's share of the image", ylabel="its share of the gradient")
ax.set_xscale("log")
ax.set_title("Under Dice even one pixel has half of the gradient")
ax.legend()
print(f"one pixel of 4096: {share(dice, 1):.3f} and {share(cross_entropy, 1):.5f}")

# %%
# A faint object is found, at the price of the probabilities
# ----------------------------------------------------------
# Eight noisy images with a disc of 29 pixels in 2304, and one convolution to find it.
# Few pixels are more likely disc than not, and cross entropy marks those alone.
# Dice marks what makes the overlap large, and is surer than it is right.

_ = torch.manual_seed(0)
row, column = torch.arange(48.0).reshape(48, 1), torch.arange(48.0)
middle = torch.randint(5, 43, (2, 8, 1, 1, 1))
disc = ((row - middle[0]) ** 2 + (column - middle[1]) ** 2 <= 9).float()
image = disc + torch.randn_like(disc)

for name, loss in {"cross entropy": cross_entropy, "Dice": dice}.items():
    model = torch.nn.Conv2d(1, 1, 5, padding=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        loss(model(image), disc).backward()
        optimizer.step()
    p = model(image).detach().sigmoid()
    marked = p > 0.5
    overlap = 2 * disc[marked].sum() / (marked.sum() + disc.sum())
    print(
        f"{name:13}: marks {marked.sum() / 8:2.0f} pixels, overlap {overlap:.2f}; ",
        end="",
    )
    print(f"says {p[marked].mean():.2f}, right in {disc[marked].mean():.2f}")

# %%
# The usual mistake: images without an object teach nothing
# ---------------------------------------------------------
# There the overlap is smooth over smooth plus what was marked. With the usual 1e-5 the
# loss is 1 whether a lot was marked or a little, and nothing pulls the marks down.
# With a smooth of some pixels both change.

nothing = torch.zeros(1, 1, 48, 48)
for smooth in (1e-5, 10.0):
    for logit in (0.0, -5.0):
        logits = torch.full_like(nothing, logit, requires_grad=True)
        loss = dice(logits, nothing, smooth)
        (gradient,) = torch.autograd.grad(loss, logits)
        print(
            f"smooth {smooth:5}, {logits.sigmoid().sum().item():4.0f} pixels marked: ",
            end="",
        )
        print(f"loss {loss.item():.4f}, gradient {gradient.sum():.1e}")

# %%
# Take it where objects are small and their overlap is what you are judged by; add cross
# entropy where images may be empty or where you read the probabilities.
# It is an average over images: to count all pixels of a batch as one large image, make
# them one. The two differ as soon as objects differ in size. Autograd does the work.

target = (torch.arange(64) < torch.tensor([[2], [32]])).float().reshape(2, 1, 8, 8)
logits = torch.full_like(target, -3).masked_fill(target == 1, 3)
logits[0] = -3  # the small one is missed
as_one = dice(logits.reshape(1, 1, 16, 8), target.reshape(1, 1, 16, 8))
print(f"each image: {dice(logits, target):.2f}, the batch as one: {as_one:.2f}")
