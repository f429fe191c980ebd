r"""
Voigt profile
=============

SciPy computes the value; one line of calculus sends gradients to position and widths.

A spectral line that is broadened by a Gaussian of width :math:`\sigma` and a Lorentzian
of half width :math:`\gamma` is a Voigt profile. It is the real part of the Faddeeva
function :math:`w`, which torch lacks and SciPy has:

.. math::

   V(x) = \frac{\operatorname{Re} w(z)}{\sigma \sqrt{2 \pi}}
   \qquad
   z = \frac{x + i \gamma}{\sigma \sqrt{2}}
   \qquad
   w'(z) = \frac{2i}{\sqrt{\pi}} - 2 z \, w(z)

Only :math:`w` needs a backward by hand: it multiplies by the conjugate of :math:`w'`.
Autograd does the rest. A tensor on another device is copied to the CPU and back.

Source: NIST Digital Library of Mathematical Functions, sections 7.10 (the derivative)
and 7.19 (Voigt functions), https://dlmf.nist.gov/7.
"""

import torch
from scipy.special import wofz
from torch import Tensor


class Faddeeva(torch.autograd.Function):
    """SciPy's w(z) of a complex tensor, and the rule for its gradient."""

    @staticmethod
    def forward(z: Tensor) -> Tensor:
        return torch.as_tensor(wofz(z.numpy(force=True)), device=z.device)

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> Tensor:
        z, w = ctx.saved_tensors
        derivative = 2j / torch.pi**0.5 - 2 * z * w
        return grad_output * derivative.conj()

    @staticmethod
    def vmap(info, in_dims: tuple[int], z: Tensor) -> tuple[Tensor, int]:
        return Faddeeva.apply(z), in_dims[0]  # elementwise: a batch is more elements


def voigt(position: Tensor, sigma: float | Tensor, gamma: float | Tensor) -> Tensor:
    """Voigt profile of area 1 around position 0, computed in float64.

    Args:
        position: Tensor of any shape, the distance from the line.
        sigma: Standard deviation of the Gaussian, positive, in the unit of the
            position: a number or a tensor of shape (), (1,) or that of ``position``.
        gamma: Half width of the Lorentzian at half its height, not negative; as sigma.

    Returns:
        Tensor of the shape and dtype of ``position``, in 1 / its unit. Its derivatives
        lose digits in the wings: 100 sigma from the line about nine are left.

    Raises:
        ValueError: A shape does not fit, or a number is no width.

    >>> x = torch.tensor([0.0, 1.0], requires_grad=True)
    >>> profile = voigt(x, sigma=1.0, gamma=0.0)  # a Gaussian: exp(-x**2 / 2) / 2.5066
    >>> profile.detach()
    tensor([0.3989, 0.2420])
    >>> profile.sum().backward()
    >>> x.grad  # -x times the value
    tensor([ 0.0000, -0.2420])

    >>> inputs = [torch.tensor(v).double() for v in ([-1.0, 4.0], 0.5, 0.3)]
    >>> inputs = [x.requires_grad_() for x in inputs]
    >>> torch.autograd.gradcheck(voigt, inputs)
    True
    >>> torch.autograd.gradgradcheck(voigt, inputs)
    True
    """
    if isinstance(sigma, int | float) and not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    if isinstance(gamma, int | float) and not gamma >= 0:
        raise ValueError(f"gamma must not be negative, got {gamma}")
    for width in (sigma, gamma):
        shapes = (), (1,), position.shape
        if isinstance(width, Tensor) and width.shape not in shapes:
            raise ValueError(
                f"sigma and gamma must have shape (), (1,) or that of position, "
                f"{tuple(position.shape)}, got {tuple(width.shape)}"
            )
    x, sigma, gamma = (
        torch.as_tensor(value, dtype=torch.float64, device=position.device)
        for value in (position, sigma, gamma)
    )
    # What has shape (1,) is one number, also where position has no dimension.
    sigma, gamma = (w.squeeze() if w.shape == (1,) else w for w in (sigma, gamma))
    z = torch.complex(x, gamma.expand_as(x)) / (sigma * 2**0.5)
    profile = Faddeeva.apply(z).real / (sigma * (2 * torch.pi) ** 0.5)
    return profile.to(torch.result_type(position, 1.0))


# %%
# In the wings only gamma counts
# ------------------------------
# At the peak a larger width of either kind lowers the profile. Two sigma away the
# derivative of sigma is the larger, far away that of gamma: so a fit can tell the two
# apart. The value is that of SciPy's own profile.

import matplotlib.pyplot as plt
from scipy.special import voigt_profile

x = torch.linspace(-6, 6, 241, dtype=torch.float64, requires_grad=True)
sigma = torch.full_like(x, 1.0).requires_grad_()
gamma = torch.full_like(x, 0.5).requires_grad_()
profile = voigt(x, sigma, gamma)
gradients = torch.autograd.grad(profile.sum(), (x, sigma, gamma))

fig, ax = plt.subplots()
ax.plot(x.detach(), profile.detach(), label="Voigt profile")
ax.plot(x.detach(), gradients[0], label="derivative in position")
ax.plot(x.detach(), gradients[1], "--", label="derivative in sigma")
ax.plot(x.detach(), gradients[2], ":", label="derivative in gamma")
ax.set(xlabel="position in sigma", ylabel="value and derivatives")
ax.set_title("Far from the line the derivative in gamma is what is left")
ax.legend()

scipys = torch.from_numpy(voigt_profile(x.detach().numpy(), 1.0, 0.5))
torch.testing.assert_close(profile.detach(), scipys)

# %%
# detach ends the error message, and the gradient of sigma
# --------------------------------------------------------
# SciPy cannot be called on a tensor that needs a gradient, and torch says so. Doing
# what the message says cuts the graph: sigma gets no gradient. The area, which stands
# outside, still learns, so nothing stops.

position = x.detach().numpy()
sigma = torch.tensor(0.4, requires_grad=True)
area = torch.tensor(2.0, requires_grad=True)
try:
    voigt_profile(position, sigma.numpy(), 0.3)
except RuntimeError as error:
    print(error)

cut_off = area * torch.from_numpy(voigt_profile(position, sigma.detach().numpy(), 0.3))
(cut_off - scipys).square().mean().backward()
print(f"{area.grad is None = }, {sigma.grad is None = }")
(area * voigt(x, sigma, 0.3) - scipys).square().mean().backward()
print(f"with voigt: {sigma.grad is None = }")

# %%
# Use this pattern when torch lacks a function and its derivative is known; wrap that
# function alone, since the smaller the Function, the less there is to derive. Look in
# ``torch.special`` first: what is there needs no backward and no copy. Rather
# :doc:`/examples/functions/huber_by_hand` when the forward pass is torch's own.
