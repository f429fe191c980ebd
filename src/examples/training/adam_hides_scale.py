r"""
Adam hides scale
================

Adam divides a constant factor out of the gradient, so one N times too large trains on.

Where a backward pass forgets the :math:`1/N` of a mean, each gradient :math:`g` comes
out as :math:`N g`. Adam divides running means of gradients and of their squares:

.. math::

   \Delta w = -\eta \, \frac{\text{mean}(g)}{\sqrt{\text{mean}(g^2)} + \epsilon}
   \qquad
   \frac{\text{mean}(N g)}{\sqrt{\text{mean}(N^2 g^2)}}
   = \frac{\text{mean}(g)}{\sqrt{\text{mean}(g^2)}}

The factor that cancels can be measured. A right gradient at the prediction :math:`p`
says how steeply the loss :math:`L` rises along it, and so does a central difference:

.. math::

   \text{factor} = \frac{g \cdot g}{\big( L(p + h g) - L(p - h g) \big) / (2 h)}

Source: D. P. Kingma, J. Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015,
section 2.1.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def adam_hides_scale(
    loss: Callable[[Tensor, Tensor], Tensor], prediction: Tensor, target: Tensor
) -> float:
    """By how many times a loss's gradient is too long, measured in float64.

    Args:
        loss: Maps prediction and target to a scalar, without randomness.
        prediction, target: Floating tensors of any shapes that ``loss`` takes.

    Returns:
        A float: 1 for a right gradient, N for one N times too long, negative for one
        that points downhill, infinite where the loss is flat. The factor is all that
        it sees: an entry cut from the gradient still gives 1, and gradcheck finds it.

    Raises:
        ValueError: The inputs are no floating tensors, the loss is no scalar with a
            gradient, or the gradient is zero or not finite.

    >>> from torch.nn.functional import mse_loss
    >>> def too_steep(prediction, target):  # right value, gradient (6, 2)
    ...     loss, n = mse_loss(prediction, target), len(prediction)
    ...     return loss.detach() + n * (loss - loss.detach())
    >>> prediction, target = torch.tensor([3.0, 1.0]), torch.zeros(2)
    >>> round(adam_hides_scale(mse_loss, prediction, target), 6)  # gradient (3, 1)
    1.0
    >>> round(adam_hides_scale(too_steep, prediction, target), 6)
    2.0

    >>> x = prediction.double().requires_grad_()
    >>> torch.autograd.gradcheck(mse_loss, (x, target.double()))
    True
    """
    for name, given in {"prediction": prediction, "target": target}.items():
        if not (isinstance(given, Tensor) and given.is_floating_point()):
            kind = getattr(given, "dtype", type(given).__name__)
            raise ValueError(f"{name} must be a floating tensor, got {kind}")
    prediction = prediction.detach().double().requires_grad_()
    target = target.detach().double()
    value = torch.as_tensor(loss(prediction, target))
    if value.shape != () or not value.requires_grad:
        got = f"shape {tuple(value.shape)} and requires_grad={value.requires_grad}"
        raise ValueError(f"loss must return a scalar with a gradient, got {got}")
    (gradient,) = torch.autograd.grad(value, prediction, materialize_grads=True)
    slope = gradient.square().sum()
    if not 0 < slope < torch.inf:
        raise ValueError(f"gradient must be finite, not 0, got length {slope**0.5:g}")
    # So short that kinks stay out, and of the inputs' size, as rounding is.
    inputs = torch.cat([prediction.flatten(), target.flatten()])
    size = inputs.nan_to_num(0, 0, 0).abs().max().item() or 1.0
    step = 1e-7 * size / gradient.abs().max()
    above = loss(prediction + step * gradient, target)
    below = loss(prediction - step * gradient, target)
    return (slope / ((above - below) / (2 * step))).item()


# %%
# SGD shows it, Adam hides it, a second term suffers from it
# ----------------------------------------------------------
# ``too_steep`` is wrong on purpose: its value is right, its gradient lacks 1/N. On a
# batch of 32 samples SGD runs away with it; with Adam both runs agree. Add 0.1 times
# the L1 norm of the weights: beside a gradient 32 times too large it counts 32 times
# too little, and leaves a thousandth of the error that it should.

import matplotlib.pyplot as plt
from torch.nn.functional import mse_loss


def too_steep(prediction, target):
    loss = mse_loss(prediction, target)
    return loss.detach() + len(prediction) * (loss - loss.detach())


inputs = torch.randn(32, 3, generator=torch.Generator().manual_seed(0))
target = inputs @ torch.tensor([[2.0], [-1.0], [0.5]])


def train(loss, make_optimizer, lr, penalty):
    weights, errors = torch.zeros(3, 1, requires_grad=True), []
    optimizer = make_optimizer([weights], lr=lr)
    for _ in range(350):
        optimizer.zero_grad()
        errors.append(loss(inputs @ weights, target))
        (errors[-1] + penalty * weights.abs().sum()).backward()
        optimizer.step()
    return torch.stack(errors).detach()


runs = {
    "SGD shows it": (torch.optim.SGD, 0.1, 0),
    "Adam hides it": (torch.optim.Adam, 0.02, 0),
    "With L1 it counts": (torch.optim.Adam, 0.02, 0.1),
}
fig, axes = plt.subplots(1, 3, sharey=True)
for ax, (title, options) in zip(axes, runs.items(), strict=True):
    ax.semilogy(train(mse_loss, *options), label="right")
    ax.semilogy(train(too_steep, *options), "C2--", label="32 times")
    ax.set(xlabel="step", ylim=(1e-14, 1e5), title=title)
axes[0].set_ylabel("squared error")
axes[0].legend()

# %%
# Which optimizers hide a factor of the gradient?
# -----------------------------------------------
# All that rescale gradients: Adam and its relatives, and SGD behind a clip of the norm.
# One step with a gradient of 1, one with 32, each from a fresh start.

for name in ("SGD", "SGD, clipped", "RMSprop", "Adagrad", "AdamW", "Adam"):
    moved = []
    for size in (1.0, 32.0):
        w = torch.zeros(1, requires_grad=True)
        w.grad = torch.tensor([size])
        if "clipped" in name:
            torch.nn.utils.clip_grad_norm_(w, max_norm=0.5)
        getattr(torch.optim, name.partition(",")[0])([w], lr=0.1).step()
        moved.append(w.item())
    print(f"{name}: the step is {moved[1] / moved[0]:.0f} times as long")

# %%
# A test with one sample does not see it either
# ---------------------------------------------
# For N = 1 the wrong gradient is right, and gradcheck says so. With more, gradcheck
# says False, and the factor says why.

x = torch.linspace(-1, 2, 32, dtype=torch.float64)[:, None].requires_grad_()
for n in (1, 32):
    batch = x[:n], torch.zeros_like(x[:n])
    agrees = torch.autograd.gradcheck(too_steep, batch, raise_exception=False)
    print(f"N = {n}: gradcheck {agrees}, ", end="")
    print(f"factor {adam_hides_scale(too_steep, *batch):.3f}")

# %%
# Use Adam to train, and not to test: with it a loss trains whatever its factor. Use
# this measurement before you add a second term, with more than one sample; rather
# :func:`torch.autograd.gradcheck.gradcheck` when single entries may be wrong.
