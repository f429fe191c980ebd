r"""
Gradient penalty
================

For WGAN-GP: its gradient takes the critic's slope to 1 between real and fake samples.

The Wasserstein distance asks for a critic :math:`D` that is nowhere steeper than 1.
Each sample is mixed of a real and a fake one:

.. math::

   \hat{x}_n = \epsilon_n x_n + (1 - \epsilon_n) \tilde{x}_n
   \qquad
   \ell = \frac{1}{N} \sum_n
   \left( \left\| \nabla D(\hat{x}_n) \right\|_2 - 1 \right)^2

The loss contains a gradient, so its own gradient is a second derivative of the critic;
autograd finds it where the first one is taken with ``create_graph=True``.

Source: I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin and A. Courville, *Improved
Training of Wasserstein GANs*, NeurIPS 2017, arXiv:1704.00028, equation 3.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, eps: Tensor
) -> Tensor:
    """Mean squared distance between the critic's gradient norm and 1.

    ``vmap`` of ``torch.func.grad`` works, ``vmap`` alone and ``torch.compile`` raise.

    Args:
        critic: Callable from samples of shape (N, ...) to one score a sample, of shape
            (N,) or (N, 1). Samples must not mix in it, so no batch normalization.
        real: Samples of shape (N, ...), at least two dimensions.
        fake: Samples of the same shape; detach them when the critic is trained.
        eps: Share of the real sample, uniform on [0, 1]; (N,) or (N, 1, ..., 1).

    Returns:
        A scalar, under ``torch.no_grad`` too.

    Raises:
        ValueError: A shape does not fit.

    >>> weight = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> real, fake, eps = torch.ones(2, 2), torch.zeros(2, 2), torch.tensor([0.5, 0.2])
    >>> penalty = gradient_penalty(lambda x: x @ weight, real, fake, eps)
    >>> penalty.item()  # the norm is 5 everywhere: (5 - 1)^2
    16.0
    >>> penalty.backward()
    >>> weight.grad  # 2 (5 - 1) [3, 4] / 5
    tensor([4.8000, 6.4000])

    >>> def penalty(weight):
    ...     mixed_with = real.double(), fake.double(), eps.double()
    ...     return gradient_penalty(lambda x: (x * weight).sum(1).exp(), *mixed_with)
    >>> weight = torch.tensor([0.3, -0.8], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(penalty, (weight,))
    True
    """
    if real.shape != fake.shape or real.dim() < 2:
        raise ValueError(
            f"real and fake must have the same shape (N, ...) of at least two "
            f"dimensions, got {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    samples = real.shape[0]
    if eps.shape[:1] != real.shape[:1] or eps.numel() != samples:
        raise ValueError(
            f"eps must hold a share for each sample, ({samples},) or "
            f"({samples}, 1, ...), got {tuple(eps.shape)} for {tuple(real.shape)}"
        )
    eps = eps.reshape(samples, *[1] * (real.dim() - 1))
    with torch.enable_grad():
        # These zeros mark what to differentiate by, under torch.func as well.
        zeros = torch.zeros_like(real, requires_grad=True)
        mixed = eps * real + (1 - eps) * fake + zeros
        scores = critic(mixed)
        if scores.shape[:1] != real.shape[:1] or scores.numel() != samples:
            raise ValueError(
                f"the critic must return one score a sample, ({samples},) or "
                f"({samples}, 1), got {tuple(scores.shape)}"
            )
        (gradient,) = torch.autograd.grad(scores.sum(), mixed, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


# %%
# The slope goes to 1, and from both sides
# ----------------------------------------
# For a straight critic the penalty is a function of its slope alone. Weight decay takes
# a slope to 0: that critic tells nothing any more. At exactly 0 the penalty has a
# corner, and its gradient there is 0. The norm must be ``norm``, and not a root of a
# sum of squares, which gives NaN for a flat critic, such as one whose ReLUs are all
# off.

import matplotlib.pyplot as plt

slopes = (torch.arange(-100, 101) / 40).requires_grad_()
real, fake, eps = torch.ones(1, 1), torch.zeros(1, 1), torch.tensor([0.5])
loss = torch.stack(
    [gradient_penalty(lambda x, s=s: s * x, real, fake, eps) for s in slopes]
)
(gradient,) = torch.autograd.grad(loss.sum(), slopes)
slopes = slopes.detach()

fig, ax = plt.subplots()
ax.plot(slopes, loss.detach(), label="gradient penalty")
ax.plot(slopes, gradient, label="its gradient")
ax.plot(slopes, 2 * slopes, "--", label="gradient of weight decay")
ax.set(xlabel="slope of the critic", ylabel="loss and gradient", ylim=(-5, 6))
ax.set_title("The gradient changes sign at a slope of 1")
ax.legend(loc="lower right")

root_of_squares = torch.func.grad(lambda g: (g.square().sum().sqrt() - 1) ** 2)
print(f"at 0: {gradient[100]:.0f}; root of squares: {root_of_squares(torch.zeros(2))}")

# %%
# Which dimensions is the norm taken over?
# ----------------------------------------
# All but the batch: ``gradient.flatten(1).norm(dim=1)``, one norm for each sample. For
# images, ``norm(2, dim=1)`` is a norm over the channels at each pixel, and asks each
# pixel for a slope of 1: a sample of 64 pixels would have one of 8.

weight = torch.randn(1, 3, 8, 8)
slope = weight / weight.norm()  # of a critic whose slope is 1: the penalty should be 0
for name, norm in {
    "flatten(1).norm(dim=1)": slope.flatten(1).norm(dim=1),
    "norm(dim=1)": slope.norm(dim=1),
}.items():
    penalty = (norm - 1).square().mean()
    print(f"{name}: shape {tuple(norm.shape)}, penalty {penalty:.3f}")

# %%
# Without create_graph the critic runs away
# -----------------------------------------
# Then the penalty is a mere number: no error, a value to print, and nothing is held
# back. Here the loss of a critic is ten times the penalty, less the distance that it
# sees between two clouds, which is 3 in truth. From a slope of 2 the penalty leads
# back; without its part the gradient is -3 at any slope.
#
# Use it for the critic of a Wasserstein GAN; rather spectral normalization,
# ``torch.nn.utils.parametrizations.spectral_norm``, when a backward through the
# backward costs too much. Batch normalization mixes the samples, and the penalty is no
# longer that of each: use layer or instance normalization.

s = torch.tensor(2.0, requires_grad=True)
real, fake, eps = 3 + torch.zeros(4, 1), torch.zeros(4, 1), torch.rand(4)
penalty = gradient_penalty(lambda x: s * x, real, fake, eps)
for name, term in {"with": penalty, "without": penalty.detach()}.items():
    loss = 10 * term - s * (real - fake).mean()
    (gradient,) = torch.autograd.grad(loss, s)
    print(f"{name} create_graph: loss {loss:.2f}, gradient {gradient:.2f}")

# sphinx_gallery_tags = ["generative", "no target"]
