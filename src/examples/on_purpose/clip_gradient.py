r"""
Clipped gradient
================

Gradient clipping inside a loss: the value stays, the gradient's elements are limited.

With :math:`\bar{y}`, the gradient that arrives from what follows, and the limit
:math:`c`, element by element:

.. math::

   y = x
   \qquad
   \bar{x} = \max(-c, \min(\bar{y}, c))

Where an element is clipped, this is not the derivative, on purpose: there
``gradcheck`` must fail.

Source: A. Graves, *Generating Sequences With Recurrent Neural Networks*,
arXiv:1308.0850 (2013), section 2.1: the gradient is clipped inside the network.
"""

import torch
from torch import Tensor


class ClipGradient(torch.autograd.Function):
    """The rule. Call :func:`clip_gradient`, which checks."""

    generate_vmap_rule = True  # forward and backward are made of torch functions

    @staticmethod
    def forward(x: Tensor, limit: float) -> Tensor:
        return x.clone()  # a view could not be changed in place behind it

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor, float], output: Tensor) -> None:
        _, ctx.limit = inputs

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> tuple[Tensor, None]:
        return grad_output.clamp(-ctx.limit, ctx.limit), None


def clip_gradient(x: Tensor, limit: float) -> Tensor:
    """Pass the value on, and the gradient back, each element clipped to ``limit``.

    A second derivative meets the rule twice: it is zero where the gradient is clipped,
    and itself clipped elsewhere. There is no forward mode: clipping is not linear.

    Args:
        x: Floating tensor of any shape.
        limit: Largest absolute value of an element of the gradient; a positive number,
            in the unit of what follows over that of ``x``.

    Returns:
        A copy of ``x``. Infinite gradients come back as ``limit``, NaN as NaN.

    Raises:
        ValueError: ``x`` is not floating, or ``limit`` is not positive.

    >>> x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = clip_gradient(x, limit=1.0)
    >>> y.detach()
    tensor([1., 2., 3.])
    >>> (y * torch.tensor([0.5, -8.0, 4.0])).sum().backward()
    >>> x.grad
    tensor([ 0.5000, -1.0000,  1.0000])

    The derivative of a square is 0.4 at 0.2, which passes, and 6 at 3, which is
    clipped; ``gradcheck`` sees that:

    >>> def square(x):
    ...     return clip_gradient(x, limit=1.0) ** 2
    >>> x = torch.tensor([0.2, 3.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(square, (x,), raise_exception=False)
    False
    >>> torch.autograd.gradcheck(square, (x[:1],))
    True
    """
    if not x.is_floating_point():
        raise ValueError(f"x must be floating, got {x.dtype}")
    if not limit > 0:
        raise ValueError(f"limit must be positive, got {limit}")
    return ClipGradient.apply(x, limit)


# %%
# The value of squared error, the gradient of Huber's loss
# --------------------------------------------------------
# The clip is an option of the gradient alone: the loss that is printed stays the
# squared error. ``gradcheck`` must fail where an element is clipped, and only there.

import matplotlib.pyplot as plt

residual = torch.linspace(-4, 4, 201, requires_grad=True)
loss = clip_gradient(residual, 1.0) ** 2 / 2
(gradient,) = torch.autograd.grad(loss.sum(), residual)
(plain_gradient,) = torch.autograd.grad((residual**2 / 2).sum(), residual)

fig, ax = plt.subplots()
ax.plot(residual.detach(), loss.detach(), label="squared error behind the clip")
ax.plot(residual.detach(), gradient, label="its gradient")
ax.plot(residual.detach(), plain_gradient, "--", label="gradient without the clip")
ax.set(xlabel="residual", ylabel="loss and gradient", ylim=(-4, 9))
ax.set_title("The loss goes on growing, its gradient stops at 1")
ax.legend(loc="upper center")

huber = torch.nn.functional.huber_loss(residual, torch.zeros(201), reduction="sum")
assert torch.allclose(gradient, torch.autograd.grad(huber, residual)[0])

# %%
# Clip each sample in the loss, or ``clip_grad_norm_`` after backward?
# --------------------------------------------------------------------
# Nine measurements near 1 and one typing error of 100; their mean is 10.9.
# ``clip_grad_norm_`` shortens the sum of all gradients: the steps get shorter and end
# at the same mean. Clipped before the sum, each sample counts with 1 at most. A mean
# over N samples divides by N before the clip, so there the limit has to be 1 / N.

measured = torch.tensor([0.8, 0.9, 0.95, 1.0, 1.0, 1.0, 1.05, 1.1, 1.2, 100.0])


def fit(loss, longest=float("inf")):
    center = torch.tensor(0.0, requires_grad=True)
    optimizer = torch.optim.SGD([center], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss(center.expand(10) - measured).backward()
        torch.nn.utils.clip_grad_norm_([center], longest)
        optimizer.step()
    return center.item()


clipped = fit(lambda residual: (clip_gradient(residual, 1.0) ** 2).sum() / 2)
print(f"clip_gradient before a sum: {clipped:.2f}")
for limit in (1.0, 0.1):
    clipped = fit(lambda r, limit=limit: (clip_gradient(r, limit) ** 2).mean() / 2)
    print(f"clip_gradient to {limit} before a mean: {clipped:.2f}")
clipped = fit(lambda residual: (residual**2).sum() / 2, longest=1.0)
print(f"clip_grad_norm_: {clipped:.2f}")

# %%
# Use it when single elements explode: outliers, and states of a recurrent network,
# clipped at each step; rather :func:`torch.nn.utils.clip_grad_norm_` when the direction
# must stay, :doc:`/examples/robust/huber` when the value is to be robust, too.

# sphinx_gallery_tags = ["building blocks", "by hand"]
