r"""
Log1mexp
========

Near zero the gradient is one over the distance, far away it vanishes.

The logarithm of what an exponential leaves of one. Readers write it for a positive
:math:`x`, as :math:`\log(1 - e^{-x})`, or for a negative one, as
:math:`\log(1 - e^{x})`. Both are the same even function:

.. math::

   f(x) = \log\left(1 - e^{-|x|}\right)
   = \begin{cases}
   \log\left(-\operatorname{expm1}(-|x|)\right) & |x| < \log 2 \\
   \operatorname{log1p}\left(-e^{-|x|}\right) & |x| \ge \log 2
   \end{cases}
   \qquad
   f'(x) = \pm \frac{e^{-|x|}}{1 - e^{-|x|}}

The sign of the gradient is that of :math:`x`. Its backward is written by hand: autograd
also differentiates the line that was not taken, and gives NaN near zero.

Source: M. Mächler, *Accurately Computing log(1 - exp(-|a|))*, vignette of the R package
Rmpfr (2012), equation 7.
"""

import math

import torch


class Log1mExp(torch.autograd.Function):
    """log(1 - exp(-abs(x))) in two pieces, and one formula for its slope."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        fall = -x.abs()
        near, far = torch.log(-torch.expm1(fall)), torch.log1p(-torch.exp(fall))
        return torch.where(fall > -math.log(2), near, far)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def slope(x):
        # abs would have slope 0 at 0, and sign the value 0.
        minus = torch.copysign(torch.ones_like(x), -x)
        fall = minus * x
        return minus * torch.exp(fall) / torch.expm1(fall)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * Log1mExp.slope(*ctx.saved_tensors)

    @staticmethod
    def jvp(ctx, tangent):
        return tangent * Log1mExp.slope(*ctx.saved_tensors)


def log1mexp(x):
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
    return Log1mExp.apply(x)


# %%
# The gradient is odd, and one over x near zero
# ---------------------------------------------
# That is the pull that keeps a probability away from zero.
# Far away it dies like an exponential, where 1 / x would not.

import matplotlib.pyplot as plt

x = torch.linspace(-4, 4, 400, dtype=torch.float64, requires_grad=True)
value = log1mexp(x)
(gradient,) = torch.autograd.grad(value.sum(), x)
pole = 1 / x.detach()
pole[199:201] = torch.nan  # no line across zero
assert torch.equal(gradient, -gradient.flip(0))

fig, ax = plt.subplots()
ax.plot(x.detach(), value.detach(), label="log1mexp")
ax.plot(x.detach(), gradient.where(~pole.isnan(), torch.nan), label="its gradient")
ax.plot(x.detach(), pole, "--", label="1 / x, the gradient of log x")
ax.set(xlabel="x", ylabel="value and gradient", ylim=(-5, 5))
ax.set_title("Near zero it pushes away like a logarithm, far away not at all")
ax.legend(loc="lower right")

# %%
# The usual mistake, its usual cure, and what the backward by hand pays
# ---------------------------------------------------------------------
# In float32 the exponential of 1e-8 is one, and what is left of one is nothing; that of
# -20 is too small to be seen beside one. Two pieces cure the value. But ``where``
# sends a gradient of zero to the piece not taken, and there zero meets infinity. The
# two pieces also keep four tensors and a mask for backward, the slope needs one.


def naive(x):
    return torch.log(1 - torch.exp(-x))


def pieces(x):
    near, far = torch.log(-torch.expm1(-x)), torch.log1p(-torch.exp(-x))
    return torch.where(x < math.log(2), near, far)


def kept(function):
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda saved: sizes.append(saved.nbytes) or saved, lambda saved: saved
    ):
        function(torch.ones(1000, requires_grad=True))
    return sum(sizes) / 4000


print("          at 1e-8: value, gradient | value at 20 | tensors kept")
near, far = torch.tensor(1e-8), torch.tensor(20.0)
for name, f in {"naive": naive, "pieces": pieces, "by hand": log1mexp}.items():
    print(f"{name:9} {f(near):14.4f} {torch.func.grad(f)(near):9.0f} |", end="")
    print(f"{f(far):12.2e} | {kept(f):6.2f}")

# %%
# One likelihood for a coarse clock and for a fine one
# ----------------------------------------------------
# A thousand waiting times of rate 1, and a clock that tells only the tick before each.
# The chance of a tick is ``exp(-rate * start) * (1 - exp(-rate * tick))``.
# Taking the middle of the tick for the time goes wrong if the clock is coarse.
# Writing the logarithm naively fails if it is fine.

quantile = (torch.arange(1000) + 0.5) / 1000
waiting = -torch.log1p(-quantile)


def fit(negative_log_likelihood, tick):
    start = (waiting / tick).floor() * tick
    log_rate = torch.tensor(1.0, requires_grad=True)
    optimizer = torch.optim.SGD([log_rate], lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        negative_log_likelihood(log_rate.exp(), start, tick).mean().backward()
        optimizer.step()
    return log_rate.exp().item()


models = {
    "middle": lambda rate, start, tick: rate * (start + tick / 2) - rate.log(),
    "naive": lambda rate, start, tick: rate * start - naive(rate * tick),
    "log1mexp": lambda rate, start, tick: rate * start - log1mexp(rate * tick),
}
for name, model in models.items():
    coarse, fine = fit(model, 2.0), fit(model, 1e-8)
    print(f"{name:9} rate {coarse:.3f} by ticks of 2, {fine:.3f} by ticks of 1e-8")

# %%
# Take it wherever a logarithm of one minus a probability stands and the probability
# comes as a logarithm: intervals, truncated data, "not all of them".
# A single probability that comes as a logit does not need it: one minus a sigmoid is
# the sigmoid of minus the logit, and :func:`torch.nn.functional.logsigmoid` is stable.

log_hits = torch.nn.functional.logsigmoid(torch.full((50,), 10.0))
print(f"fifty likely hits, log of not all of them: {log1mexp(log_hits.sum()):.4f}")
print(f"one likely hit, log of a miss: {log1mexp(log_hits[0]):.4f}")
