r"""
Min-SNR weighting
=================

Diffusion steps with little noise no longer rule the gradient: their weight is capped.

With the noise :math:`\epsilon`, its prediction :math:`\hat\epsilon`, the elements
:math:`D` of a sample and the signal-to-noise ratio of its step,
:math:`\text{SNR} = \bar\alpha / (1 - \bar\alpha)`:

.. math::

   \ell = \frac{w}{D} \sum (\hat\epsilon - \epsilon)^2
   \qquad
   w = \frac{\min(\text{SNR}, \gamma)}{\text{SNR}}
   \qquad
   \frac{\partial \ell}{\partial \hat\epsilon} = \frac{2 w}{D} (\hat\epsilon - \epsilon)

Source: T. Hang et al., *Efficient Diffusion Training via Min-SNR Weighting Strategy*,
ICCV 2023, section 3.4, for the prediction of noise.
"""

import torch
from torch import Tensor


def min_snr(
    prediction: Tensor,
    target: Tensor,
    snr: Tensor,
    gamma: float = 5.0,
    reduction: str = "mean",
) -> Tensor:
    """Squared error of predicted noise with the Min-SNR weight of each sample's step.

    Args:
        prediction: Predicted noise, of shape (N, ...).
        target: The noise; the same shape.
        snr: Signal-to-noise ratio of each sample's step, of shape (N,), 0 or more.
        gamma: Where the ratio is capped; positive.
        reduction: Over the samples: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or ``reduction`` is not one of these.

    >>> prediction = torch.tensor([[1.0, 3.0], [1.0, 3.0]], requires_grad=True)
    >>> target, snr = torch.zeros(2, 2), torch.tensor([10.0, 2.0])
    >>> min_snr(prediction, target, snr, reduction="none").tolist()  # 5 * 5/10, 5 * 1
    [2.5, 5.0]
    >>> min_snr(prediction, target, snr).backward()
    >>> prediction.grad  # the weight, times the error, by 2 samples
    tensor([[0.2500, 0.7500],
            [0.5000, 1.5000]])

    >>> p, t = torch.tensor([[[0.5, -1.0], [2.0, 1.0]], [[0.0, 1.0], [1.0, 3.0]]])
    >>> inputs = p.double().requires_grad_(), t.double(), snr.double()
    >>> torch.autograd.gradcheck(min_snr, inputs)
    True
    """
    fits = prediction.shape == target.shape and prediction.ndim > 0
    if not fits or snr.shape != prediction.shape[:1]:
        raise ValueError(
            "prediction, target and snr must have the shapes (N, ...), (N, ...) and "
            f"(N,), got {tuple(prediction.shape)}, {tuple(target.shape)} and "
            f"{tuple(snr.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    weight = gamma / snr.clamp(min=gamma)  # min(snr, gamma) / snr, and 1 at snr = 0
    error = (prediction - target).square()
    loss = weight * (error.flatten(1).mean(1) if error.ndim > 1 else error)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Which weight belongs to which prediction?
# -----------------------------------------
# The three in circulation are one: min(SNR, gamma) on the squared error of the clean
# image. The errors are related: that of the noise is SNR times, and that of v is
# SNR + 1 times the error of the image. So the weight is min(SNR, gamma) for the image,
# min(SNR, gamma) / SNR for the noise, as here, and min(SNR, gamma) / (SNR + 1) for v.
# For v, pass its weight by hand; min(SNR + 1, gamma) / (SNR + 1) is another loss.

import matplotlib.pyplot as plt

alpha_bar = torch.cos(torch.linspace(0.05, 1.5, 200)).square()
snr = alpha_bar / (1 - alpha_bar)
capped = snr.clamp(max=5.0)
fig, ax = plt.subplots()
ax.loglog(snr, capped / snr, "C0", label="noise: min(SNR, 5) / SNR")
ax.loglog(snr, capped, "C1", label="image: min(SNR, 5)")
ax.loglog(snr, capped / (snr + 1), "C3", label="v: min(SNR, 5) / (SNR + 1)")
ax.loglog(snr, torch.ones(200), "C2--", label="noise, plain squared error")
ax.set(xlabel="signal-to-noise ratio of the step", ylabel="weight")
ax.set_title("One loss, three weights: each belongs to one prediction")
ax.legend()

image, noise, error = torch.randn(3, 200, 8)
signal, noisy = alpha_bar.sqrt()[:, None], (1 - alpha_bar).sqrt()[:, None]
guess = image + 0.1 * error  # the same network, read in three ways
guessed_noise = noise + signal * (image - guess) / noisy
v, guessed_v = signal * noise - noisy * image, signal * guessed_noise - noisy * guess
ours = min_snr(guessed_noise, noise, snr, reduction="none")
of_image = capped * (guess - image).square().mean(1)
of_v = capped / (snr + 1) * (guessed_v - v).square().mean(1)
for step in (20, 180):
    print(f"SNR {snr[step]:.3f}: noise {ours[step]:.5f}, ", end="")
    print(f"image {of_image[step]:.5f}, v {of_v[step]:.5f}")

# %%
# Weigh each sample before the mean
# ---------------------------------
# The weight is per sample, so reduce over all dimensions but the batch first
# (``reduction="none"``, then the mean of each sample), multiply, and take the mean over
# the batch last. The mean of the errors times the mean of the weights is another
# number: errors and weights depend on the same step.

separate = (capped / snr).mean() * (guessed_noise - noise).square().mean()
print(f"per sample {ours.mean():.4f}, mean times mean {separate:.4f}")

# %%
# Use it when a network predicts the noise of steps with very different noise; rather
# the plain squared error when the model is large and samples must only look right at
# the noisy end, where the two are equal:
# :doc:`/examples/generative/flow_matching` has no such weight.
# An SNR of 0, as a schedule with zero terminal SNR has it, gives the weight 1 here; for
# such a schedule predict v, since noise alone says nothing about the image.

# sphinx_gallery_tags = ["generative", "numbers"]
