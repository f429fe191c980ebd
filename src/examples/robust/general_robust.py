r"""
General robust
==============

One number, alpha, decides how far off an outlier may be until its gradient fades.

With the residual in units of the scale, :math:`z = (\text{prediction} -
\text{target}) / c`, and :math:`b = |\alpha - 2|`:

.. math::

   \rho(z, \alpha) =
   \frac{b}{\alpha} \left( \left( \frac{z^2}{b} + 1 \right)^{\alpha / 2} - 1 \right)
   \qquad
   \frac{\partial \rho}{\partial z} =
   z \left( \frac{z^2}{b} + 1 \right)^{\alpha / 2 - 1}

It is squared error at :math:`\alpha = 2`, pseudo-Huber at 1, Cauchy at 0, Geman-McClure
at -2 and Welsch at :math:`-\infty`.
The formula itself fails at 0 and 2; written with :math:`(e^x - 1) / x` it does not.

Source: J. T. Barron, *A General and Adaptive Robust Loss Function*, CVPR 2019.
"""

import torch
from torch import Tensor


def relative_growth(x: Tensor) -> Tensor:
    """Compute ``expm1(x) / x``, which is 1 at 0, with its derivatives."""
    near = x.abs() < 1e-3
    small, large = torch.where(near, x, 0), torch.where(near, 1, x)
    series = 1 + small / 2 * (1 + small / 3 * (1 + small / 4))
    return torch.where(near, series, torch.expm1(large) / large)


def general_robust(
    prediction: Tensor,
    target: Tensor,
    alpha: float | Tensor,
    scale: float | Tensor,
    reduction: str = "mean",
) -> Tensor:
    """Barron's general robust loss.

    Args:
        prediction: Tensor of any shape.
        target: Tensor of the same shape, in the same unit.
        alpha: The smaller, the less an outlier counts: any number, infinities included,
            or a tensor of shape () or (1,) or of the prediction's shape.
        scale: Size of an ordinary residual, positive; a number or a tensor likewise.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``prediction`` with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or an option is out of range.

    >>> prediction = torch.tensor([2.0, 2.0, 2.0], requires_grad=True)
    >>> alpha = torch.tensor([2.0, 0.0, -2.0])
    >>> loss = general_robust(prediction, torch.zeros(3), alpha, 1.0, "none")
    >>> loss.detach()  # 2^2 / 2, log(2^2 / 2 + 1), 2 * 2^2 / (2^2 + 4)
    tensor([2.0000, 1.0986, 1.0000])
    >>> loss.sum().backward()
    >>> prediction.grad  # 2, 2 / 3, 1 / 2
    tensor([2.0000, 0.6667, 0.5000])

    >>> x = torch.tensor([0.5, -3.0], dtype=torch.float64, requires_grad=True)
    >>> alpha = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    >>> scale = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(general_robust, (x, torch.ones_like(x), alpha, scale))
    True
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if not isinstance(scale, torch.Tensor) and not scale > 0:
        raise ValueError(f"scale must be positive, got {scale}")
    alpha, scale = (
        torch.as_tensor(option, dtype=prediction.dtype, device=prediction.device)
        for option in (alpha, scale)
    )
    for name, option in {"alpha": alpha, "scale": scale}.items():
        if option.shape not in ((), (1,), prediction.shape):
            raise ValueError(
                f"{name} must be one number or have the shape of prediction, got "
                f"{tuple(option.shape)} and {tuple(prediction.shape)}"
            )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    eps = torch.finfo(prediction.dtype).eps
    alpha = alpha.clamp(-1 / eps, 1 / eps)  # infinity to the last digit
    square = ((prediction - target) / scale) ** 2
    width = (alpha - 2).abs().clamp(min=eps / 2)  # b, which must not be 0
    rate = torch.log1p(square / width) / 2  # the power is exp(alpha rate)
    loss = width * rate * relative_growth(alpha * rate)
    loss = loss.reshape(prediction.shape)  # where an option has shape (1,)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The smaller alpha, the sooner an outlier is let go
# --------------------------------------------------
# The gradient of squared error grows without end; at alpha = 1 it levels off, and below
# 1 it fades.
#
# .. draggable-figure:: general_robust(along(-4, 4, 3), 0.0, slider(-4, 2, 0), 1.0)
#
#    Raise alpha to 2, lower it again: the tangent at an outlier lies down.

import matplotlib.pyplot as plt

residual = torch.linspace(-5, 5, 201, requires_grad=True)
zero = torch.zeros(201)
fig, ax = plt.subplots()
loss = general_robust(residual, zero, 0.0, 1.0, reduction="none")
ax.plot(residual.detach(), loss.detach(), label="loss, alpha = 0")
for alpha, line in {0.0: "-", 2.0: "--", 1.0: ":", -torch.inf: "-."}.items():
    loss = general_robust(residual, zero, alpha, 1.0, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, residual)
    ax.plot(residual.detach(), gradient, line, label=f"gradient, alpha = {alpha:g}")
    print(f"alpha = {alpha:4}: the gradient at 5 is {gradient[-1]:.4f}")
ax.set(xlabel="residual in scales", ylabel="loss and gradient", ylim=(-3, 4))
ax.set_title("The smaller alpha, the sooner an outlier is let go")
ax.legend(fontsize="small")

# %%
# The data choose alpha
# ---------------------
# The loss alone is least for an infinite scale. As a density, exp(-loss) has to be
# divided by its integral: that is the price of a heavy tail, and with it alpha and the
# scale can be learned. Gaussian noise leads to an alpha near 2, Cauchy noise near 0.

grid = torch.sinh(torch.linspace(-12, 12, 301))


def log_integral(alpha, scale):
    loss = general_robust(grid, torch.zeros(301), alpha, 1.0, "none")
    return torch.log(scale * torch.trapezoid(torch.exp(-loss), grid))


def learn(noise, price):
    raw = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([raw], lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        alpha, scale = 2 * raw[0].sigmoid(), raw[1].exp()
        loss = general_robust(noise, torch.zeros(2000), alpha, scale)
        (loss + price * log_integral(alpha, scale)).backward()
        optimizer.step()
    return f"alpha {alpha.item():.2f}, scale {scale.item():.2g}"


gauss, cauchy = torch.randn(2000), torch.distributions.Cauchy(0, 1).sample([2000])
print(f"Gaussian noise: {learn(gauss, 1)}; without the price: {learn(gauss, 0)}")
print(f"Cauchy noise:   {learn(cauchy, 1)}")

# %%
# Use it when nobody knows how heavy the tails are, or to lower alpha from 2 while a fit
# settles; rather :doc:`/examples/robust/huber` when one fixed, convex loss will do.
# Below 1 the loss is not convex and the gradient of points far off is small, so such a
# fit needs a good start. The formula as it is printed is NaN at 0 and at 2; here both
# are Cauchy's loss and half the squared error. Its slope in alpha is infinite at 2, and
# the gradient there is the finite one right beside it.

two, alpha = torch.tensor([2.0, 2.0]), torch.tensor([0.0, 2.0], requires_grad=True)
b = (alpha - 2).abs()
print("as printed:", (b / alpha * ((two**2 / b + 1) ** (alpha / 2) - 1)).tolist())
loss = general_robust(two, torch.zeros(2), alpha, 1.0, "none")
torch.testing.assert_close(loss, torch.stack([torch.tensor(3.0).log(), two[1]]))
print("gradient in alpha:", torch.autograd.grad(loss.sum(), alpha)[0].tolist())

# sphinx_gallery_tags = ["regression", "numbers", "outliers", "learned parameters"]
