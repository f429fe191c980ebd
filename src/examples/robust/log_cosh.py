r"""
Log-cosh
========

The pull of a point is the tanh of its residual: smooth, and never beyond one.

With the residual :math:`r = \text{prediction} - \text{target}`, the loss is
:math:`r^2 / 2` near zero and :math:`|r| - \log 2` far out, without a corner between:

.. math::

   \ell(r) = \log \cosh r
   = |r| + \log \left( 1 + \tfrac{1}{2} \left( e^{-2 |r|} - 1 \right) \right)
   \qquad
   \frac{\partial \ell}{\partial r} = \tanh r
   \qquad
   \frac{\partial^2 \ell}{\partial r^2} = 1 - \tanh^2 r

The cosine overflows, the right side does not, and near zero it loses few digits.
Its backward is written by hand: ``abs`` has slope 0 at 0, where autograd would lose the
second derivative, and the tanh is a quotient of what forward has already.

Source: R. A. Saleh, A. K. Md. E. Saleh, *Statistical Properties of the log-cosh Loss
Function Used in Machine Learning*, arXiv:2208.04564 (2022).
"""

import torch


class LogCosh(torch.autograd.Function):
    """The logarithm of the hyperbolic cosine, and the tanh that is its gradient."""

    generate_vmap_rule = True

    @staticmethod
    def forward(residual):
        distance = residual.abs()
        fall = (-2 * distance).expm1_()
        tanh = (fall / (2 + fall)).copysign_(residual)
        return fall.div_(2).log1p_().add_(distance), tanh

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(output[1])
        ctx.save_for_forward(output[1])

    @staticmethod
    def backward(ctx, grad_loss, grad_tanh):
        (tanh,) = ctx.saved_tensors
        gradient = None if grad_loss is None else grad_loss * tanh
        if grad_tanh is None:  # nobody differentiates the gradient
            return gradient
        curved = grad_tanh * (1 - tanh**2)
        return curved if gradient is None else gradient + curved

    @staticmethod
    def jvp(ctx, tangent):
        (tanh,) = ctx.saved_tensors
        return tangent * tanh, tangent * (1 - tanh**2)


def log_cosh(prediction, target, reduction="mean"):
    """Logarithm of the hyperbolic cosine of the residual.

    Args:
        prediction: Tensor of any shape.
        target: Tensor of the same shape, in the same unit. An ordinary error should be
            about one: divide both by it first.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``prediction`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    >>> prediction = torch.tensor([0.0, 100.0, -100.0], requires_grad=True)
    >>> loss = log_cosh(prediction, torch.zeros(3), reduction="none")
    >>> loss.detach()  # 0 and 100 - log 2
    tensor([ 0.0000, 99.3069, 99.3069])
    >>> loss.sum().backward()
    >>> prediction.grad
    tensor([ 0.,  1., -1.])

    >>> x = torch.tensor([0.0, 0.5, -3.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(log_cosh, (x, torch.zeros_like(x)))
    True
    >>> torch.autograd.gradgradcheck(log_cosh, (x, torch.zeros_like(x)))
    True
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    loss, _ = LogCosh.apply(prediction - target)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The gradient bends where Huber's has a corner
# ---------------------------------------------
# Both end at one. Huber's gets there at a corner, where its curvature jumps from one to
# zero. The tanh bends gradually, and its curvature has no jump.
#
# .. draggable-figure:: log_cosh(along(-4, 4, 1), slider(-2, 2, 0)) beside huber_loss
#
#    Move the target: loss and gradient go with it. Drag the point past the corner.

import math

import matplotlib.pyplot as plt

residual = torch.linspace(-4, 4, 201, requires_grad=True)
zero = torch.zeros_like(residual)

loss = log_cosh(residual, zero, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), residual)
huber = torch.nn.functional.huber_loss(residual, zero, reduction="sum")
(huber_gradient,) = torch.autograd.grad(huber, residual)

fig, ax = plt.subplots()
ax.plot(residual.detach(), loss.detach(), label="log-cosh")
ax.plot(residual.detach(), gradient, label="its gradient, tanh")
ax.plot(residual.detach(), huber_gradient, "--", label="gradient of Huber")
ax.set(xlabel="residual", ylabel="loss and gradient", ylim=(-1.5, 3.5))
ax.set_title("The gradient nears 1 without a corner")
ax.legend(loc="upper center")

torch.testing.assert_close(gradient, torch.tanh(residual).detach())

# %%
# The usual mistake, two cures, and what the backward by hand pays
# ----------------------------------------------------------------
# In float32 the ``cosh`` of 90 is infinite, and the gradient of its logarithm is zero
# times infinity. With the absolute value in front nothing overflows, but ``abs`` has
# slope 0 at 0, and the second derivative is lost there. ``logaddexp`` cures that, too;
# near zero its value and its derivative are differences of nearly equal numbers.

forms = {
    "log of cosh": lambda r: torch.log(torch.cosh(r)),
    "with abs": lambda r: r.abs() + torch.log1p(torch.exp(-2 * r.abs())) - math.log(2),
    "logaddexp": lambda r: torch.logaddexp(r, -r) - math.log(2),
    "by hand": lambda r: LogCosh.apply(r)[0],
}


def kept(form):
    sizes, hooks = [], torch.autograd.graph.saved_tensors_hooks
    with hooks(lambda x: sizes.append(x.nbytes) or x, lambda x: x):
        form(residual)
    return sum(sizes) / residual.nbytes


far, near, origin = torch.tensor(90.0), torch.tensor(1e-5), torch.tensor(0.0)
print("             gradient at 90 | error at 1e-5 | curvature at 0 | tensors kept")
for name, form in forms.items():
    slope = torch.func.grad(form)
    error, curvature = slope(near) / near - 1, torch.func.grad(slope)(origin)
    print(f"{name:12} {slope(far):14} | {error.abs():13.2%} |", end="")
    print(f"{curvature.abs():15} |{kept(form):13.0f}")

# %%
# Newton's method finds a robust centre in a few steps
# ----------------------------------------------------
# Nine measurements near 1 and one typing error of 100. A second derivative that can be
# trusted gives the length of each step, so there is no learning rate to choose.

measured = torch.tensor([0.8, 0.9, 0.95, 1.0, 1.0, 1.0, 1.05, 1.1, 1.2, 100.0])
slope = torch.func.grad(lambda center: log_cosh(center.expand(10), measured))
center = measured.median()
for step in range(4):
    print(f"step {step}: centre {center:.6f}, slope {slope(center).abs():.6f}")
    center = center - slope(center) / torch.func.grad(slope)(center)

print(f"the mean, which Newton finds for squared error: {measured.mean():.6f}")

# %%
# Take it where Huber's loss would do and second derivatives matter: Newton's method,
# L-BFGS, a gradient penalty. It has no delta, so divide prediction and target by the
# size of an ordinary error. A nearly perfect fit has a value: half of the square.

small = torch.tensor([1e-4])
for name in ("logaddexp", "by hand"):
    print(f"{name}: {forms[name](small).item():.2e}")
