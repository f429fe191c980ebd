r"""
Mixture density network
=======================

A target pulls each component by the share that the component has in explaining it.

A network predicts :math:`K` Gaussians with weights :math:`\pi` for each target
:math:`y`, so it may say "here or there" where a single mean would say "between":

.. math::

   \ell = -\log \sum_k \pi_k \, \mathcal{N}(y; \mu_k, \sigma_k^2)
   \qquad
   \gamma_k =
   \frac{\pi_k \, \mathcal{N}(y; \mu_k, \sigma_k^2)}
   {\sum_j \pi_j \, \mathcal{N}(y; \mu_j, \sigma_j^2)}
   \qquad
   \frac{\partial \ell}{\partial \mu_k} = \gamma_k \frac{\mu_k - y}{\sigma_k^2}

The :math:`\gamma_k` are the responsibilities, and the logits are pulled by
:math:`\pi_k - \gamma_k`.
Autograd finds them as the gradient of ``logsumexp``.

Source: C. M. Bishop, *Mixture Density Networks*, Aston University, 1994.
"""

import math

import torch


def mdn(logits, mean, log_std, target, reduction="mean"):
    """Negative log-likelihood of the target under a mixture of Gaussians.

    Args:
        logits: Tensor of shape (N, K): unnormalized logarithms of the weights.
        mean: Tensor of shape (N, K) for scalar targets, (N, K, D) for vectors.
        log_std: Tensor of the shape of ``mean``: logarithms of the standard deviations,
            one for each coordinate; the coordinates of a component are independent.
        target: Tensor of shape (N,) or (N, D).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, over the N targets.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or ``reduction`` is not one of these.

    >>> logits = torch.zeros(1, 2, requires_grad=True)
    >>> mean = torch.tensor([[-1.0, 1.0]], requires_grad=True)
    >>> loss = mdn(logits, mean, torch.zeros(1, 2), torch.tensor([0.0]))
    >>> loss.detach()  # two halves of one density: (log(2 pi) + 1) / 2
    tensor(1.4189)
    >>> loss.backward()
    >>> mean.grad  # half of -1 - 0 and half of 1 - 0
    tensor([[-0.5000,  0.5000]])
    >>> logits.grad  # weight and responsibility are equal
    tensor([[0., 0.]])

    >>> inputs = torch.tensor([[0.5, -1.0, 2.0], [0.0, 1.0, 1.5], [0.2, -0.3, 0.1]])
    >>> inputs = (*inputs.double()[:, None].requires_grad_(), torch.ones(1).double())
    >>> torch.autograd.gradcheck(mdn, inputs)
    True
    """
    fits = (
        mean.dim() in (2, 3)
        and logits.shape == mean.shape[:2]
        and log_std.shape == mean.shape
        and target.shape == mean.shape[:1] + mean.shape[2:]
    )
    if not fits:
        raise ValueError(
            f"logits, mean, log_std and target must have the shapes (N, K), (N, K), "
            f"(N, K), (N,) or (N, K), (N, K, D), (N, K, D), (N, D), got "
            f"{tuple(logits.shape)}, {tuple(mean.shape)}, {tuple(log_std.shape)} and "
            f"{tuple(target.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    z = (target[:, None] - mean) * torch.exp(-log_std)
    log_density = -(z**2 + math.log(2 * math.pi)) / 2 - log_std
    if mean.dim() == 3:
        log_density = log_density.sum(2)
    log_weight = torch.log_softmax(logits, 1)
    loss = -torch.logsumexp(log_weight + log_density, 1)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The component that explains a target gets its pull
# --------------------------------------------------
# Two components stand at -1 and 1.
# A target on the right hardly moves the left one.
# A single mean between the two is moved by both sides, and stays where no target is.

import matplotlib.pyplot as plt

target = torch.linspace(-3, 3, 201)
mean = torch.tensor([-1.0, 1.0]).expand(201, 2).clone().requires_grad_()
log_std = torch.full((201, 2), 0.6).log()

loss = mdn(torch.zeros(201, 2), mean, log_std, target, reduction="none")
left, right = torch.autograd.grad(loss.sum(), mean)[0].unbind(1)

fig, ax = plt.subplots()
ax.plot(target, loss.detach(), label="loss")
ax.plot(target, right, label="gradient, right mean")
ax.plot(target, left, ":", label="gradient, left mean")
ax.plot(target, 0 - target, "--", label="squared error, mean at 0")
ax.set(xlabel="target", ylabel="loss and gradient", ylim=(-5, 10))
ax.set_title("A target beyond the middle pulls one component alone")
ax.legend(ncols=2, loc="upper center")

print(f"target at 1.5: left mean {left[150]:.3f}, right mean {right[150]:.3f}")

# %%
# One input, two answers
# ----------------------
# The target is x or -x.
# Squared error learns the line between, where no target is; the mixture learns both.

x = 2 * torch.rand(300)
y = x * torch.randint(0, 2, (300,)).mul(2).sub(1) + 0.1 * torch.randn(300)


def fit(outputs, loss):
    model = torch.nn.Linear(1, outputs)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss(model(x[:, None])).backward()
        optimizer.step()
    return model(torch.tensor([[0.0], [2.0]])).detach()


def mixture(output):
    return mdn(*output.view(-1, 3, 2).unbind(1), y)


single = fit(1, lambda output: (output[:, 0] - y).square().mean())
logits, mean, log_std = fit(6, mixture).view(-1, 3, 2).unbind(1)
print(f"at x = 2, squared error says {single[1].item():.2f}")
for weight, m, std in zip(logits[1].softmax(0), mean[1], log_std[1].exp(), strict=True):
    print(f"at x = 2, with weight {weight:.2f}: {m:.2f} +- {std:.2f}")

fig, ax = plt.subplots()
ax.plot([0, 2], mean, label=["component", "component"])
ax.plot([0, 2], single, "--", label="squared error")
ax.plot(x, y, ".", alpha=0.4, label="targets")
ax.set(xlabel="x", ylabel="y")
ax.set_title("The mixture follows both branches, the mean neither")
ax.legend(loc="upper left")

# %%
# The usual mistake: the logarithm of a sum that underflows
# ---------------------------------------------------------
# Fifteen standard deviations off, every density is zero in float32.
# ``logsumexp`` never leaves the logarithm.


def naive(logits, mean, log_std, target):
    density = torch.distributions.Normal(mean, log_std.exp()).log_prob(target).exp()
    return -(logits.softmax(1) * density).sum(1).log().mean()


mean = torch.tensor([[-1.0, 1.0]], requires_grad=True)
for loss in (naive, mdn):
    value = loss(torch.zeros(1, 2), mean, torch.zeros(1, 2), torch.tensor([16.0]))
    (gradient,) = torch.autograd.grad(value, mean)
    left, right = gradient[0].tolist()
    print(f"{loss.__name__}: loss {value.item():.2f}, gradient {left:.2f}, {right:.2f}")

# %%
# Take it where one input has several answers: inverse problems, choices, turns left or
# right.
# Start the components apart, since equal ones get equal gradients and never part.
# Bound the log_std from below: a component that sits on one target makes the loss as
# small as it likes.

target, weights = torch.tensor([0.3]), torch.zeros(1, 2)
equal = torch.func.grad(mdn, argnums=1)(weights, weights, weights, target)
print("gradient of equal components:", equal.tolist())
for log_std in (-1.0, -10.0, -20.0):
    value = mdn(weights, target.expand(1, 2), torch.full((1, 2), log_std), target)
    print(f"on the target, log_std {log_std:5}: loss {value:.2f}")
