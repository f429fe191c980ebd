r"""
ELBO
====

Reconstruction and KL divergence of a VAE, each summed over its dimensions.

With pixels :math:`x`, logits :math:`a`, and a Gaussian over the latents with mean
:math:`\mu` and log-variance :math:`s`, the mean over samples of

.. math::

   \ell = \sum_\text{pixels} \text{BCE}(a, x)
   + \beta \sum_\text{latents} \frac{\mu^2 + e^s - s - 1}{2}

.. math::

   \frac{\partial \ell}{\partial a} = \sigma(a) - x
   \qquad
   \frac{\partial \ell}{\partial \mu} = \beta \mu
   \qquad
   \frac{\partial \ell}{\partial s} = \frac{\beta}{2} (e^s - 1)

Source: D. P. Kingma and M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014,
equation 10 and appendix B, with the sign of a loss; beta of I. Higgins et al.,
*beta-VAE*, ICLR 2017.
"""

import torch
from torch import Tensor


def elbo(
    logits: Tensor, target: Tensor, mean: Tensor, log_var: Tensor, beta: float = 1.0
) -> Tensor:
    """Negative evidence lower bound of a VAE, the mean over the samples.

    Args:
        logits: Output of the decoder, of shape (N, ...), before the sigmoid.
        target: Pixels in [0, 1]; the same shape.
        mean: Mean of the latents, of shape (N, D).
        log_var: Logarithm of their variance; the same shape as ``mean``.
        beta: Weight of the KL divergence; 0 or more.

    Returns:
        A scalar in nats per sample; 0 where there are no samples.

    Raises:
        ValueError: The shapes do not fit.

    >>> logits = torch.zeros(1, 4, requires_grad=True)
    >>> mean = torch.tensor([[2.0, 0.0]], requires_grad=True)
    >>> loss = elbo(logits, torch.ones(1, 4), mean, torch.zeros(1, 2))
    >>> print(f"{loss.item():.4f}")  # 4 log 2 for four pixels, 2 * 2 / 2
    4.7726
    >>> loss.backward()
    >>> logits.grad, mean.grad
    (tensor([[-0.5000, -0.5000, -0.5000, -0.5000]]), tensor([[2., 0.]]))

    >>> a, x = torch.tensor([[[0.5, -1.0, 2.0]], [[1.0, 0.0, 0.3]]]).double()
    >>> m, s = torch.tensor([[[0.5, -1.0]], [[0.2, -0.5]]]).double().requires_grad_()
    >>> torch.autograd.gradcheck(elbo, (a.requires_grad_(), x, m, s))
    True
    """
    if logits.shape != target.shape:
        raise ValueError(
            f"logits and target must have the same shape, got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    fits = mean.shape == log_var.shape and mean.ndim > 0
    if not fits or mean.shape[:1] != logits.shape[:1]:
        raise ValueError(
            f"mean and log_var must have the same shape (N, D), with the N of logits, "
            f"got {tuple(mean.shape)} and {tuple(log_var.shape)}, and logits "
            f"{tuple(logits.shape)}"
        )
    # Sums over an image pass what float16 can hold.
    wide = torch.promote_types(logits.dtype, torch.float32)
    pixels = torch.nn.functional.binary_cross_entropy_with_logits(
        logits.to(wide), target.to(wide), reduction="sum"
    )
    mean, log_var = mean.to(wide), log_var.to(wide)
    # expm1: no cancellation where the variance is near 1.
    divergence = (mean.square() + torch.expm1(log_var) - log_var).sum() / 2
    return ((pixels + beta * divergence) / max(len(logits), 1)).to(logits.dtype)


# %%
# Sum or mean? One convention for both
# ------------------------------------
# The KL divergence of a diagonal Gaussian is the sum over its latent dimensions; then
# comes the mean over the batch. The reconstruction must use the same convention: the
# sum over pixels, then the mean over the batch. A mean over pixels beside a sum over
# latents multiplies the weight of the KL by the number of pixels, here 64. The latents
# then have to say nothing, and every reconstruction is the same blur.

import matplotlib.pyplot as plt

position = torch.arange(64.0)
bumps = torch.exp(-((position - torch.linspace(8, 56, 64)[:, None]) ** 2) / 50)


def network(inputs, outputs):
    first, last = torch.nn.Linear(inputs, 32), torch.nn.Linear(32, outputs)
    return torch.nn.Sequential(first, torch.nn.Tanh(), last)


def reconstruction(beta):
    _ = torch.manual_seed(0)
    encoder, decoder = network(64, 4), network(2, 64)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    for _ in range(400):
        mean, log_var = encoder(bumps).chunk(2, 1)
        latent = mean + torch.randn_like(mean) * (log_var / 2).exp()
        optimizer.zero_grad()
        elbo(decoder(latent), bumps, mean, log_var, beta).backward()
        optimizer.step()
    return decoder(mean).sigmoid().detach()


fig, axes = plt.subplots(1, 3, sharey=True, figsize=(9, 3), layout="constrained")
for ax, name, picture in zip(
    axes,
    ("data", "sums", "mean of pixels"),
    (bumps, reconstruction(1.0), reconstruction(64.0)),
    strict=True,
):
    ax.imshow(picture.numpy())
    ax.set(title=name, xlabel="pixel")
    print(f"{name}: a pixel varies by {picture.std(0).mean():.3f} over the samples")
axes[0].set_ylabel("sample")
fig.suptitle("A mean over pixels beside a sum over latents: all the same blur")

# %%
# The other way round it is hidden, too
# -------------------------------------
# Averaging the KL over d latents is the same as beta = 1 / d. If you want that weight,
# then choose the weight openly, by ``beta``, or let it grow from 0 in a warm-up.

images = torch.zeros(2, 10), torch.ones(2, 10)
mean, log_var = torch.randn(2, 2, 5)
averaged = ((mean.square() + log_var.exp() - log_var - 1) / 2).mean()
same = elbo(*images, mean, log_var, beta=0.0) + averaged
print(f"averaged over 5 latents {same:.4f}", end=", ")
print(f"beta = 1/5 {elbo(*images, mean, log_var, beta=1 / 5):.4f}")

# %%
# Use it when a decoder's pixels are probabilities, black and white; rather
# :doc:`/examples/probabilistic/gaussian_nll` for the first term when they are numbers
# with noise. A squared error there has a variance of 1/2 in it, which is a beta, too.
# A KL of 0 for a latent means that the decoder does not use it. Grey pixels are
# allowed, and the loss then does not reach 0: its least value is their entropy.

grey = torch.full((1, 4), 0.3)
best = elbo(grey.logit(), grey, torch.zeros(1, 2), torch.zeros(1, 2))
entropy = -4 * (0.3 * grey.log() + 0.7 * (1 - grey).log()).mean()
print(f"perfect and grey: {best:.4f}; entropy of four pixels: {entropy:.4f}")

# sphinx_gallery_tags = ["images", "generative", "no target"]
