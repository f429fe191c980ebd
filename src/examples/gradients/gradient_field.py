r"""
Gradient field
==============

The gradient is an arrow at each point: uphill, and as long as the hill is steep.

The gradient holds the partial derivatives of a function, one for each variable. For

.. math::

   \begin{aligned}
   g(r, h, \lambda) &= 3 r^2 h + \lambda h^3 + \lambda \\
   \nabla g(r, h, \lambda) &= (6 r h, \; 3 r^2 + 3 \lambda h^2, \; h^3 + 1)
   \end{aligned}

it is (36, 147, 28) at the point (2, 3, 5).

Source: J. Nocedal, S. J. Wright, *Numerical Optimization* (2006), chapter 2.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def g(r: Tensor, h: Tensor, lam: Tensor) -> Tensor:
    """A function of three variables; elementwise, without units.

    >>> g(torch.tensor(2.0), torch.tensor(3.0), torch.tensor(5.0)).item()  # 36+135+5
    176.0
    """
    return 3 * r**2 * h + lam * h**3 + lam


def gradient_field(function: Callable[..., Tensor], *variables: Tensor) -> Tensor:
    """The gradient of an elementwise function at many points at once.

    Args:
        function: Takes as many tensors as there are variables, all of the same shape,
            and returns a tensor of that shape: one value for each point.
        variables: The coordinates of the points, each of shape ``(*points)``.

    Returns:
        Tensor of shape ``(*points, number of variables)``: a vector for each point.

    Raises:
        ValueError: The shapes differ, or ``function`` returns another shape.

    >>> at = [torch.tensor(2.0), torch.tensor(3.0), torch.tensor(5.0)]
    >>> gradient_field(g, *at)  # 6*2*3, 3*4 + 3*5*9, 27 + 1
    tensor([ 36., 147.,  28.])

    >>> gradient_field(torch.mul, torch.tensor([1.0, 2.0]), torch.tensor([5.0, 7.0]))
    tensor([[5., 1.],
            [7., 2.]])

    >>> doubles = [x.double().requires_grad_() for x in at]
    >>> torch.autograd.gradcheck(g, doubles)
    True
    """
    shapes = [tuple(variable.shape) for variable in variables]
    if len(set(shapes)) != 1:
        raise ValueError(f"the variables must have the same shape, got {shapes}")
    value, pull_back = torch.func.vjp(function, *variables)
    if tuple(value.shape) != shapes[0]:
        raise ValueError(
            f"the function must return one value for each point, shape {shapes[0]}, "
            f"got {tuple(value.shape)}"
        )
    # No point's value depends on another point, so one backward pass serves them all.
    return torch.stack(pull_back(torch.ones_like(value)), dim=-1)


# %%
# The third variable bends the field of the other two
# ---------------------------------------------------
# A picture has room for two variables: arrows show the derivatives in r and h. The
# third, lam, is held still in each slice. Lines join points of the same height. An
# arrow is as long as the cube root of the slope, so that small ones are seen.

import matplotlib.pyplot as plt

axis = torch.linspace(-4, 4, 25)
r, h = torch.meshgrid(axis, axis, indexing="xy")
at = r[2::4, 2::4], h[2::4, 2::4]

fig, axes = plt.subplots(1, 3, sharey=True, figsize=(6.4, 3.2))
for ax, lam in zip(axes, (-1.0, 0.0, 5.0), strict=True):
    levels = lam + torch.linspace(-8.5, 8.5, 12) ** 3  # g is cubic: evenly spaced lines
    ax.contour(r, h, g(r, h, torch.tensor(lam)), levels, colors="C0", linestyles="-")
    arrows = gradient_field(g, *at, torch.full_like(at[0], lam))[..., :2]
    arrows = arrows / arrows.norm(dim=-1, keepdim=True) ** (2 / 3)
    ax.quiver(
        *at, *arrows.unbind(-1), facecolor="C1", pivot="mid", scale=40, width=0.014
    )
    ax.set(aspect="equal", xlabel="r", title=f"lam = {lam:g}")
axes[0].set_ylabel("h")
axes[2].plot(2, 3, "C2o")
fig.suptitle("Arrows cross level lines at right angles, always uphill")

# %%
# The slope along any direction is gradient times direction
# ---------------------------------------------------------
# Three numbers hold the slopes of all directions. Here each slope is measured by a
# small step from (2, 3, 5), without autograd: steepest along the gradient, and 0 at a
# right angle to it.

point = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64)
gradient = gradient_field(g, *point)
angle = torch.arange(0, 361, 15, dtype=torch.float64)
direction = torch.stack([angle.deg2rad().cos(), angle.deg2rad().sin()], dim=-1)
direction = torch.nn.functional.pad(direction, (0, 1))  # stay in the slice lam = 5
ahead, behind = point + 1e-4 * direction, point - 1e-4 * direction
measured = (g(*ahead.unbind(-1)) - g(*behind.unbind(-1))) / 2e-4
steepest = torch.atan2(gradient[1], gradient[0]).rad2deg()

fig, ax = plt.subplots()
ax.plot(angle, measured, "C0o", label="measured by a small step")
ax.plot(angle, direction @ gradient, "C1-", label="gradient times direction")
ax.axvline(steepest, linestyle="--", label="direction of the gradient")
ax.set(xlabel="direction in degrees", ylabel="slope of g", ylim=(-170, 330))
ax.set_title("The slope is a cosine, and its top is the gradient")
ax.legend()
print(f"gradient {gradient.tolist()}, steepest at {steepest:.1f} degrees")

# %%
# One lam for the whole grid has one gradient, a sum
# --------------------------------------------------
# A scalar that is broadcast over the grid has one gradient: the sum over all points.
# Autograd does not warn, so ``gradient_field`` insists on the same shape.

one_lam = torch.tensor(5.0, requires_grad=True)
ten_points = torch.full((10,), 2.0), torch.full((10,), 3.0)
(summed,) = torch.autograd.grad(g(*ten_points, one_lam).sum(), one_lam)
print(f"one lam for ten points: {summed.item():g}, the derivative: {gradient[2]:g}")

# %%
# Use it for a function with one output, as a loss is; training goes against the arrows,
# since a loss is to fall. Several outputs have a gradient each: rather
# :func:`torch.func.jacrev`.
