r"""
Gaussian
========

Its gradient fades far from the centre; that of its logarithm grows with the distance.

A Gaussian divides the squared distance from its centre :math:`c` by
:math:`\sigma^2`, so a larger :math:`\sigma` makes it wider:

.. math::

   g(x) = \exp \left( -\frac{\|x - c\|^2}{2 \sigma^2} \right)
   \qquad
   \nabla_x \, g = -\frac{x - c}{\sigma^2} \, g(x)
   \qquad
   \nabla_x \log g = -\frac{x - c}{\sigma^2}

It is no loss yet: the negative logarithm, summed or averaged over the points, is one.

Source: D. S. Broomhead and D. Lowe, *Multivariable Functional Interpolation and
Adaptive Networks*, Complex Systems 2 (1988), 321-355.
"""

import torch
from torch import Tensor


def gaussian(
    points: Tensor, centers: Tensor, sigma: float | Tensor, log: bool = False
) -> Tensor:
    """Height of the Gaussian around each centre at each point, 1 at the centre.

    Args:
        points: Tensor of shape (N, D).
        centers: Tensor of shape (K, D), in the unit of the points.
        sigma: Width, in the unit of the points: positive, a number or a tensor of
            shape () or (K,).
        log: Return the logarithm of the height, the form to train with.

    Returns:
        Tensor of shape (N, K): every point against every centre.

    Raises:
        ValueError: The shapes do not fit, or the number ``sigma`` is not positive.

    >>> point = torch.tensor([[1.0, 1.0]], requires_grad=True)
    >>> centers = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    >>> gaussian(point, centers, sigma=2.0).detach()  # exp(0), exp(-2 / 8)
    tensor([[1.0000, 0.7788]])
    >>> gaussian(point, centers, sigma=2.0, log=True).sum().backward()
    >>> point.grad  # -1 / 2**2
    tensor([[-0.2500, -0.2500]])

    >>> inputs = point.double(), centers.double(), torch.tensor([1.0, 2.0]).double()
    >>> inputs = [x.detach().requires_grad_() for x in inputs]
    >>> torch.autograd.gradcheck(gaussian, inputs)
    True
    """
    if points.dim() != 2 or centers.dim() != 2 or points.shape[1] != centers.shape[1]:
        raise ValueError(
            f"points and centers must have the shapes (N, D) and (K, D), got "
            f"{tuple(points.shape)} and {tuple(centers.shape)}"
        )
    if isinstance(sigma, int | float) and not sigma > 0:
        raise ValueError(f"sigma must be positive, got {sigma}")
    sigma = torch.as_tensor(sigma, dtype=points.dtype, device=points.device)
    if sigma.shape not in ((), centers.shape[:1]):
        raise ValueError(
            f"sigma must have shape () or {tuple(centers.shape[:1])}, one for all "
            f"centers or one for each, got {tuple(sigma.shape)}"
        )
    squared_distance = (points[:, None] - centers).square().sum(2)
    log_height = -squared_distance / (2 * sigma**2)
    return log_height if log else log_height.exp()


class Gaussian(torch.nn.Module):
    """Gaussians whose centres and widths are learned: here a Module has state.

    Args:
        centers: Tensor of shape (K, D) to start from.
        sigma: Positive tensor of shape () or (K,) to start from; its logarithm is the
            parameter, so a step of an optimizer cannot make it negative.
    """

    def __init__(self, centers: Tensor, sigma: Tensor):
        super().__init__()
        self.centers = torch.nn.Parameter(centers.clone())
        self.log_sigma = torch.nn.Parameter(sigma.log())

    def forward(self, points: Tensor) -> Tensor:
        return gaussian(points, self.centers, self.log_sigma.exp())


# %%
# Far away only the logarithm has a gradient
# ------------------------------------------
# The Gaussian flattens out, and in float32 it ends: value and gradient are exactly 0.
# Its logarithm is a parabola, whose gradient grows with the distance.

import matplotlib.pyplot as plt

distance = torch.linspace(0, 8, 161, requires_grad=True)
center = torch.zeros(1, 1)
loss = gaussian(distance[:, None], center, sigma=2.0).sum(1)
(gradient,) = torch.autograd.grad(loss.sum(), distance)
logarithm = gaussian(distance[:, None], center, sigma=2.0, log=True)
(log_gradient,) = torch.autograd.grad(logarithm.sum(), distance)

fig, ax = plt.subplots()
ax.plot(distance.detach(), loss.detach(), label="Gaussian, sigma = 2")
ax.plot(distance.detach(), gradient, label="its gradient")
ax.plot(distance.detach(), log_gradient, "--", label="gradient of its logarithm")
ax.set(xlabel="distance from the centre", ylabel="value and gradient")
ax.set_title("At 8 the Gaussian has no gradient left, its logarithm the largest")
ax.legend()

for log in (False, True):
    point = torch.tensor([[40.0]], requires_grad=True)
    value = gaussian(point, center, sigma=2.0, log=log)
    (slope,) = torch.autograd.grad(value.sum(), point)
    print(f"at 40, {log = }: {value.item()}, gradient {slope.item()}")

# %%
# Multiplied by sigma squared, a larger sigma makes it narrower
# -------------------------------------------------------------
# A Gaussian divides the squared distance by sigma squared. The product is a valid
# radial basis function, too, but what it calls sigma is 1 / width, and its derivative
# in sigma has the other sign. Nothing fails: a reader of the fitted sigma is misled.


def narrowing(points, center, sigma):
    return torch.exp(-(sigma**2) * (points - center).square().sum(1) / 2)


point, origin = torch.tensor([[1.0, 1.0]]), torch.zeros(1, 2)
sigma = torch.tensor(2.0, requires_grad=True)
for function in (narrowing, gaussian):
    value = function(point, origin, sigma)
    (slope,) = torch.autograd.grad(value.sum(), sigma)
    print(f"{function.__name__}: {value.item():.4f}, slope in sigma {slope:+.4f}")

# %%
# Use it as a layer that is active near its centres, and its negative logarithm as a
# loss when sigma is given: it is a squared error. When sigma is learned, rather
# :doc:`/examples/probabilistic/gaussian_nll`: this loss falls for ever as sigma grows.

for sigma in (1.0, 10.0, 100.0):
    loss = -gaussian(torch.ones(1, 2), origin, sigma, log=True)
    print(f"sigma {sigma:5}: loss {loss.item():.4f}")
