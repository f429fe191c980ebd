r"""
ArcFace
=======

Pulls a row on towards its class long after it is right, by a margin in the angle.

With the angle :math:`\theta_j` between a row and the vector of class j, the margin
:math:`m` and the scale :math:`s`, cross entropy is taken of the logits

.. math::

   z_j = s \cos \theta_j \quad (j \ne y)
   \qquad
   z_y = s \cos(\theta_y + m)
   = s \left( \cos \theta_y \cos m - \sin \theta_y \sin m \right)

The sine is the length of what is left of the unit row without its part along the class,
so that no arc cosine is needed, whose slope is infinite at 1 and -1. Where nothing is
left, torch takes 0 for the slope of the length.

Source: J. Deng, J. Guo, N. Xue and S. Zafeiriou, *ArcFace: Additive Angular Margin Loss
for Deep Face Recognition*, CVPR 2019, equation 3.
"""

import math

import torch


def unit(rows):
    """Divide each row by its length; a row of zeros stays as it is."""
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / torch.where(length > 0, length, 1)


def arcface(embedding, weight, target, margin=0.5, scale=16.0):
    """Cross entropy of scaled cosines, with a margin added to the true class's angle.

    Args:
        embedding: Tensor of shape (N, D) of any lengths.
        weight: Tensor of shape (C, D) of any lengths: a vector for each class, learnt
            with the rest, so a parameter that the optimizer has to know.
        target: The true classes, int64 in [0, C), of shape (N,).
        margin: What is added to the angle, in radians; from 0 to pi.
        scale: What cosines are multiplied by; positive.

    Returns:
        A scalar, the mean over rows. It is ``nan`` for an empty batch, as torch's cross
        entropy is.

    Raises:
        ValueError: A shape or a dtype does not fit, or ``margin`` or ``scale`` is not
            one of these.
        RuntimeError: A class is out of range.

    The formula is taken as it is: where the angle and the margin together exceed pi,
    their cosine rises again. There is no "easy margin", which leaves it out there.

    >>> rows = torch.tensor([[1.0, 0.0]], requires_grad=True)
    >>> weight = torch.tensor([[0.0, 3.0], [1.0, 0.0]])
    >>> loss = arcface(rows, weight, torch.tensor([0]), margin=torch.pi / 6, scale=2.0)
    >>> print(f"{loss.item():.4f}")  # logits 2 cos(120 degrees) and 2: log(1 + e^3)
    3.0486
    >>> loss.backward()
    >>> rows.grad  # turn: softmax 0.9526 * scale 2 * sin(120 degrees)
    tensor([[ 0.0000, -1.6499]])

    >>> x = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64)
    >>> w = torch.tensor([[1.0, 1.0], [0.0, 2.0]], dtype=torch.float64)
    >>> inputs = (x.requires_grad_(), w.requires_grad_(), torch.tensor([1, 0]))
    >>> torch.autograd.gradcheck(arcface, inputs)
    True
    """
    dims = embedding.ndim, weight.ndim, embedding.shape[1:], target.shape
    if dims != (2, 2, weight.shape[1:], embedding.shape[:1]):
        raise ValueError(
            f"embedding, weight and target must have shapes (N, D), (C, D) and (N,), "
            f"got {tuple(embedding.shape)}, {tuple(weight.shape)} and "
            f"{tuple(target.shape)}"
        )
    if target.dtype != torch.int64:
        raise ValueError(f"target must be int64, got {target.dtype}")
    if not 0 <= margin <= math.pi:
        raise ValueError(f"margin must be from 0 to pi, got {margin}")
    if not 0 < scale < math.inf:
        raise ValueError(f"scale must be positive and finite, got {scale}")
    rows, classes = unit(embedding), unit(weight)
    own = target.unsqueeze(1)
    own_class = classes.gather(0, own.expand_as(rows))
    own_cosine = (rows * own_class).sum(1, keepdim=True)
    across = rows - own_cosine * own_class
    own_sine = torch.linalg.vector_norm(across, dim=1, keepdim=True)
    with_margin = own_cosine * math.cos(margin) - own_sine * math.sin(margin)
    cosine = (rows @ classes.T).to(rows.dtype)  # autocast multiplies in half precision
    logits = scale * cosine.scatter(1, own, with_margin)
    return torch.nn.functional.cross_entropy(logits, target)


# %%
# It pulls where plain softmax has let go, and turns back past pi - margin
# ------------------------------------------------------------------------
# A row turns away from its class; the other class stays at right angles to it.
# Without the margin hardly anything pulls within 60 degrees. With it, a row past
# 151 degrees is pushed the wrong way: its cosine with the margin rises again.

import matplotlib.pyplot as plt

degrees = torch.linspace(0, 180, 361, dtype=torch.float64, requires_grad=True)
angle = torch.deg2rad(degrees)
rows = torch.stack([angle.cos(), angle.sin(), 0 * angle], dim=1).unsqueeze(1)
classes, first = torch.eye(3, dtype=torch.float64)[::2], torch.tensor([0])
over_angles = torch.vmap(arcface, (0, None, None, None))

loss = over_angles(rows, classes, first, 0.5)
(gradient,) = torch.autograd.grad(loss.sum(), degrees, retain_graph=True)
plain = over_angles(rows, classes, first, 0.0)
(plain_gradient,) = torch.autograd.grad(plain.sum(), degrees)

fig, ax = plt.subplots()
ax.plot(degrees.detach(), loss.detach(), label="ArcFace, margin 0.5")
ax.plot(degrees.detach(), gradient.rad2deg(), label="its gradient per radian")
ax.plot(degrees.detach(), plain_gradient.rad2deg(), "--", label="gradient, margin 0")
ax.set(xlabel="angle to the true class in degrees", ylabel="loss and gradient")
ax.set_title("The margin moves the pull half a radian nearer")
ax.legend()

for at in (60, 170):
    pull, without = gradient.rad2deg()[2 * at], plain_gradient.rad2deg()[2 * at]
    print(f"at {at:3} degrees: pull {pull:5.2f}, without a margin {without:.2f}")

# %%
# The classes get narrower
# ------------------------
# Ten classes, a small network into space: how far is a new row from its class?

target = torch.arange(200) % 10
middle = 3 * torch.randn(10, 8)[target]

for margin in (0.0, 0.5):
    linear = torch.nn.Linear
    network = torch.nn.Sequential(linear(8, 64), torch.nn.ReLU(), linear(64, 3))
    weight = torch.nn.Parameter(torch.randn(10, 3))
    optimizer = torch.optim.Adam([*network.parameters(), weight], lr=0.01)
    for _ in range(300):
        rows = network(middle + torch.randn(200, 8))
        optimizer.zero_grad()
        arcface(rows, weight, target, margin).backward()
        optimizer.step()
    rows = network(middle + torch.randn(200, 8))
    own = torch.cosine_similarity(rows, weight[target])
    off = own.detach().clamp(-1, 1).acos().rad2deg()
    print(f"margin {margin}: the median angle is {off.median():.1f} degrees")

# %%
# The usual mistake: through the arc cosine
# -----------------------------------------
# A cosine of two equal rows is often a digit above 1, where the arc cosine is ``nan``;
# at 1 its slope is infinite.


def as_written(embedding, weight, target, margin=0.5, scale=16.0):
    cosine = unit(embedding) @ unit(weight).T
    own = target.unsqueeze(1)
    with_margin = torch.cos(cosine.gather(1, own).acos() + margin)
    logits = scale * cosine.scatter(1, own, with_margin)
    return torch.nn.functional.cross_entropy(logits, target)


weight, target = torch.randn(100, 16), torch.arange(100)
for name, loss in {"as written": as_written, "here": arcface}.items():
    lost = torch.func.grad(loss)(2 * weight, weight, target).isnan().any(1).sum()
    print(f"{name}: {lost} of 100 rows on their class have a gradient of nan")

rows = torch.randn(100, 16)
assert torch.isclose(arcface(rows, weight, target), as_written(rows, weight, target))

# %%
# Take it to compare rows of classes that training never saw, as faces are: the cosine
# is then the measure, and narrow classes leave room between them.
# Start with a small margin where rows begin far off, and raise the scale with the
# number of classes: the paper takes 64.
# Take ``supcon`` where the classes are not fixed.
# Autograd does the work here.
