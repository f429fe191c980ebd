r"""
SSIM
====

Lost contrast and structure get a gradient even where the pixels are hardly wrong.

In each window, with Gaussian weights, of two images: means :math:`\mu`, variances
:math:`\sigma^2` and covariance :math:`\sigma_{xy}`:

.. math::

   \text{SSIM} = \frac{(2 \mu_x \mu_y + c_1) \, (2 \sigma_{xy} + c_2)}
   {(\mu_x^2 + \mu_y^2 + c_1) \, (\sigma_x^2 + \sigma_y^2 + c_2)}
   \qquad
   \ell = 1 - \text{mean SSIM}

with :math:`c_1 = (0.01 \, R)^2`, :math:`c_2 = (0.03 \, R)^2` and the range :math:`R` of
the images. Nothing is padded: only whole windows count.

Source: Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, *Image Quality Assessment:
From Error Visibility to Structural Similarity*, IEEE Transactions on Image Processing
13 (2004), equation 13.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d


def ssim(
    prediction: Tensor,
    target: Tensor,
    data_range: float = 1.0,
    window: int = 11,
    sigma: float = 1.5,
) -> Tensor:
    """One minus the mean structural similarity, each channel for itself.

    Args:
        prediction: Tensor of shape (N, C, H, W).
        target: Tensor of the same shape.
        data_range: Largest minus smallest possible value: 1 for images from 0 to 1, 255
            for bytes, 2 for images from -1 to 1.
        window: Side of the window in pixels, odd; no image may be smaller.
        sigma: Standard deviation of its Gaussian weights, in pixels.

    Returns:
        A scalar, 0 for equal images, at most 2.

    Raises:
        ValueError: The shapes do not fit, or an option is out of range.

    >>> x = torch.full((1, 1, 11, 11), 0.5, requires_grad=True)  # flat: variances are 0
    >>> loss = ssim(x, torch.zeros(1, 1, 11, 11))  # 1 - c1 / (1/4 + c1), c1 = 1e-4
    >>> print(f"{loss.item():.4f}")
    0.9996
    >>> loss.backward()
    >>> print(f"{x.grad.sum():.4f}")  # c1 / (1/4 + c1)^2
    0.0016
    >>> ssim(x, x).item()
    0.0

    >>> i = torch.arange(24.0, dtype=torch.float64).reshape(1, 1, 4, 6)
    >>> x, y = i.sin().requires_grad_(), i.cos()
    >>> torch.autograd.gradcheck(ssim, (x, y, 1.0, 3))
    True
    """
    if prediction.ndim != 4 or prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape (N, C, H, W), got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if window < 1 or window % 2 == 0 or window > min(prediction.shape[2:]):
        raise ValueError(
            f"window must be odd and not larger than the images, got {window} and "
            f"{tuple(prediction.shape[2:])}"
        )
    if not data_range > 0:
        raise ValueError(f"data_range must be positive, got {data_range}")
    # A variance as a difference of squares has too few digits in half precision.
    wide = torch.promote_types(prediction.dtype, torch.float32)
    x, y = (image.to(wide).flatten(0, 1) for image in (prediction, target))
    offset = torch.arange(window, device=x.device, dtype=wide) - window // 2
    weight = torch.softmax(-offset.square() / (2 * sigma**2), 0)
    # Each image is a channel of its own, blurred along one dimension, then the other.
    images = torch.cat([x, y, x * x, y * y, x * y])
    weight = weight.expand(len(images), 1, 1, -1)
    blurred = conv2d(images, weight.mT, groups=len(images))
    blurred = conv2d(blurred, weight, groups=len(images))
    mean_x, mean_y, xx, yy, xy = blurred.chunk(5)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    covariance = xy - mean_x * mean_y
    variances = xx - mean_x**2 + yy - mean_y**2
    similarity = luminance * (2 * covariance + c2) / (variances + c2)
    return (1 - similarity.mean()).to(prediction.dtype)


# %%
# Two errors of the same size that nobody would call the same
# -----------------------------------------------------------
# A pattern made brighter, and the same pattern blurred, with the same squared error.
# SSIM hardly minds the first, whose structure is all there, and condemns the second.

import matplotlib.pyplot as plt
from torch.nn.functional import avg_pool2d, mse_loss

line = torch.arange(64.0)
target = (0.5 + 0.2 * torch.sin(line) * torch.sin(0.7 * line[:, None]))[None, None]
blurred = avg_pool2d(target, 5, 1, 2, count_include_pad=False)
brighter = target + mse_loss(blurred, target).sqrt()
images = {"target": target, "brighter": brighter, "blurred": blurred}
fig, axes = plt.subplots(1, 3, layout="constrained")
for ax, (name, image) in zip(axes, images.items(), strict=True):
    error, loss = mse_loss(image, target), ssim(image, target)
    print(f"{name:8}: squared error {error:.4f}, 1 - SSIM {loss:.3f}")
    ax.imshow(image[0, 0].numpy(), cmap="gray", vmin=0, vmax=1)
    ax.set(title=f"{name}\nMSE {error:.4f}\n1 - SSIM {loss:.2f}", xticks=[], yticks=[])
fig.suptitle("The same squared error, another loss of structure")

# %%
# A wrong range changes the loss, silently
# ----------------------------------------
# The two constants are there for flat windows and grow with the range. Bytes from 0 to
# 255 with a range of 1 leave flat regions without any protection from noise; images of
# 0 to 1 with a range of 255 look nearly perfect whatever they are. Another reason why
# the SSIM of two papers differs: padding, the window, and grey or colour.

_ = torch.manual_seed(0)
flat = torch.full((1, 1, 64, 64), 0.5)
noisy = flat + torch.randn_like(flat) / 255
print(f"0 to 1, range 1     {ssim(noisy, flat):.4f}")
print(f"bytes, range 255    {ssim(255 * noisy, 255 * flat, 255.0):.4f}")
print(f"bytes, range 1      {ssim(255 * noisy, 255 * flat, 1.0):.4f}")
print(f"0 to 1, range 255   {ssim(blurred, target, 255.0):.6f} for the blurred one")

# %%
# Use it when images should look right, mixed with an absolute error, as restoration
# papers do; rather :func:`torch.nn.functional.l1_loss` alone when each value matters,
# as depths and doses do, and :doc:`/examples/image/focal_frequency` when fine texture
# stays blurred. On its own it leaves brightness and colour nearly free: channels are
# compared one by one, and the brighter image above costs little. A loss above 1 is no
# bug: there the structure is inverted.

print(f"inverted: {ssim(1 - target, target):.2f}")

# sphinx_gallery_tags = ["images", "numbers", "metric"]
