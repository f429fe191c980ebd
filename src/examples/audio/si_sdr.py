r"""
SI-SDR
======

The gradient ignores the volume of the prediction and removes what is not the target.

The target, scaled to fit, is the signal; the rest of the prediction is distortion:

.. math::

   s = \frac{\langle \hat x, x \rangle}{\lVert x \rVert^2} \, x
   \qquad
   \ell = -10 \log_{10} \frac{\lVert s \rVert^2}{\lVert \hat x - s \rVert^2}
   \qquad
   \frac{\partial \ell}{\partial \hat x} = \frac{20}{\ln 10}
   \left( \frac{\hat x - s}{\lVert \hat x - s \rVert^2} -
   \frac{s}{\lVert s \rVert^2} \right)

Decibels, negated, so that less is better. No mean is subtracted, as in SI-SNR.

Source: J. Le Roux, S. Wisdom, H. Erdogan, J. R. Hershey, *SDR - Half-baked or Well
Done?*, ICASSP 2019, equation 4.
"""

import math

import torch
from torch import Tensor


def si_sdr(prediction: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Scale-invariant signal-to-distortion ratio, negated, in decibels.

    Args:
        prediction: Tensor of shape (..., T), signals over time.
        target: Tensor of the same shape.
        reduction: ``"mean"`` over the signals, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (...) with ``"none"``; below 0 where there is
        more signal than distortion. It ends at about -138 dB in float32 and -313 dB in
        float64, and is as much above 0 for a silent target.

    Raises:
        ValueError: The shapes do not fit, or ``reduction`` is not one of these.

    >>> prediction = torch.tensor([10.0, 1.0], requires_grad=True)
    >>> loss = si_sdr(prediction, torch.tensor([3.0, 0.0]))
    >>> print(f"{loss.item():.4f}")  # signal (10, 0), distortion (0, 1)
    -20.0000
    >>> loss.backward()
    >>> prediction.grad * math.log(10)  # 20 * (0, 1) - 20 * (10, 0) / 100
    tensor([-2.0000, 20.0000])

    >>> x, y = torch.tensor([[2.0, 0.5, -1.0], [1.0, 1.0, -2.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(si_sdr, (x.requires_grad_(), y))
    True
    """
    if prediction.ndim < 1 or prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape (..., T), got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    wide = torch.promote_types(prediction.dtype, torch.float32)
    x, y = prediction.to(wide), target.to(wide)
    eps = torch.finfo(wide).eps
    tiny = torch.finfo(wide).tiny / eps  # its inverse times 10 is still finite
    energy = y.square().sum(-1, keepdim=True) + tiny
    signal = (x * y).sum(-1, keepdim=True) / energy * y
    # Relative to the prediction, so that the floor does not depend on the volume.
    floor = eps**2 * x.square().sum(-1) + tiny
    distortion = (x - signal).square().sum(-1) + floor
    decibels = 10 / math.log(10)
    loss = decibels * (distortion.log() - (signal.square().sum(-1) + floor).log())
    loss = loss.to(prediction.dtype)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Quiet is not wrong
# ------------------
# A clean tone played at other volumes, and with noise in it. Squared error prefers
# silence, at 0 dB, to a copy that is ten times as loud; SI-SDR gives each volume the
# same, and what it counts is the noise.

import matplotlib.pyplot as plt

_ = torch.manual_seed(0)
target = torch.sin(2 * torch.pi * 440 * torch.linspace(0, 1, 8000))
noisy = target + 0.1 * torch.randn(8000)
volume = torch.logspace(-1, 1, 41)
copies = volume[:, None] * noisy
invariant = si_sdr(copies, target.expand(41, -1), "none")
plain = 10 * torch.log10((copies - target).square().sum(1) / target.square().sum())

fig, ax = plt.subplots()
ax.semilogx(volume, invariant, label="SI-SDR, negated")
ax.semilogx(volume, plain, label="SDR, negated: squared error in dB")
ax.set(xlabel="volume of the prediction", ylabel="loss in dB")
ax.set_title("Only the squared error asks for a volume")
ax.legend()
for v in (0, 20, 40):
    print(f"volume {volume[v]:4.1f}: {invariant[v]:.2f} dB, {plain[v]:6.2f} dB of SDR")

# %%
# The better the prediction, the larger the gradient
# --------------------------------------------------
# Ten times less noise is 20 dB less, and a gradient ten times as large: it goes with 1
# over the size of the distortion. So the best examples of a batch rule the step. To
# stop at -30 dB, take ``loss.clamp(min=-30)`` of each signal before the mean.

for size in (1.0, 0.1, 0.01):
    x = (target + size * torch.randn(8000)).requires_grad_()
    loss = si_sdr(x, target)
    (gradient,) = torch.autograd.grad(loss, x)
    print(f"noise {size}: {loss:6.1f} dB, size of the gradient {gradient.norm():.2f}")

# %%
# Inverted, with an offset, late, or silent
# -----------------------------------------
# The loss cannot tell a signal from its inverse. A constant added to the prediction
# counts as distortion: subtract both means first if recordings have one. A delay of
# three samples, which nobody hears, is more distortion than signal. A silent target has
# no direction: the loss is a large constant, so leave such signals out.

offset = noisy + 0.5
for name, pair in {
    "as it is": (noisy, target),
    "inverted": (-noisy, target),
    "with an offset": (offset, target),
    "without the means": (offset - offset.mean(), target - target.mean()),
    "three samples late": (target.roll(3), target),
    "silent target": (noisy, torch.zeros(8000)),
}.items():
    print(f"{name}: {si_sdr(*pair):.2f} dB")

# %%
# Use it when the volume of a separated or denoised signal is free; rather
# :func:`torch.nn.functional.l1_loss` or the plain SDR when it has to be right, or some
# targets are silent, and :doc:`/examples/sequence/soft_dtw` when time may be stretched.

# sphinx_gallery_tags = ["audio", "numbers", "metric"]
