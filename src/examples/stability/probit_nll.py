r"""
Probit likelihood
=================

For yes or no: far on the wrong side the gradient grows in proportion to the score.

A score crosses a threshold that is blurred by a normal error, so the probability of a
one is :math:`\Phi(s)`. With the margin :math:`m`, the score towards the true answer,

.. math::

   m = (2 t - 1) s \qquad \ell = -\log \Phi(m) \qquad
   \frac{\partial \ell}{\partial m} = -\lambda \qquad
   \frac{\partial^2 \ell}{\partial m^2} = \lambda (m + \lambda) \qquad
   \lambda = \frac{\varphi(m)}{\Phi(m)}

The backward is written by hand, with ``erfcx``: torch's own derivative of
:func:`torch.special.log_ndtr` subtracts two large numbers in the tail.

Source: C. I. Bliss, *The Calculation of the Dosage-Mortality Curve*, Annals of Applied
Biology 22 (1935), 134-167.
"""

import math

import torch
from torch import Tensor


class MillsRatio(torch.autograd.Function):
    """phi / Phi, with a derivative that stays right in the tail."""

    generate_vmap_rule = True

    @staticmethod
    def forward(margin: Tensor) -> Tensor:
        root = math.sqrt(2)
        return root / math.sqrt(math.pi) / torch.special.erfcx(-margin / root)

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs, output)
        ctx.save_for_forward(*inputs, output)

    @staticmethod
    def slope(margin: Tensor, mills: Tensor) -> Tensor:
        # Far out the sum cancels. From here on a series, less 6 / margin**4, is closer.
        tail = -((6 / torch.finfo(margin.dtype).eps) ** (1 / 6))
        series = margin.clamp(max=tail) ** -2 - 1
        return torch.where(margin < tail, series, -mills * (margin + mills))

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> Tensor:
        return grad_output * MillsRatio.slope(*ctx.saved_tensors)

    @staticmethod
    def jvp(ctx, tangent: Tensor) -> Tensor:
        return tangent * MillsRatio.slope(*ctx.saved_tensors)


class ProbitNLL(torch.autograd.Function):
    """-log Phi; its gradient is minus the inverse Mills ratio."""

    generate_vmap_rule = True

    @staticmethod
    def forward(margin: Tensor) -> Tensor:
        distance = margin.abs() / math.sqrt(2)
        below = margin**2 / 2 - (torch.special.erfcx(distance) / 2).log()
        above = -torch.log1p(-torch.special.erfc(distance) / 2)
        return torch.where(margin < 0, below, above)

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> Tensor:
        return -grad_output * MillsRatio.apply(*ctx.saved_tensors)

    @staticmethod
    def jvp(ctx, tangent: Tensor) -> Tensor:
        return -tangent * MillsRatio.apply(*ctx.saved_tensors)


def probit_nll(score: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Negative log-likelihood of yes-or-no answers under a probit model.

    Args:
        score: float32 or float64 of any shape, in standard deviations of the error.
        target: The answers, 0.0 or 1.0, of the same shape; the values are not checked.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``score`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    >>> score = torch.tensor([0.0, -30.0], requires_grad=True)
    >>> loss = probit_nll(score, torch.ones(2), reduction="none")
    >>> loss.detach()  # log 2, and nearly 30**2 / 2
    tensor([  0.6931, 454.3213])
    >>> loss.sum().backward()
    >>> score.grad  # -sqrt(2 / pi), and nearly -30
    tensor([ -0.7979, -30.0333])

    >>> x = torch.tensor([-9.0, 0.5, 30.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(probit_nll, (x, torch.ones_like(x)))
    True
    >>> torch.autograd.gradgradcheck(probit_nll, (x, torch.ones_like(x)))
    True
    """
    if score.shape != target.shape:
        raise ValueError(
            f"score and target must have the same shape, got "
            f"{tuple(score.shape)} and {tuple(target.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    loss = ProbitNLL.apply((2 * target - 1) * score)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Its gradient keeps growing where the logistic one stops at 1
# ------------------------------------------------------------
# Far on the wrong side the loss is a parabola, and its gradient nearly the score.

import matplotlib.pyplot as plt

margin = torch.linspace(-6, 3, 181, requires_grad=True)
loss = probit_nll(margin, torch.ones_like(margin), reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), margin)
rival = -torch.sigmoid(-margin).detach()

fig, ax = plt.subplots()
ax.plot(margin.detach(), loss.detach(), label="probit")
ax.plot(margin.detach(), gradient, label="its gradient")
ax.plot(margin.detach(), rival, "--", label="gradient of the logistic loss")
ax.set(xlabel="margin in standard deviations", ylabel="loss and gradient", ylim=(-7, 7))
ax.set_title("The wronger the answer, the larger the gradient of the probit")
ax.legend(loc="lower right")

# %%
# A clamp silences the worst answers; what the backward by hand pays
# ------------------------------------------------------------------
# In float32 the normal distribution's function is 0 at -30, and its logarithm infinite.
# A clamp makes that finite and takes the gradient from the worst answers. ``log_ndtr``
# has the right value; its slope, the exponential of a difference of squares, is wrong
# in the sixth digit at -30, and worse when it is differentiated again.

losses = {
    "cdf": lambda m: -torch.special.ndtr(m).log(),
    "clamped cdf": lambda m: -torch.special.ndtr(m).clamp(min=1e-7).log(),
    "log_ndtr": lambda m: -torch.special.log_ndtr(m),
    "by hand": ProbitNLL.apply,
}

print("            at -30: loss, gradient | curvature at -1e3")
tail, far = torch.tensor(-30.0), torch.tensor(-1e3)
for name, f in losses.items():
    slope = torch.func.grad(f)
    print(f"{name:11} {f(tail):12.3f} {slope(tail):9.4f} |", end="")
    print(f"{torch.func.grad(slope)(far):18.4f}")

# %%
# Use it when a normal error before a threshold is what you mean: ratings, dose and
# response, preferences; rather the logistic loss, cross entropy of a logit, when an
# answer may simply be a slip: a slip far out moves the probit more.

# sphinx_gallery_tags = ["classification", "binary", "by hand"]
