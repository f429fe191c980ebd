r"""
Pinball
=======

The pull depends on the side alone, so a prediction settles where the sides balance, at
a quantile.

A target above the prediction pulls it up with :math:`\tau`, one below pulls it down
with :math:`1 - \tau`, however far away they are:

.. math::

   \ell(y, \hat y) = \begin{cases}
   \tau \, (y - \hat y) & y \ge \hat y \\
   (1 - \tau) \, (\hat y - y) & y < \hat y
   \end{cases}
   \qquad
   \frac{\partial \ell}{\partial \hat y} = \begin{cases}
   -\tau & y > \hat y \\
   0 & y = \hat y \\
   1 - \tau & y < \hat y
   \end{cases}

At the corner every slope from :math:`-\tau` to :math:`1 - \tau` is a subgradient; zero
keeps a perfect prediction where it is.
Autograd does the rest.

Source: R. Koenker, G. Bassett, *Regression Quantiles*, Econometrica 46 (1978), 33-50.
"""

import torch


def pinball(prediction, target, quantile, reduction="mean"):
    """Pinball loss, also called quantile loss.

    Args:
        prediction: Tensor of any shape.
        target: Tensor of the same shape, in the same unit.
        quantile: Share of the targets that should lie below the prediction, between 0
            and 1.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``prediction`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or ``quantile`` or ``reduction`` is not one of
            these.

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
    if not 0 < quantile < 1:
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
# At a quantile of 0.9 a target above pulls nine times as hard as one below: nine must
# lie below for each above.
#
# .. draggable-figure:: pinball(along(-3, 3, 1), 0.0, quantile=slider(0.1, 0.9, 0.9))
#
#    Move the quantile: the loss tilts. At 0.5 both sides pull alike.

import matplotlib.pyplot as plt

prediction = torch.linspace(-4, 4, 201, requires_grad=True)
target = torch.zeros_like(prediction)

loss = pinball(prediction, target, 0.9, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), prediction)
absolute = torch.nn.functional.l1_loss(prediction, target, reduction="sum") / 2
(absolute_gradient,) = torch.autograd.grad(absolute, prediction)

fig, ax = plt.subplots()
ax.plot(prediction.detach(), loss.detach(), label="pinball at 0.9")
ax.plot(prediction.detach(), gradient, label="its gradient")
ax.plot(
    prediction.detach(), absolute_gradient, "--", label="gradient of half the L1 loss"
)
ax.set(xlabel="prediction - target", ylabel="loss and gradient", ylim=(-1.2, 3.8))
ax.set_title("Too low pulls with 0.9, too high with 0.1")
ax.legend()

print(f"gradient below the target: {gradient[0]:.1f}, above: {gradient[-1]:.1f}")
half = pinball(prediction, target, 0.5, reduction="sum")
assert torch.allclose(half, absolute)

# %%
# The best constant is the quantile
# ---------------------------------
# The loss is a polygon in the prediction, with its lowest corner at one of the targets:
# at the quantile, as :func:`torch.quantile` finds it by sorting.

targets = torch.arange(1.0, 102.0) ** 2
for quantile in (0.1, 0.5, 0.9):
    candidates = [pinball(t.expand(101), targets, quantile).item() for t in targets]
    best = targets[torch.tensor(candidates).argmin()]
    print(f"quantile {quantile}: best constant {best:.0f}, ", end="")
    print(f"by sorting {torch.quantile(targets, quantile):.0f}")
    assert best == torch.quantile(targets, quantile)

# %%
# Three lines make a median and an interval
# -----------------------------------------
# The noise grows with x, and nobody tells the model how.
# It learns a line for each of three quantiles, and eight in ten targets lie between the
# outer two.

x = torch.linspace(0, 1, 300)
y = x + (0.1 + 0.6 * x) * torch.randn(300)
quantiles = (0.1, 0.5, 0.9)


def fit(loss):
    model = torch.nn.Linear(1, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        lines = model(x[:, None]).unbind(1)
        sum(loss(line, q) for line, q in zip(lines, quantiles, strict=True)).backward()
        optimizer.step()
    return model(x[:, None]).detach().unbind(1)


def shares(lines):
    return ", ".join(f"{(y < line).float().mean():.2f}" for line in lines)


low, median, high = fit(lambda line, quantile: pinball(line, y, quantile))
print("share of targets below each line:", shares((low, median, high)))

fig, ax = plt.subplots()
ax.plot(x, median, label="median")
ax.plot(x, y, ".", alpha=0.5, label="targets")
ax.fill_between(x, low, high, alpha=0.3, label="from 10 % to 90 %")
ax.set(xlabel="x", ylabel="y")
ax.set_title("Eight in ten targets lie in the band")
_ = ax.legend(loc="upper left")

# %%
# The usual mistake: prediction and target change places
# ------------------------------------------------------
# The loss is not symmetric, and its arguments have the same shape, so nothing fails.
# The model learns the mirrored quantile: the interval is upside down, and gradcheck
# passes.

swapped = fit(lambda line, quantile: pinball(y, line, quantile))
print("share of targets below each line:", shares(swapped))

scores = torch.tensor([0.0, 5.0], dtype=torch.float64, requires_grad=True)
assert torch.autograd.gradcheck(lambda s: pinball(torch.ones_like(s), s, 0.9), scores)

# %%
# Take it for intervals without an assumption on the noise, and where too little costs
# more than too much: the quantile is the share of the two costs.
# Take another for quantiles far out, where few targets have a say.
# Lines fitted apart may cross beyond the data, and since the pull does not fade near
# the target, the learning rate has to.

cost_too_low, cost_too_high = 9.0, 1.0
print(f"quantile to plan with: {cost_too_low / (cost_too_low + cost_too_high)}")
gap = high - low
print(f"the outer lines cross at x = {-gap[0] / (gap[-1] - gap[0]):.2f}")
