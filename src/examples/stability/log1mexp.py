r"""
Log1mexp
========

Stable logarithm of 1 - exp(-x): the gradient is 1 / x near zero, and fades far away.

Some write it for a positive :math:`x`, others :math:`\log(1 - e^{x})` for a negative
one. Both are the same even function:

.. math::

   f(x) = \log\left(1 - e^{-|x|}\right)
   = \begin{cases}
   \log\left(-\operatorname{expm1}(-|x|)\right) & |x| < \log 2 \\
   \operatorname{log1p}\left(-e^{-|x|}\right) & |x| \ge \log 2
   \end{cases}
   \qquad
   f'(x) = \pm \frac{e^{-|x|}}{1 - e^{-|x|}}

Each line is given only numbers that it can bear: autograd also differentiates the one
that ``where`` does not take.

Source: M. Mächler, *Accurately Computing log(1 - exp(-|a|))*, vignette of the R package
Rmpfr (2012), equation 7.
"""

import math

import torch
from torch import Tensor


def log1mexp(x: Tensor) -> Tensor:
    """Logarithm of 1 - exp(-abs(x)), exact near zero and far from it.

    Args:
        x: Tensor of any shape, without a unit. A positive ``x`` gives log(1 - exp(-x)),
            a negative one log(1 - exp(x)).

    Returns:
        Tensor of the shape of ``x``, nowhere positive. At 0 it is minus infinity, and
        its gradient is infinite with the sign of that zero.

    >>> x = torch.tensor([math.log(2), -math.log(2)], requires_grad=True)
    >>> value = log1mexp(x)
    >>> value.detach().exp()  # 1 - 1/2 on either side
    tensor([0.5000, 0.5000])
    >>> value.sum().backward()
    >>> x.grad  # 1/2 over 1/2, with the sign of x
    tensor([ 1., -1.])

    >>> x = torch.tensor([-3.0, 0.5, 30.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(log1mexp, x)
    True
    >>> torch.autograd.gradgradcheck(log1mexp, x)
    True
    """
    # Minus abs(x). The slope of abs is 0 at 0, and infinity times 0 would be NaN.
    fall = x * torch.copysign(torch.ones_like(x), -x.detach())
    is_near = fall > -math.log(2)
    near = torch.log(-torch.expm1(fall.masked_fill(~is_near, -math.log(2))))
    far = torch.log1p(-torch.exp(fall.masked_fill(is_near, -math.log(2))))
    return torch.where(is_near, near, far)


# %%
# The gradient is odd, and one over x near zero
# ---------------------------------------------
# Near zero it is that of a logarithm, which keeps a probability away from zero. Far
# away it fades like an exponential, and 1 / x does not.

import matplotlib.pyplot as plt

x = torch.linspace(-4, 4, 401, dtype=torch.float64, requires_grad=True)
value = log1mexp(x)
(gradient,) = torch.autograd.grad(value.sum(), x)

fig, ax = plt.subplots()
ax.plot(x.detach(), value.detach(), label="log1mexp")
ax.plot(x.detach(), gradient, label="its gradient")
ax.plot(x.detach(), 1 / x.detach(), "--", label="1 / x, the gradient of log x")
ax.set(xlabel="x", ylabel="value and gradient", ylim=(-5, 5))
ax.set_title("Near zero a logarithm's gradient, far away none")
ax.legend(loc="lower right")

# %%
# log(1 - exp(-x)) is -inf or NaN: two pieces cure the value, not the gradient
# ----------------------------------------------------------------------------
# In float32 the exponential of -1e-8 is 1, and nothing is left of 1; that of -20 is too
# small to be seen beside 1. ``where`` between two pieces cures both values. But it
# sends a gradient of 0 to the piece that was not taken, and there 0 meets infinity. So
# the choice has to be made before the functions, as well as after.


def naive(x):
    return torch.log(1 - torch.exp(-x))


def where_after(x):
    near, far = torch.log(-torch.expm1(-x)), torch.log1p(-torch.exp(-x))
    return torch.where(x < math.log(2), near, far)


near, far = torch.tensor(1e-8), torch.tensor(20.0)
for f in (naive, where_after, log1mexp):
    print(f"{f.__name__:11}: at 1e-8 {f(near):8.4f}", end=", ")
    print(f"gradient {torch.func.grad(f)(near):.0f}, at 20 {f(far):.2e}")

# %%
# Use it when a logarithm of one minus a probability is needed and the probability comes
# as a logarithm: intervals, truncated data, "not all of them"; rather
# :func:`torch.nn.functional.logsigmoid` when a single probability comes as a logit,
# since one minus a sigmoid is the sigmoid of minus the logit;
# :doc:`/examples/stability/probit_nll` when the error is normal.

log_hits = torch.nn.functional.logsigmoid(torch.full((50,), 10.0))
print(f"fifty likely hits, log of not all of them: {log1mexp(log_hits.sum()):.4f}")

# sphinx_gallery_tags = ["building blocks"]
