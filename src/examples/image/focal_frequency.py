r"""
Focal frequency
===============

Frequencies that are most wrong get the most gradient, so blurred texture comes back.

With the spectra :math:`P` and :math:`T` of prediction and target, of the orthonormal
two-dimensional Fourier transform of each channel:

.. math::

   \ell = \frac{1}{HW} \sum_{u, v} w_{uv} \, |P_{uv} - T_{uv}|^2
   \qquad
   w_{uv} = \left( \frac{|P_{uv} - T_{uv}|}{\max |P - T|} \right)^{\alpha}

averaged over images and channels. The weights are constants to the gradient.

Source: L. Jiang, B. Dai, W. Wu, C. C. Loy, *Focal Frequency Loss for Image
Reconstruction and Synthesis*, ICCV 2021, equations 8 to 10, without patches.
"""

import torch
from torch import Tensor


def focal_frequency(prediction: Tensor, target: Tensor, alpha: float = 1.0) -> Tensor:
    """Squared error of the spectra, weighted by its own size.

    Args:
        prediction: Tensor of shape (N, C, H, W).
        target: Tensor of the same shape.
        alpha: Power of the weights, 0 or more; 0 is the mean squared error.

    Returns:
        A scalar, the mean over images, channels and frequencies.

    Raises:
        ValueError: The shapes do not fit, or ``alpha`` is negative.

    The weights have no gradient: ``gradcheck`` agrees where all are 1, and objects to
    the default.

    >>> prediction = torch.tensor([[[[2.0, 0.0], [0.0, 0.0]]]])
    >>> loss = focal_frequency(prediction.requires_grad_(), torch.zeros(1, 1, 2, 2))
    >>> loss.item()  # all four frequencies are 2 / sqrt(4), all weights 1
    1.0
    >>> loss.backward()
    >>> prediction.grad.sum().item(), prediction.grad[0, 0, 0, 0].item()
    (1.0, 1.0)

    >>> x = torch.tensor([[[[2.0, 0.5], [-1.0, 1.0]]]], dtype=torch.float64)
    >>> inputs = (x.requires_grad_(), torch.zeros_like(x), 0.0)
    >>> torch.autograd.gradcheck(focal_frequency, inputs)
    True
    >>> torch.autograd.gradcheck(focal_frequency, inputs[:2], raise_exception=False)
    False
    """
    if prediction.ndim != 4 or prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape (N, C, H, W), got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if not alpha >= 0:
        raise ValueError(f"alpha must be 0 or more, got {alpha}")
    # The transform is linear, and in half precision no CPU has it.
    wide = torch.promote_types(prediction.dtype, torch.float32)
    difference = torch.fft.fft2(prediction.to(wide) - target.to(wide), norm="ortho")
    squared = torch.view_as_real(difference).square().sum(-1)
    with torch.no_grad():
        largest = squared.amax((2, 3), keepdim=True)
        share = squared / largest.masked_fill(largest == 0, 1)
        weight = share ** (alpha / 2)
    return (weight * squared).mean().to(prediction.dtype)


# %%
# The gradient is that of squared error with the largest frequencies turned up
# ----------------------------------------------------------------------------
# A prediction that misses a strong fine pattern and a little of everything else. The
# squared error works at both in proportion. Here the pattern keeps all of its gradient,
# and the rest loses most of it.

import matplotlib.pyplot as plt

_ = torch.manual_seed(0)
pattern = 0.3 * torch.sin(2 * torch.pi * 20 * torch.arange(64) / 64)
target = (pattern + 0.1 * torch.randn(64, 64))[None, None]
prediction = torch.zeros_like(target, requires_grad=True)

fig, ax = plt.subplots()
for name, alpha in {"focal frequency": 1.0, "squared error": 0.0}.items():
    loss = focal_frequency(prediction, target, alpha)
    (gradient,) = torch.autograd.grad(loss, prediction)
    spectrum = torch.fft.rfft2(gradient[0, 0], norm="ortho").abs()
    sizes = spectrum.square().mean(0).sqrt()
    ax.semilogy(sizes, label=name)
    print(f"{name}: gradient {sizes[20]:.1e} at 20, {sizes[5]:.1e} at 5")
ax.set(xlabel="horizontal frequency", ylabel="size of the gradient")
ax.set_title("The same gradient at the worst frequency, less elsewhere")
ax.legend()

# %%
# With alpha = 0 it is the mean squared error
# -------------------------------------------
# By Parseval's theorem, whatever the transform. So a plain squared error of spectra
# brings nothing that pixels have not; all comes from the weights. Without
# ``norm="ortho"`` it would be H * W times as large.

mse = torch.nn.functional.mse_loss(prediction, target)
apart = torch.fft.fft2(prediction - target).abs().square().mean()
print(f"alpha = 0: {focal_frequency(prediction, target, 0.0):.4f}, ", end="")
print(f"squared error {mse:.4f}, of unscaled spectra {apart / mse:.0f} times as large")

# %%
# A shift of the whole image is a large error
# -------------------------------------------
# The difference is taken of complex numbers, phase included. Moving the texture by a
# pixel or two makes it wrong although its spectrum has the same sizes. Texture that
# need not lie in one place asks for a loss on sizes only.

for shift in (0, 1, 2):
    moved = target.roll(shift, 3)
    sizes = torch.fft.fft2(moved).abs() - torch.fft.fft2(target).abs()
    print(f"moved by {shift}: {focal_frequency(moved, target):.4f}, ", end="")
    print(f"sizes differ by {sizes.abs().max():.4f} at most")

# %%
# Use it when a few frequencies stay wrong, such as the blur or the checkerboard of a
# decoder, beside a loss on pixels; rather :doc:`/examples/image/ssim` when local
# contrast matters, and :doc:`/examples/image/total_variation` when there is no target.
# Each image and channel has a largest weight of 1, so one spike, often the mean
# brightness at frequency 0, can take the gradient of all others:

for offset in (0, 1):
    loss = focal_frequency(prediction, target + offset)
    (gradient,) = torch.autograd.grad(loss, prediction)
    at_20 = torch.fft.rfft2(gradient[0, 0], norm="ortho")[0, 20].abs()
    print(f"an offset of {offset}: gradient {at_20:.1e} at the pattern")

# sphinx_gallery_tags = ["images", "generative", "numbers"]
