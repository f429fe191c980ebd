r"""
Huber by hand
=============

The gradient is the residual, clamped to plus and minus delta: one line of backward.

With the residual :math:`r = \text{prediction} - \text{target}` of an element and
:math:`\bar{\ell}`, the gradient that arrives from what follows (``grad_output``):

.. math::

   \ell(r) = \begin{cases}
   \frac{1}{2} r^2 & |r| \le \delta \\
   \delta \left( |r| - \frac{1}{2} \delta \right) & |r| > \delta
   \end{cases}
   \qquad
   \bar{r} = \bar{\ell} \; \max(-\delta, \min(r, \delta))

It is elementwise, so the rule is a product; the reduction is left to torch.

Source: P. J. Huber, *Robust Estimation of a Location Parameter*, Annals of
Mathematical Statistics 35 (1964), 73-101.
"""

import torch
from torch import Tensor


class HuberByHand(torch.autograd.Function):
    """The rule for the gradient. Call :func:`huber_by_hand`, which checks."""

    generate_vmap_rule = True  # forward and backward are made of torch functions

    @staticmethod
    def forward(prediction: Tensor, target: Tensor, delta: float) -> Tensor:
        distance = (prediction - target).abs()
        near = distance.clamp(max=delta)
        return near * (distance - near / 2)

    @staticmethod
    def setup_context(
        ctx, inputs: tuple[Tensor, Tensor, float], output: Tensor
    ) -> None:
        *tensors, ctx.delta = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        prediction, target = ctx.saved_tensors
        gradient = grad_output * (prediction - target).clamp(-ctx.delta, ctx.delta)
        needs = ctx.needs_input_grad  # the last None is for delta, a number
        return gradient if needs[0] else None, -gradient if needs[1] else None, None


def huber_by_hand(
    prediction: Tensor, target: Tensor, delta: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Huber's loss, squared up to ``delta`` and linear beyond, with its own backward.

    Args:
        prediction: Tensor of any shape.
        target: Tensor of the same shape, in the same unit. It may need a gradient, too.
        delta: Where the parabola becomes a line; positive, in the unit of the target.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``prediction`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or ``delta`` or ``reduction`` is none of these.

    >>> prediction = torch.tensor([0.5, 3.0, -4.0], requires_grad=True)
    >>> loss = huber_by_hand(prediction, torch.zeros(3), reduction="sum")
    >>> loss.item()  # 0.125 + 2.5 + 3.5
    6.125
    >>> (10 * loss).backward()
    >>> prediction.grad
    tensor([  5.,  10., -10.])

    >>> x = torch.tensor([0.5, 3.0], dtype=torch.float64, requires_grad=True)
    >>> y = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(huber_by_hand, (x, y))
    True
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if not delta > 0:
        raise ValueError(f"delta must be positive, got {delta}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    loss = HuberByHand.apply(prediction, target, delta)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# At the kink the gradient bends, and its slope jumps
# ---------------------------------------------------
# The gradient is continuous: at delta the clamped residual is delta from either side.
# Its own derivative is 1 inside and 0 outside, and has no value at delta itself. So
# gradcheck passes there, and gradgradcheck does not.

import matplotlib.pyplot as plt

residual = torch.linspace(-3, 3, 300, dtype=torch.float64, requires_grad=True)
zero = torch.zeros_like(residual)
loss = huber_by_hand(residual, zero, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), residual, create_graph=True)
(curvature,) = torch.autograd.grad(gradient.sum(), residual)

fig, ax = plt.subplots()
ax.plot(residual.detach(), loss.detach(), label="Huber by hand")
ax.plot(residual.detach(), gradient.detach(), label="its gradient")
ax.plot(residual.detach(), curvature, "--", label="second derivative")
ax.set(xlabel="residual", ylabel="loss and derivatives")
ax.set_title("At delta = 1 the gradient bends, the second derivative drops")
ax.legend()

kink = torch.tensor([1.0], dtype=torch.float64, requires_grad=True), zero[:1]
first = torch.autograd.gradcheck(huber_by_hand, kink)
second = torch.autograd.gradgradcheck(huber_by_hand, kink, raise_exception=False)
print(f"at delta: gradcheck {first}, gradgradcheck {second}")

# %%
# Without grad_output every factor behind the loss is lost
# --------------------------------------------------------
# A bare backward of the sum starts from 1, and all is well. The weight of a term is
# lost, so beside a second term the balance is wrong, and so is the 65536 of a
# GradScaler, which is taken off again at the end.


class IgnoresGradOutput(HuberByHand):
    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        return (prediction - target).clamp(-ctx.delta, ctx.delta), None, None


x = torch.tensor([0.5, 3.0], requires_grad=True)
for factor in (1.0, 0.1, 65536.0):
    for rule in (HuberByHand, IgnoresGradOutput):
        loss = factor * rule.apply(x, torch.zeros(2), 1.0).sum()
        (gradient,) = torch.autograd.grad(loss, x)
        print(f"factor {factor}, {rule.__name__}: {gradient.tolist()}")

# %%
# By hand does not pay here
# -------------------------
# The forward is made of torch functions: autograd derives the same gradient from it. By
# hand keeps half as much for backward, and torch's own keeps no more.

prediction, target = torch.linspace(-3, 3, 1000, requires_grad=True), torch.zeros(1000)
for name, loss in {
    "by autograd": lambda x, y: HuberByHand.forward(x, y, 1.0).mean(),
    "by hand": huber_by_hand,
    "torch's own": torch.nn.functional.huber_loss,
}.items():
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, kept.append):
        value = loss(prediction, target)
    print(f"{name}: loss {value:.4f}, {sum(x.nbytes for x in kept):,} bytes kept")

# %%
# Use it as the shortest model of a Function with an option; rather
# :doc:`/examples/robust/huber` or torch's own as a loss, and write a backward by hand
# when autograd cannot, or when a measurement says that it pays.
