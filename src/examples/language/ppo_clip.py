r"""
PPO's clipped loss
==================

An action that paid off gets no more gradient once it is 20 % more likely than before.

With the log-probabilities of an action now and when it was sampled, their ratio
:math:`r = e^{\log p - \log p_\text{old}}`, and how much better than expected it was,
the advantage :math:`A`:

.. math::

   \ell = -\min\big(r A, \; \text{clip}(r, 1 - \epsilon, 1 + \epsilon) \, A\big)
   \qquad
   \frac{\partial \ell}{\partial \log p} = -r A
   \;\text{ where } r \text{ is not clipped, else } 0

Source: J. Schulman et al., *Proximal Policy Optimization Algorithms*,
arXiv:1707.06347 (2017), equation 7, with the sign of a loss.
"""

import math

import torch
from torch import Tensor


def ppo_clip(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantage: Tensor,
    clip: float = 0.2,
    mask: Tensor | None = None,
) -> Tensor:
    """Clipped policy loss, the mean over the actions that count.

    Args:
        log_prob: Log-probabilities of the actions (or tokens) under the policy that is
            trained, in nats, of any shape.
        old_log_prob: Those under the policy that sampled them; the same shape.
        advantage: How much better than expected each was; the same shape.
        clip: How far the ratio may move from 1; in [0, 1).
        mask: True or 1 where an action counts, False or 0 where not; the same shape.

    Returns:
        A scalar; 0 where nothing counts.

    Raises:
        ValueError: The shapes differ.

    >>> log_prob = torch.tensor([0.5, 0.25]).log().requires_grad_()
    >>> old = torch.tensor([0.25, 0.25]).log()
    >>> loss = ppo_clip(log_prob, old, torch.tensor([1.0, -2.0]))
    >>> print(f"{loss.item():.4f}")  # (-1.2 * 1 + 1 * 2) / 2: the first is clipped
    0.4000
    >>> loss.backward()
    >>> log_prob.grad
    tensor([0., 1.])

    >>> p, q = torch.tensor([[-1.0, -2.0, -0.5], [-1.1, -1.0, -0.6]]).double()
    >>> a = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)
    >>> torch.autograd.gradcheck(ppo_clip, (p.requires_grad_(), q, a))
    True
    """
    if mask is None:
        mask = torch.ones_like(log_prob, dtype=torch.bool)
    shapes = [tuple(x.shape) for x in (log_prob, old_log_prob, advantage, mask)]
    if len(set(shapes)) > 1:
        raise ValueError(
            "log_prob, old_log_prob, advantage and mask must have the same shape, got "
            f"{shapes[0]}, {shapes[1]}, {shapes[2]} and {shapes[3]}"
        )
    # Fill before the loss: NaN under the mask would be NaN in the gradient.
    log_ratio = (log_prob - old_log_prob).masked_fill(mask == 0, 0)
    advantage = advantage.masked_fill(mask == 0, 0)
    # Clip the logarithm: exp of it may be infinite, and its gradient 0 * inf.
    up = log_ratio.clamp(max=math.log1p(clip))
    down = log_ratio.clamp(min=math.log1p(-clip))
    loss = -advantage * torch.where(advantage > 0, up, down).exp()
    wide = torch.promote_types(loss.dtype, torch.float32)
    count = mask.sum(dtype=wide)
    mean = (loss * mask).sum(dtype=wide) / count.masked_fill(count == 0, 1)
    return mean.to(loss.dtype)


# %%
# What does the clip stop, and what not?
# --------------------------------------
# It stops the gradient that goes on rewarding what is already 20 % more likely, and the
# one that goes on punishing what is already 20 % less likely. It does not bring a ratio
# back, and it does not bound the loss on the other side: a bad action that has become
# five times more likely has five times the gradient.

import matplotlib.pyplot as plt

ratio, old = torch.linspace(0.3, 5, 236), torch.zeros(236)
fig, axes = plt.subplots(1, 2, sharey=True, figsize=(8, 4), layout="constrained")
for ax, advantage in zip(axes, (1.0, -1.0), strict=True):
    log_prob = ratio.log().requires_grad_()
    loss = torch.vmap(ppo_clip)(log_prob, old, torch.full((236,), advantage))
    (gradient,) = torch.autograd.grad(loss.sum(), log_prob)
    ax.plot(ratio, loss.detach(), label="loss")
    ax.plot(ratio, gradient, label="gradient by log-probability")
    ax.plot(ratio, -advantage * ratio, "C2--", label="not clipped")
    ax.set(xlabel="ratio of the probabilities", title=f"advantage {advantage:+.0f}")
    print(f"ratio 5, advantage {advantage:+}: gradient {gradient[-1]:.1f}")
axes[0].legend()
fig.suptitle("The gradient stops on the side that it pushes towards")

# %%
# The first step of a batch is not clipped, and its value says nothing
# --------------------------------------------------------------------
# The policy has just sampled: all ratios are 1. The loss is minus the mean advantage,
# which is 0 when the advantages are centred, and the gradient is that of the plain
# policy gradient, -A for each log-probability. Watch the reward, the share that is
# clipped and the mean log-ratio, not this loss.

log_prob, advantage = torch.rand(6).log().requires_grad_(), torch.randn(6)
advantage = advantage - advantage.mean()
loss = ppo_clip(log_prob, log_prob.detach(), advantage)
(gradient,) = torch.autograd.grad(loss, log_prob)
print(f"first step: loss {loss.abs().item():.4f}, gradient {gradient.norm():.4f}")
torch.testing.assert_close(gradient, -advantage / 6)

# %%
# Use it when actions come with an advantage and several steps are taken on one batch;
# rather :doc:`/examples/language/grpo` when whole answers have one reward and are
# compared in groups, and :doc:`/examples/language/dpo` when there are pairs and no
# reward. ``old_log_prob`` is stored when sampling, without a gradient. If it is
# computed again by the same weights in each step, the ratio stays 1, nothing is ever
# clipped, and without ``detach`` the two gradients cancel:

same = torch.autograd.grad(ppo_clip(log_prob, log_prob, advantage), log_prob)[0]
print(f"old log-probabilities with a gradient: {same.abs().max().item():.1f} is left")

# sphinx_gallery_tags = ["language", "rewards", "missing labels"]
