r"""
Adam hides scale
================

Adam divides a constant factor out of the gradient, so one N times too large trains on.

The loss below is wrong on purpose: its backward pass forgets the :math:`1/N` of the
mean, so each gradient :math:`g` comes out as :math:`N g`. SGD steps N times too far.
Adam divides running means of gradients and of their squares, and steps as before:

.. math::

   \Delta w = -\eta \, \frac{\text{mean}(g)}{\sqrt{\text{mean}(g^2)} + \epsilon}
   \qquad
   \frac{\text{mean}(N g)}{\sqrt{\text{mean}(N^2 g^2)}}
   = \frac{\text{mean}(g)}{\sqrt{\text{mean}(g^2)}}

Source: D. P. Kingma, J. Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015,
section 2.1.
"""

import torch


class TooSteep(torch.autograd.Function):
    """Squared error whose backward pass forgets to divide by the samples."""

    generate_vmap_rule = True

    @staticmethod
    def forward(prediction, target):
        """Sum over features, average over samples: the right value."""
        return (prediction - target).square().sum(1).mean()

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Keep the inputs for the backward pass."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        """N times the right gradient: ``/ len(prediction)`` is missing."""
        prediction, target = ctx.saved_tensors
        gradient = 2 * (prediction - target) * grad_output
        return gradient, -gradient


def adam_hides_scale(prediction, target):
    """Squared error with a right value and a gradient N times too large, on purpose.

    Args:
        prediction: Tensor of shape ``(N, features)``.
        target: Tensor of the same shape, in the same unit.

    Returns:
        A scalar: summed over features, averaged over samples.

    Raises:
        ValueError: The shapes differ, or are not ``(N, features)``.

    >>> prediction = torch.tensor([[3.0], [1.0]], requires_grad=True)
    >>> loss = adam_hides_scale(prediction, torch.zeros(2, 1))
    >>> loss.item()  # (9 + 1) / 2
    5.0
    >>> loss.backward()
    >>> prediction.grad.T  # right were 2/2 * (3, 1)
    tensor([[6., 2.]])

    >>> x = prediction.detach().double().requires_grad_()
    >>> zero = torch.zeros_like(x)
    >>> torch.autograd.gradcheck(adam_hides_scale, (x, zero), raise_exception=False)
    False
    """
    if prediction.shape != target.shape or prediction.ndim != 2:
        raise ValueError(
            f"prediction and target must both be (N, features), got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    return TooSteep.apply(prediction, target)


# %%
# SGD shows it, Adam hides it, a second term suffers from it
# ----------------------------------------------------------
# A batch of 32 samples, a linear model, no noise.
# With SGD the wrong gradient runs away; with Adam both runs agree.
# Then 0.1 times the L1 norm of the weights is added, whose gradient is right.
# Beside one 32 times too large it counts 32 times too little: of the error that it
# should trade for smaller weights, a thousandth is left.

import matplotlib.pyplot as plt

generator = torch.Generator().manual_seed(0)
inputs = torch.randn(32, 3, generator=generator)
target = inputs @ torch.tensor([[2.0], [-1.0], [0.5]])


def right(prediction, target):
    return (prediction - target).square().sum(1).mean()


def train(loss, make_optimizer, lr, penalty):
    weights = torch.zeros(3, 1, requires_grad=True)
    optimizer = make_optimizer([weights], lr=lr)
    errors = []
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
space = {"wspace": 0.1, "top": 0.78}
fig, axes = plt.subplots(1, 3, sharey=True, gridspec_kw=space)
for ax, (title, options) in zip(axes, runs.items(), strict=True):
    errors, wrong = train(right, *options), train(adam_hides_scale, *options)
    print(f"{title:17} right {errors[-1]:.1e}, wrong {wrong[-1]:.1e}")
    ax.semilogy(errors, label="right gradient")
    ax.semilogy(wrong, "C2--", label="32 times too large")
    ax.set(xlabel="step", ylim=(1e-14, 1e5), title=title)
axes[0].set_ylabel("squared error")
fig.legend(*axes[0].get_legend_handles_labels(), loc="upper center", ncols=2)
print(f"with L1: {errors[-1] / wrong[-1]:.0f} times less error; 32 squared is {32**2}")

# %%
# Whatever rescales gradients hides their scale
# ---------------------------------------------
# One step with a gradient of 1, one with 32, each from a fresh start.

optim = torch.optim
makers = {
    "SGD": lambda w: optim.SGD(w, lr=0.1),
    "SGD, momentum": lambda w: optim.SGD(w, lr=0.1, momentum=0.9),
    "SGD, clipped": lambda w: optim.SGD(w, lr=0.1),
    "RMSprop": lambda w: optim.RMSprop(w, lr=0.1),
    "Adagrad": lambda w: optim.Adagrad(w, lr=0.1),
    "AdamW": lambda w: optim.AdamW(w, lr=0.1),
    "Adam": lambda w: optim.Adam(w, lr=0.1),
}
ratios = []
for name, make in makers.items():
    step = {}
    for size in (1.0, 32.0):
        w = torch.zeros(1, requires_grad=True)
        w.grad = torch.tensor([size])
        if "clipped" in name:
            torch.nn.utils.clip_grad_norm_(w, max_norm=0.5)
        make([w]).step()
        step[size] = w.item()
    ratios.append(step[32.0] / step[1.0])

fig, ax = plt.subplots(gridspec_kw={"left": 0.22})
bars = ax.barh(list(makers), ratios, facecolor="C1", label="ratio of the steps")
ax.bar_label(bars, [f"{ratio:.0f}" for ratio in ratios], padding=4)
ax.set(xlabel="step for a gradient of 32 / step for a gradient of 1", xlim=(0, 36))
_ = ax.set_title("Only SGD without clipping shows the factor")

# %%
# The usual mistake: a test with one sample
# -----------------------------------------
# For N = 1 the wrong gradient is right, and gradcheck says so.
# With more, the rise along a direction, measured, names the factor.

x = torch.linspace(-1, 2, 32, dtype=torch.float64)[:, None].requires_grad_()
zero = torch.zeros_like(x)
print(torch.autograd.gradcheck(adam_hides_scale, (x[:1], zero[:1])))
(gradient,) = torch.autograd.grad(adam_hides_scale(x, zero), x)
rise = (right(x + 1e-4, zero) - right(x - 1e-4, zero)) / 2e-4
print(f"gradient / measured rise: {gradient.sum() / rise:.3f}")

# %%
# Take Adam to train, not to test: with it a loss trains whatever its factor.
# Compare the gradient with the measured rise before you add a second term.
