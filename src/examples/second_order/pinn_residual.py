r"""
Residual of a differential equation
===================================

Its gradient bends the network: the second derivative of the output is in the loss.

A physics-informed network :math:`u` is trained to fulfil an equation, here that of an
oscillation with the wave number :math:`k`. The loss is the mean square of what is
left of the equation at the points :math:`x_n`:

.. math::

   u'' + k^2 u = 0
   \qquad
   \ell = \frac{1}{N} \sum_n \left( u''(x_n) + k^2 u(x_n) \right)^2

Both derivatives are autograd's, taken with ``create_graph=True``, so that it can
differentiate them once more by the weights.

Source: M. Raissi, P. Perdikaris and G. E. Karniadakis, *Physics-informed neural
networks*, Journal of Computational Physics 378 (2019), 686-707, section 3.
"""

import torch


def pinn_residual(model, x, k):
    """Mean square of ``u'' + k^2 u`` for ``u = model(x)``.

    ``vmap`` of ``torch.func.grad`` works, ``vmap`` alone and ``torch.compile`` raise.

    Args:
        model: Callable from points of shape (N, 1) to values of the same shape, each
            row by itself; smooth, so no ReLU, whose second derivative is 0.
        x: Points of shape (N, 1).
        k: Wave number, in one over the unit of ``x``; a number, or a scalar tensor that
            is learned.

    Returns:
        A scalar, under ``torch.no_grad`` too; in the unit of ``u`` over that of ``x``
        squared, squared. An empty batch gives NaN, as a mean does.

    Raises:
        ValueError: ``x`` or what the model returns is not of shape (N, 1).

    >>> a = torch.tensor(1.0, requires_grad=True)
    >>> x = torch.tensor([[1.0], [2.0]])
    >>> loss = pinn_residual(lambda x: a * x**2, x, k=1.0)
    >>> loss.item()  # u'' + u is 2 + 1 and 2 + 4: (9 + 36) / 2
    22.5
    >>> loss.backward()
    >>> a.grad  # the loss is 22.5 a^2
    tensor(45.)

    >>> def loss(w, k):
    ...     return pinn_residual(lambda x: (w * x).sin(), x.double(), k)
    >>> w = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    >>> k = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(loss, (w, k))
    True
    """
    if x.dim() != 2 or x.shape[1] != 1:
        raise ValueError(f"x must be of shape (N, 1), got {tuple(x.shape)}")
    with torch.enable_grad():
        # These zeros mark what to differentiate by, under torch.func as well.
        x = x + torch.zeros_like(x, requires_grad=True)
        u = model(x)
        if u.shape != x.shape:
            raise ValueError(
                f"the model must return the shape of x, {tuple(x.shape)}, "
                f"got {tuple(u.shape)}"
            )
        (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        # The slope of a straight line is without x: add it, zero times.
        total = slope.sum() + 0 * x.sum()
        (curvature,) = torch.autograd.grad(total, x, create_graph=True)
    return (curvature + k**2 * u).square().mean()


# %%
# Two frequencies fulfil the equation, and one of them is zero
# ------------------------------------------------------------
# Let the model be a sine of any frequency, and k be 2. The residual vanishes at 2, and
# at 0, where nothing swings: the equation alone is content with no solution at all.
# The squared distance to the known sine is not, but that must be known.

import matplotlib.pyplot as plt

k, x = 2.0, torch.linspace(0, 3, 60)[:, None]
frequencies = torch.linspace(-0.5, 2.8, 150, requires_grad=True)


def gradient_of(loss):
    values = torch.stack([loss(frequency) for frequency in frequencies])
    (gradient,) = torch.autograd.grad(values.sum(), frequencies)
    return values.detach(), gradient


loss, gradient = gradient_of(lambda w: pinn_residual(lambda x: (w * x).sin(), x, k))
_, distance_gradient = gradient_of(
    lambda w: ((w * x).sin() - (k * x).sin()).square().mean()
)

fig, ax = plt.subplots()
ax.plot(frequencies.detach(), loss, label="residual")
ax.plot(frequencies.detach(), gradient, label="its gradient")
ax.plot(
    frequencies.detach(), distance_gradient, "--", label="gradient of squared distance"
)
ax.set(xlabel="frequency of the model", ylabel="loss and gradient", ylim=(-20, 42))
ax.set_title("The residual falls towards k = 2, and towards 0")
ax.legend(loc="upper left")

print(f"residual of u = 0: {pinn_residual(lambda x: 0 * x, x, k).item()}")

# %%
# Three derivatives deep, and exact
# ---------------------------------
# The second derivative of the sine is known, so the loss is, too. ``gradcheck`` proves
# the derivative by the frequency: a third one of the model.

w = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
x = x.double()


def of_sine(w):
    return pinn_residual(lambda x: (w * x).sin(), x, k)


by_hand = ((k**2 - w**2) * (w * x).sin()).square().mean()
assert torch.allclose(of_sine(w), by_hand)
print(f"{torch.autograd.gradcheck(of_sine, (w,)) = }")
print(f"residual of sin(kx) in float64: {pinn_residual(lambda x: (k * x).sin(), x, k)}")

# %%
# Two known values and the equation give the whole curve
# ------------------------------------------------------
# At the two ends the value is given, in between there is no data.
# The boundary terms keep the network from 0, the residual does the rest.
# The usual mistake is a network of ReLUs: its second derivative is 0, so the equation
# pulls u itself to 0, against the ends.

k, x = 5.0, torch.linspace(0, 1, 40)[:, None]
ends = x[[0, -1]]


def fit(activation, weight):
    _ = torch.manual_seed(0)
    layers = [torch.nn.Linear(1, 16), activation, torch.nn.Linear(16, 16), activation]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(16, 1))
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=150, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        boundary = (model(ends) - (k * ends).sin()).square().sum()
        loss = boundary + weight * pinn_residual(model, x, k)
        loss.backward()
        return loss

    optimizer.step(closure)
    return model(x).detach()


fig, ax = plt.subplots()
for name, activation, weight, style in (
    ("tanh, ends and equation", torch.nn.Tanh(), 0.01, "-"),
    ("ReLU, ends and equation", torch.nn.ReLU(), 0.01, "--"),
    ("tanh, ends alone", torch.nn.Tanh(), 0.0, ":"),
):
    u = fit(activation, weight)
    ax.plot(x, u, style, label=name)
    print(f"{name}: largest error {(u - (k * x).sin()).abs().max():.3f}")
ax.plot(ends, (k * ends).sin(), "o", label="given values")
ax.set(xlabel="x", ylabel="u", ylim=(-1.2, 2))
ax.set_title("The equation fills in what two values leave open")
ax.legend(loc="upper right", ncols=2)

# %%
# Take it where the equation is known and data are few; weigh it against the boundary
# terms, since its size grows with the fourth power of k.
# Take a solver of differential equations where nothing is to be learned.
# The wave number may be what is learned: the loss has a gradient by k, too.

k = torch.tensor(4.0, requires_grad=True)
loss = pinn_residual(lambda x: (5 * x).sin(), x, k)
print(f"gradient by k at 4, where 5 is right: {torch.autograd.grad(loss, k)[0]:.0f}")
