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
# third, lam, is held still in each slice. The blue is deeper where g is higher. An
# arrow is as long as the cube root of the slope, so that small ones are seen.

import matplotlib.pyplot as plt

axis = torch.linspace(-4, 4, 25)
r, h = torch.meshgrid(axis, axis, indexing="xy")


def draw_height(ax, lam):
    height = g(r, h, torch.tensor(lam))
    levels = lam + torch.linspace(-8.5, 8.5, 12) ** 3  # g is cubic: evenly spaced lines
    shades = [("C0", alpha) for alpha in torch.linspace(0.04, 0.7, 11).tolist()]
    ax.contourf(r, h, height, levels, colors=shades)
    ax.contour(r, h, height, levels, colors="C0", linewidths=0.7, linestyles="solid")
    ax.set(aspect="equal", xlabel="r", xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    ax.grid(False)


space = {"wspace": 0.08, "bottom": 0.24}
fig, axes = plt.subplots(1, 3, sharey=True, figsize=(6.4, 3.2), gridspec_kw=space)
at = [coordinate[2::4, 2::4] for coordinate in (r, h)]
for ax, lam in zip(axes, (-1.0, 0.0, 5.0), strict=True):
    draw_height(ax, lam)
    arrows = gradient_field(g, *at, torch.full_like(at[0], lam))[..., :2]
    arrows = (arrows / arrows.norm(dim=-1, keepdim=True) ** (2 / 3)).unbind(-1)
    shape = {"pivot": "mid", "scale": 40, "width": 0.014, "minshaft": 2}
    ax.quiver(*at, *arrows, facecolor="C1", label="gradient in r and h", **shape)
    ax.set_title(f"lam = {lam:g}")
axes[0].set_ylabel("h")
axes[2].plot(2, 3, "C2o", label="the point (2, 3, 5)")
fig.suptitle("Arrows cross level lines at right angles, always uphill")
fig.legend(*axes[2].get_legend_handles_labels(), loc="lower center", ncols=2)

# %%
# The slope along any direction is gradient times direction
# ---------------------------------------------------------
# Three numbers hold the slopes of all directions. Below, each slope is measured by a
# small step from (2, 3, 5), without autograd.

point = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64)
gradient = gradient_field(g, *point)
print(f"gradient: {gradient.tolist()}")


def slope(direction):
    ahead, behind = point + 1e-4 * direction, point - 1e-4 * direction
    return (g(*ahead.unbind(-1)) - g(*behind.unbind(-1))) / 2e-4


angle = torch.arange(0, 361, 15, dtype=torch.float64)
direction = torch.stack([angle.deg2rad().cos(), angle.deg2rad().sin()], dim=-1)
direction = torch.nn.functional.pad(direction, (0, 1))  # stay in the slice lam = 5
assert torch.allclose(slope(direction), direction @ gradient)

steepest = torch.atan2(gradient[1], gradient[0]).rad2deg().item()
along_level = torch.tensor([-147.0, 36.0, 0.0], dtype=torch.float64) / 147
print(f"steepest, {gradient[:2].norm():.1f}, at {steepest:.1f} degrees")
print(f"level, {slope(along_level).abs():.4f}, at a right angle to that")

# %%
# Following the arrows is steepest ascent
# ---------------------------------------
# With lam = -1, g is a saddle with three ways up and three ways down. Twenty-four
# walkers start in a ring around it and take steps of one length, each along its own
# gradient. Those who start on a way down turn back first.

start = torch.linspace(0, 2 * torch.pi, 25)[:-1] + 0.1
walk = [2.5 * torch.stack([start.cos(), start.sin()], dim=-1)]
for _ in range(150):
    r_h = walk[-1].unbind(-1)
    uphill = gradient_field(g, *r_h, torch.full_like(r_h[0], -1.0))[..., :2]
    walk.append(walk[-1] + 0.05 * torch.nn.functional.normalize(uphill, dim=-1))
walk = torch.stack(walk)

climb = g(*walk.unbind(-1), torch.tensor(-1.0)).diff(dim=0)
assert (climb > 0).all()
heading = torch.atan2(*walk[-1].flip(-1).unbind(-1)).rad2deg().round() % 360
print("ways up in degrees, walkers:", *heading.unique(return_counts=True))

fig, (left, right) = plt.subplots(1, 2, gridspec_kw={"width_ratios": [1.3, 1]})
left.plot(angle, direction @ gradient, "C1", label="gradient times direction")
left.plot(angle, slope(direction), "C0o", label="measured by a small step")
left.plot([steepest] * 2, [-170, 152], "C2:", label="direction of the gradient")
left.set(xlabel="direction in degrees", ylabel="slope of g", ylim=(-170, 330))
left.set(xticks=range(0, 361, 90), yticks=[-150, 0, 150])
left.set_title("The slope is a cosine")
left.legend()
draw_height(right, -1.0)
right.plot(*walk.unbind(-1), "C1", lw=1.2)
right.plot(*walk[0].unbind(-1), "C1o", ms=3)
right.set(ylabel="h", xlim=(-4, 4), ylim=(-4, 4), anchor="N")
_ = right.set_title("Three ways up")

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
