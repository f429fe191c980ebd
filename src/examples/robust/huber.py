r"""
Huber
=====

Against outliers: a gradient is at most delta, however far off.

With the residual :math:`r = \text{prediction} - \text{target}`, the loss is a parabola
near zero and a straight line beyond :math:`\delta`, so its slope is the residual
clipped to :math:`\pm\delta`:

.. math::

   \ell(r) = \begin{cases}
   \frac{1}{2} r^2 & |r| \le \delta \\
   \delta \left( |r| - \frac{1}{2} \delta \right) & |r| > \delta
   \end{cases}
   \qquad
   \frac{\partial \ell}{\partial r} = \max(-\delta, \min(r, \delta))

Source: P. J. Huber, *Robust Estimation of a Location Parameter*, Annals of
Mathematical Statistics 35 (1964), 73-101.
"""

import torch
from torch import Tensor


def huber(
    prediction: Tensor,
    target: Tensor,
    delta: float | Tensor = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """Huber's loss: squared up to ``delta``, linear beyond.

    Args:
        prediction: Tensor of any shape.
        target: Tensor of the same shape, in the same unit.
        delta: Where the parabola becomes a line: positive, in the unit of the target, a
            number or a tensor of shape () or (1,).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``prediction`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or an option is out of range.

    >>> prediction = torch.tensor([0.5, 3.0, -4.0], requires_grad=True)
    >>> loss = huber(prediction, torch.zeros(3), reduction="sum")
    >>> loss.item()  # 0.125 + 2.5 + 3.5
    6.125
    >>> loss.backward()
    >>> prediction.grad
    tensor([ 0.5000,  1.0000, -1.0000])

    >>> x = torch.tensor([0.5, 3.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(huber, (x, torch.zeros_like(x)))
    True
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if isinstance(delta, Tensor):
        if delta.shape not in ((), (1,)):
            raise ValueError(f"delta must be one number, got {tuple(delta.shape)}")
        delta = delta.reshape(())
    elif not delta > 0:
        raise ValueError(f"delta must be positive, got {delta}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    distance = (prediction - target).abs()
    near = distance.clamp(max=delta)
    loss = near * (distance - near / 2)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The gradient saturates
# ----------------------
# The gradient of squared error grows with the distance of a point.
# That of Huber's loss stops at delta.
#
# .. draggable-figure:: huber(along(-4, 4, 2), 0.0, delta=slider(0.2, 2, 1))
#
#    Drag the point: within delta the tangent turns, beyond delta it stays as it is.

import matplotlib.pyplot as plt

residual = torch.linspace(-4, 4, 201, requires_grad=True)
zero = torch.zeros(201)
loss = huber(residual, zero, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), residual)
residual = residual.detach()

fig, ax = plt.subplots()
ax.plot(residual, loss.detach(), label="Huber")
ax.plot(residual, gradient, label="its gradient")
ax.plot(residual, residual, "--", label="gradient of squared error")
ax.set(xlabel="residual", ylabel="loss and gradient", ylim=(-4, 4))
ax.set_title("Beyond delta = 1 the gradient stays at 1")
ax.legend()

# %%
# One outlier moves a mean, and hardly a Huber fit
# ------------------------------------------------
# Nine measurements near 1 and one typing error of 100. The constant with the least
# squared error is their mean.

measured = torch.tensor([0.8, 0.9, 0.95, 1.0, 1.0, 1.0, 1.05, 1.1, 1.2, 100.0])
constants = torch.linspace(0, 100, 10_001)
losses = torch.vmap(lambda c: huber(c.expand(10), measured))(constants)
print(f"least squared error: {measured.mean():.2f}")
print(f"least Huber loss:    {constants[losses.argmin()]:.2f}")

# %%
# HuberLoss(delta) and SmoothL1Loss(beta)
# ---------------------------------------
# Huber with delta = d is d times smooth L1 with beta = d, so the two are equal for 1
# only. Outside, Huber has slope delta, and smooth L1 has slope 1 whatever beta is;
# inside, Huber has curvature 1 and smooth L1 1 / beta. With beta = 0 smooth L1 is the
# absolute error, which Huber at 0 would not be: it would be 0, and is refused.

smooth_l1 = torch.nn.functional.smooth_l1_loss
for d in (0.5, 1.0, 2.0):
    ratio = huber(residual, zero, d) / smooth_l1(residual, zero, beta=d)
    print(f"d = {d}: Huber is {ratio:.2f} times smooth L1")

# %%
# Use it when a regression has outliers; rather :doc:`/examples/robust/general_robust`
# or :doc:`/examples/probabilistic/student_t_nll` when an outlier should have hardly any
# gradient at all, :doc:`/examples/robust/log_cosh` when the second derivative should
# not jump. Set delta to the size of an ordinary error, in the unit of the target. The
# loss cannot learn it: a smaller delta never costs more. torch's
# :func:`torch.nn.functional.huber_loss` is the same in one kernel, and faster; its
# delta has to be a number.

assert huber(residual, zero, 0.1) < huber(residual, zero, 1.0)
theirs = torch.nn.functional.huber_loss(residual, zero)
torch.testing.assert_close(huber(residual, zero), theirs)

# sphinx_gallery_tags = ["regression", "numbers", "outliers"]
