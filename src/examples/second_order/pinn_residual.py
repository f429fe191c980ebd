r"""
Residual of a differential equation
===================================

For physics-informed networks: the gradient goes through the output's second derivative.

A physics-informed network :math:`u` is trained to satisfy an equation, here that of an
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

from collections.abc import Callable

import torch
from torch import Tensor


def pinn_residual(
    model: Callable[[Tensor], Tensor], x: Tensor, k: float | Tensor
) -> Tensor:
    """Mean square of ``u'' + k^2 u`` for ``u = model(x)``.

    ``vmap`` of ``torch.func.grad`` works, ``vmap`` alone and ``torch.compile`` raise.

    Args:
        model: Callable from points of shape (N, 1) to values of the same shape, each
            row by itself; smooth, so no ReLU, whose second derivative is 0.
        x: Points of shape (N, 1).
        k: Wave number, in one over the unit of ``x``; a tensor of shape () may learn.

    Returns:
        A scalar, under ``torch.no_grad`` too.

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
        raise ValueError(f"x must have the shape (N, 1), got {tuple(x.shape)}")
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
# How are the residual and the boundary weighed?
# ----------------------------------------------
# By the norms of their gradients, not by their values. Derivatives bring large factors,
# here k to the fourth, so unweighed the residual rules and the network stays flat.
# Compare ``torch.autograd.grad(term, parameters, retain_graph=True)`` of the terms, and
# rescale so that none dominates: with fixed weights, or balanced every some steps. The
# weights are constants to the gradient. It also helps to bring the equation to units
# without dimension, and to build the boundary into the network, ``u = g(x) + x * (1 -
# x) * network(x)``: then that term is gone.

import matplotlib.pyplot as plt

k, x = 5.0, torch.linspace(0, 1, 40)[:, None]
ends = x[[0, -1]]


def fit(weight):
    _ = torch.manual_seed(0)
    layers = [torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, 16)]
    model = torch.nn.Sequential(*layers, torch.nn.Tanh(), torch.nn.Linear(16, 1))
    parameters = list(model.parameters())

    def terms():
        boundary = (model(ends) - (k * ends).sin()).square().sum()
        return boundary, weight * pinn_residual(model, x, k)

    for name, term in zip(("boundary", "residual"), terms(), strict=True):
        gradients = torch.autograd.grad(term, parameters, materialize_grads=True)
        norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        print(f"weight {weight}: the {name} has a gradient of norm {norm:.0f}")

    search = {"max_iter": 150, "line_search_fn": "strong_wolfe"}
    optimizer = torch.optim.LBFGS(parameters, **search)

    def closure():
        optimizer.zero_grad()
        loss = sum(terms())
        loss.backward()
        return loss

    optimizer.step(closure)
    return model(x).detach()


fig, ax = plt.subplots()
ax.plot(x, fit(0.01), label="residual weighed 0.01")
ax.plot(x, fit(1.0), "--", label="residual weighed 1")
ax.plot(ends, (k * ends).sin(), "o", label="given values")
ax.plot(x, (k * x).sin(), ":", label="solution")
ax.set(xlabel="x", ylabel="u", ylim=(-1.2, 2))
ax.set_title("The equation fills in what two values leave open")
ax.legend(loc="upper right", ncols=2)

# %%
# The flat function satisfies the equation, too
# ---------------------------------------------
# The residual of ``u = 0`` is 0, and only boundary or initial values rule it out. A
# network of ReLUs has the second derivative 0, so the equation asks it for just that:
# use tanh, a sine, or another smooth activation.
#
# Use it when the equation is known and data are few; rather a solver of differential
# equations when nothing is to be learned,
# :doc:`/examples/second_order/gradient_penalty` when only the size of a slope matters.
# The wave number may be what is learned: the loss has a gradient in k, too.

relu = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.ReLU())
torch.testing.assert_close(pinn_residual(relu, x, k), (k**2 * relu(x)).square().mean())
print(f"residual of u = 0: {pinn_residual(lambda x: 0 * x, x, k).item()}")
k = torch.tensor(4.0, requires_grad=True)
loss = pinn_residual(lambda x: (5 * x).sin(), x, k)
print(f"gradient in k at 4, where 5 is right: {torch.autograd.grad(loss, k)[0]:.0f}")

# sphinx_gallery_tags = ["regression", "no target"]
