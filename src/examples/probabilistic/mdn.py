r"""
Mixture density network
=======================

Several answers to one input: each component gets its share of the gradient of a target.

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

The :math:`\gamma_k` are the responsibilities; the gradient of a logit is
:math:`\pi_k - \gamma_k`.

Source: C. M. Bishop, *Mixture Density Networks*, Aston University, 1994.
"""

import math

import torch
from torch import Tensor


def mdn(
    logits: Tensor,
    mean: Tensor,
    log_std: Tensor,
    target: Tensor,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of the target under a mixture of Gaussians.

    Args:
        logits: Tensor of shape (N, K): unnormalized logarithms of the weights.
        mean: Tensor of shape (N, K) for scalar targets, (N, K, D) for vectors.
        log_std: Tensor of the shape of ``mean``: logarithms of the standard deviations;
            the coordinates of a component are independent.
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
        shapes = [tuple(x.shape) for x in (logits, mean, log_std, target)]
        raise ValueError(
            f"logits, mean, log_std and target must have the shapes (N, K), (N, K), "
            f"(N, K), (N,) or (N, K), (N, K, D), (N, K, D), (N, D), got {shapes}"
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
# One input, two answers
# ----------------------
# The target is x or -x. Squared error learns the line between, where no target is; the
# mixture learns both.

import matplotlib.pyplot as plt

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


single = fit(1, lambda output: (output[:, 0] - y).square().mean())
output = fit(6, lambda output: mdn(*output.view(-1, 3, 2).unbind(1), y))
logits, mean, log_std = output.view(-1, 3, 2).unbind(1)
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
# The logarithm of a sum, and not a sum of logarithms
# ---------------------------------------------------
# The mean over the components of :math:`\log \pi_k + \log \mathcal{N}_k` looks simpler,
# and is another loss: it makes every component fit every target. And a density that is
# computed before its logarithm underflows fifteen deviations off, where the loss
# becomes infinite and the gradient NaN. ``logsumexp`` over the components never leaves
# the logarithm. :class:`~torch.distributions.mixture_same_family.MixtureSameFamily`
# gives the same value.

mean, zero = torch.tensor([[-1.0, 1.0]]), torch.zeros(1, 2)
weights = torch.distributions.Categorical(logits=zero)
parts = torch.distributions.Normal(mean, 1.0)
mixture = torch.distributions.MixtureSameFamily(weights, parts)
for at in torch.tensor([1.0, 16.0]):
    log_density = parts.log_prob(at)
    print(f"target {at:2.0f}: {mdn(zero, mean, zero, at[None]):.2f}", end=", ")
    print(f"MixtureSameFamily {-mixture.log_prob(at).item():.2f}", end=", ")
    print(f"sum of logarithms {-(math.log(0.5) + log_density).mean():.2f}", end=", ")
    print(f"density first {-(0.5 * log_density.exp()).sum().log():.2f}")

# %%
# Use it when one input has several answers: inverse problems, choices, turns left or
# right; rather :doc:`/examples/probabilistic/gaussian_nll` when there is one answer
# with noise, :doc:`/examples/robust/pinball` when only quantiles are asked for. Start
# the components apart: equal ones get equal gradients and never part. Bound ``log_std``
# from below, because a component that sits on one target makes the loss as small as it
# likes; it may be negative like that of any density.

target = torch.tensor([0.3])
equal = torch.func.grad(mdn, argnums=1)(zero, zero, zero, target)
print("gradient of equal components:", equal.tolist())
for log_std in (-1.0, -10.0, -20.0):
    value = mdn(zero, target.expand(1, 2), torch.full((1, 2), log_std), target)
    print(f"on the target, log_std {log_std:5}: loss {value:.2f}")

# sphinx_gallery_tags = ["regression", "numbers", "uncertainty"]
