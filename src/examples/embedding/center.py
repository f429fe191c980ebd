r"""
Center
======

Pulls a row back to the centre of its class, the harder the farther it has strayed.

With the centre :math:`c_y` of the class of a row :math:`x`:

.. math::

   \ell = \frac{1}{2} \lVert x - c_y \rVert^2
   \qquad
   \frac{\partial \ell}{\partial x} = x - c_y
   \qquad
   \frac{\partial \ell}{\partial c_j} = \sum_{i : y_i = j} (c_j - x_i)

Cross entropy is content when classes can be told apart. This term makes them compact.

Source: Y. Wen, K. Zhang, Z. Li and Y. Qiao, *A Discriminative Feature Learning Approach
for Deep Face Recognition*, ECCV 2016, equation 2.
"""

import torch


def center(embedding, centers, target, reduction="mean"):
    """Center loss: half the squared distance of a row to the centre of its class.

    Args:
        embedding: Tensor of shape (N, D).
        centers: Tensor of shape (C, D): a point for each class. As a parameter that the
            optimizer knows, it is learnt with the rest.
        target: The classes, int64 in [0, C), of shape (N,).
        reduction: ``"mean"``, over rows; ``"sum"``, as in the paper; or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``.

    Raises:
        ValueError: A shape or a dtype does not fit, or ``reduction`` is not one of
            these.
        RuntimeError: A class is out of range.

    >>> rows = torch.tensor([[3.0, 4.0], [1.0, 0.0]], requires_grad=True)
    >>> centers = torch.zeros(3, 2, requires_grad=True)
    >>> loss = center(rows, centers, torch.tensor([1, 1]), reduction="sum")
    >>> loss.item()  # (25 + 1) / 2
    13.0
    >>> loss.backward()
    >>> rows.grad
    tensor([[3., 4.],
            [1., 0.]])
    >>> centers.grad  # the second centre gets the opposite of both
    tensor([[ 0.,  0.],
            [-4., -4.],
            [ 0.,  0.]])

    >>> x = torch.tensor([[1.0, 2.0], [0.5, -1.0]], dtype=torch.float64)
    >>> c = torch.tensor([[0.0, 1.0], [2.0, 3.0]], dtype=torch.float64)
    >>> inputs = (x.requires_grad_(), c.requires_grad_(), torch.tensor([1, 0]))
    >>> torch.autograd.gradcheck(center, inputs)
    True
    """
    dims = embedding.ndim, centers.ndim, embedding.shape[1:], target.shape
    if dims != (2, 2, centers.shape[1:], embedding.shape[:1]):
        raise ValueError(
            f"embedding, centers and target must have shapes (N, D), (C, D) and (N,), "
            f"got {tuple(embedding.shape)}, {tuple(centers.shape)} and "
            f"{tuple(target.shape)}"
        )
    if target.dtype != torch.int64:
        raise ValueError(f"target must be int64, got {target.dtype}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    own_center = centers.gather(0, target.unsqueeze(1).expand_as(embedding))
    loss = ((embedding - own_center) ** 2).sum(1) / 2
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Cross entropy pushes on for ever, the centre holds
# --------------------------------------------------
# One dimension, two classes with the logits x and -x. A row of the first wants to go
# right, ever more faintly; the centre of its class stands at 1.

import matplotlib.pyplot as plt

x = torch.linspace(-2, 4, 241, requires_grad=True)
first = torch.zeros(241, dtype=torch.int64)
loss = center(x.unsqueeze(1), torch.tensor([[1.0], [-1.0]]), first, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), x)
cross_entropy = torch.nn.functional.cross_entropy
told_apart = cross_entropy(torch.stack([x, -x], dim=1), first, reduction="sum")
(rival,) = torch.autograd.grad(told_apart, x)

fig, ax = plt.subplots()
ax.plot(x.detach(), loss.detach(), label="center loss")
ax.plot(x.detach(), gradient, label="its gradient")
ax.plot(x.detach(), rival, "--", label="gradient of cross entropy")
ax.plot(x.detach(), gradient + rival, ":", label="both gradients together")
ax.set(xlabel="embedding x", ylabel="loss and gradient", ylim=(-4, 4))
ax.set_title("Together they come to rest just beyond the centre")
ax.legend()

rest = x[(gradient + rival).abs().argmin()].item()
print(f"cross entropy at x = 4 still pushes: {rival[-1]:.4f}; both rest at {rest:.2f}")
assert (rival < 0).all()

# %%
# Classes become compact
# ----------------------
# Five classes of eight numbers, a small network to the plane and a linear classifier.
# Compactness: the spread within classes over that of their means, on new noise.

target = torch.arange(200) % 5
middle = 2 * torch.randn(5, 8)[target]


def fit(weight, cross=1.0, steps=300):
    linear = torch.nn.Linear
    network = torch.nn.Sequential(linear(8, 64), torch.nn.ReLU(), linear(64, 2))
    classify = linear(2, 5)
    centers = torch.nn.Parameter(torch.randn(5, 2))
    parameters = [*network.parameters(), *classify.parameters(), centers]
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    for _ in range(steps):
        rows = network(middle + torch.randn(200, 8))
        loss = cross * cross_entropy(classify(rows), target)
        optimizer.zero_grad()
        (loss + weight * center(rows, centers, target)).backward()
        optimizer.step()
    with torch.no_grad():
        return network(middle + torch.randn(200, 8))


def spreads(rows):
    means = torch.stack([rows[target == c].mean(0) for c in range(5)])
    within = (rows - means[target]).square().sum(1).mean().sqrt()
    return within, (means - means.mean(0)).square().sum(1).mean().sqrt()


fig, axes = plt.subplots(1, 2)
for ax, weight in zip(axes, (0.0, 0.3), strict=True):
    rows = fit(weight)
    within, between = spreads(rows)
    for c in range(5):
        ax.scatter(*rows[target == c].T, s=6, label=f"class {c}")
    ax.set(xlabel="first component", ylabel="second component")
    ax.set_title(f"weight {weight}")
    print(f"weight {weight}: within {within:.2f}, between {between:.2f}, ", end="")
    print(f"ratio {within / between:.2f}")
fig.subplots_adjust(top=0.83)
_ = fig.suptitle("The center loss makes classes tight for their distance")

# %%
# The usual mistake: the center loss alone
# ----------------------------------------
# Nothing in it keeps classes apart, and the surest way to be near a centre is to shrink
# everything to a point. The longer it trains, the less is left between classes.

for steps in (100, 400):
    _, between = spreads(fit(weight=1.0, cross=0.0, steps=steps))
    print(f"alone, {steps} steps: between {between:.2f}")

everything = torch.zeros(200, 2)
assert center(everything, torch.zeros(5, 2), target) == 0

# %%
# Take it beside cross entropy, with a small weight, where distances between rows are
# used afterwards.
# The paper moves the centres by a damped mean of its own and gives them no gradient
# step; here the optimizer does it, and its force on a centre grows with the number of
# rows of the class. Where only angles count, take ``arcface``.
# Autograd does the work here.

rows = torch.tensor([[2.0], [4.0], [6.0]])
centers = torch.zeros(1, 1, requires_grad=True)
center(rows, centers, torch.zeros(3, dtype=torch.int64), reduction="sum").backward()
print(f"three rows with mean 4 pull a centre at 0 with {-centers.grad.item():.0f}")
