r"""
Pinball
=======

Quantile regression: the gradient depends on the side alone, so a prediction settles at
a quantile.

Targets above the prediction count with :math:`\tau`, those below with
:math:`1 - \tau`, and the gradient does not depend on how far away they are:

.. math::

   \ell = \begin{cases}
   \tau \, (y - \hat y) & y \ge \hat y \\
   (1 - \tau) \, (\hat y - y) & y < \hat y
   \end{cases}
   \qquad
   \frac{\partial \ell}{\partial \hat y} = \begin{cases}
   -\tau & y > \hat y \\
   0 & y = \hat y \\
   1 - \tau & y < \hat y
   \end{cases}

Source: R. Koenker, G. Bassett, *Regression Quantiles*, Econometrica 46 (1978), 33-50.
"""

import torch
from torch import Tensor


def pinball(
    prediction: Tensor,
    target: Tensor,
    quantile: float | Tensor,
    reduction: str = "mean",
) -> Tensor:
    """Pinball loss, also called quantile loss.

    Args:
        prediction: Tensor of any shape.
        target: Tensor of the same shape, in the same unit.
        quantile: Share of the targets that should lie below the prediction, in (0, 1):
            a number, or a tensor such as (Q,) for predictions of shape (N, Q).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``prediction`` with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or an option is out of range.

    >>> prediction = torch.tensor([0.0, 5.0, 2.0], requires_grad=True)
    >>> target = torch.tensor([4.0, 1.0, 2.0])
    >>> loss = pinball(prediction, target, quantile=0.75, reduction="sum")
    >>> loss.item()  # 0.75 * 4 + 0.25 * 4 + 0
    4.0
    >>> loss.backward()
    >>> prediction.grad
    tensor([-0.7500,  0.2500,  0.0000])

    >>> x = torch.tensor([0.0, 5.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(pinball, (x, torch.ones_like(x), 0.9))
    True
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if isinstance(quantile, Tensor):
        if torch.broadcast_shapes(quantile.shape, prediction.shape) != prediction.shape:
            raise ValueError(
                f"quantile must broadcast to the shape of prediction, got "
                f"{tuple(quantile.shape)} and {tuple(prediction.shape)}"
            )
    elif not 0 < quantile < 1:
        raise ValueError(f"quantile must lie between 0 and 1, got {quantile}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    below = torch.relu(target - prediction)
    above = torch.relu(prediction - target)
    loss = quantile * below + (1 - quantile) * above
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The gradient knows the side and not the distance
# ------------------------------------------------
# At a quantile of 0.9 a target above counts as much as nine below: the gradient is zero
# once nine lie below for each above.
#
# .. draggable-figure:: pinball(along(-3, 3, 1), 0.0, quantile=slider(0.1, 0.9, 0.9))
#
#    Move the quantile: the loss tilts. At 0.5 it is half the absolute error.

import matplotlib.pyplot as plt

residual = torch.linspace(-4, 4, 201, requires_grad=True)
fig, ax = plt.subplots()
for quantile, line in {0.9: "-", 0.5: "--"}.items():
    loss = pinball(residual, torch.zeros(201), quantile, reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), residual)
    ax.plot(residual.detach(), loss.detach(), f"C0{line}", label=f"loss at {quantile}")
    ax.plot(residual.detach(), gradient, f"C1{line}", label=f"gradient at {quantile}")
    print(f"{quantile}: gradient below {gradient[0]:.1f}, above {gradient[-1]:.1f}")
ax.set(xlabel="prediction - target", ylabel="loss and gradient", ylim=(-1.2, 3.8))
ax.set_title("At 0.9, too low counts with 0.9 and too high with 0.1")
ax.legend()

# %%
# Do the quantiles cross?
# -----------------------
# They may: the loss treats each quantile on its own, so nothing in it keeps the 10 %
# line below the 90 % line. Lines fitted to noise that grows with x meet to the left of
# the data. To rule it out, predict the lowest quantile and positive increments, and add
# these up: ``low + cumsum(softplus(increment))`` is in order by construction. Sorting
# the outputs afterwards also works; adding ``relu(low - high).mean()`` to the loss only
# discourages crossing.

x = torch.linspace(0, 1, 300)[:, None]
y = x + (0.1 + 0.6 * x) * torch.randn(300, 1)
quantiles = torch.tensor([0.1, 0.5, 0.9])


def in_order(output):
    steps = torch.nn.functional.softplus(output[:, 1:])
    return torch.cat([output[:, :1], steps], dim=1).cumsum(1)


def fit(name, quantiles_of):
    model = torch.nn.Linear(1, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        pinball(quantiles_of(model(x)), y.expand(300, 3), quantiles).backward()
        optimizer.step()
    shares = (y < quantiles_of(model(x))).float().mean(0)
    low, _, high = quantiles_of(model(torch.tensor([[-1.0]])))[0]
    below = ", ".join(f"{share:.2f}" for share in shares)
    print(f"{name}: below each line {below}; width at x = -1 {high - low:.2f}")


fit("each on its own", lambda output: output)
fit("increments", in_order)

# %%
# Use it for intervals without an assumption on the noise, and when too little costs
# more than too much: the quantile is the share of the two costs. Rather
# :doc:`/examples/probabilistic/interval_score` for an interval in one piece,
# :doc:`/examples/probabilistic/crps_normal` for a whole distribution. Quantiles far out
# are decided by few targets. Since the gradient does not fade near the target, lower
# the learning rate towards the end. With prediction and target swapped nothing fails,
# and the model learns the mirrored quantile:

swapped = pinball(y, x, 0.9), pinball(x, y, 0.1)
print(f"swapped at 0.9 {swapped[0]:.4f}, in order at 0.1 {swapped[1]:.4f}")
print(f"too low costs 9, too high 1: plan with the quantile {9 / (9 + 1)}")

# sphinx_gallery_tags = ["regression", "numbers", "uncertainty"]
