r"""
GRPO
====

Each token of an answer gets the gradient of the answer's reward, compared in its group.

With the ratio :math:`r_{it} = e^{\log p_{it} - \log p_{it}^\text{old}}` of token
:math:`t` in answer :math:`i`, whose advantage is :math:`A_i`:

.. math::

   \ell_{it} = -\min\big(r_{it} A_i, \;
   \text{clip}(r_{it}, 1 - \epsilon_\text{low}, 1 + \epsilon_\text{high}) \, A_i\big)
   \qquad
   \frac{\partial \ell_{it}}{\partial \log p_{it}} = -r_{it} A_i

where the ratio is not clipped, else 0. What is left to choose is the mean over tokens.

Source: Z. Shao et al., *DeepSeekMath: Pushing the Limits of Mathematical Reasoning in
Open Language Models*, arXiv:2402.03300 (2024), equation 3, without the KL term;
``"token"`` and two clips as in DAPO, arXiv:2503.14476; ``"constant"`` as in Dr. GRPO,
arXiv:2503.20783 (both 2025).
"""

import math

import torch
from torch import Tensor


def grpo(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantage: Tensor,
    mask: Tensor,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    aggregate: str = "sequence",
) -> Tensor:
    """Group relative policy optimization: the clipped loss of sampled answers.

    Args:
        log_prob: Log-probabilities of the sampled tokens under the policy that is
            trained, in nats, of shape (N, T).
        old_log_prob: Those under the policy that sampled them; the same shape.
        advantage: Shape (N,): each answer's reward minus the mean of its group, often
            divided by the group's standard deviation.
        mask: Shape (N, T): True or 1 for an answer's tokens, else False or 0.
        clip_low: How far a ratio may fall below 1; in [0, 1).
        clip_high: How far it may rise above 1; 0 or more.
        aggregate: ``"sequence"``, the mean over answers of the mean over their tokens;
            ``"token"``, the sum over tokens by their count; ``"constant"``, the sum by
            N T, padding included.

    Returns:
        A scalar; 0 where nothing counts.

    Raises:
        ValueError: The shapes do not fit, or ``aggregate`` is not one of these.

    >>> log_prob = torch.tensor([[0.5, 0.2], [0.4, 0.1]]).log().requires_grad_()
    >>> mask = torch.tensor([[True, True], [True, False]])
    >>> advantage = torch.tensor([1.0, -1.0])
    >>> loss = grpo(log_prob, log_prob.detach(), advantage, mask)
    >>> loss.item()  # all ratios are 1: (-1 + 1) / 2
    0.0
    >>> loss.backward()
    >>> log_prob.grad  # not 0: minus the advantage, by 2 answers and their tokens
    tensor([[-0.2500, -0.2500],
            [ 0.5000,  0.0000]])

    >>> p = torch.tensor([[-1.0, -2.0], [-0.5, -0.7]], dtype=torch.float64)
    >>> q = torch.tensor([[-1.1, -1.0], [-0.6, -0.8]], dtype=torch.float64)
    >>> inputs = p.requires_grad_(), q, advantage.double(), mask
    >>> torch.autograd.gradcheck(grpo, inputs)
    True
    """
    shape = tuple(log_prob.shape)
    fits = log_prob.ndim == 2 and advantage.shape == log_prob.shape[:1]
    if not fits or old_log_prob.shape != shape or mask.shape != shape:
        raise ValueError(
            "log_prob, old_log_prob, advantage and mask must have the shapes (N, T), "
            f"(N, T), (N,) and (N, T), got {shape}, {tuple(old_log_prob.shape)}, "
            f"{tuple(advantage.shape)} and {tuple(mask.shape)}"
        )
    if aggregate not in ("sequence", "token", "constant"):
        raise ValueError(
            f"aggregate must be 'sequence', 'token' or 'constant', got {aggregate!r}"
        )
    # Fill before exp: NaN or inf under the mask would be NaN in the gradient.
    log_ratio = (log_prob - old_log_prob).masked_fill(mask == 0, 0)
    up = log_ratio.clamp(max=math.log1p(clip_high))
    down = log_ratio.clamp(min=math.log1p(-clip_low))
    advantage = advantage[:, None].masked_fill(mask == 0, 0)
    loss = -advantage * torch.where(advantage > 0, up, down).exp()
    wide = torch.promote_types(loss.dtype, torch.float32)
    weight = mask.to(wide)
    if aggregate == "sequence":
        length = weight.sum(1, keepdim=True)
        answers = (length > 0).sum()  # an answer of which nothing counts is left out
        weight = weight / length.clamp(min=1) / answers.clamp(min=1)
    elif aggregate == "token":
        weight = weight / weight.sum().clamp(min=1)
    else:
        weight = weight / max(mask.numel(), 1)
    return (loss * weight).sum().to(loss.dtype)


# %%
# A loss of 0 that trains
# -----------------------
# The loss reads 0 in the first steps, and the model still changes. Right after sampling
# each ratio, ``exp(log_prob - log_prob.detach())``, is 1, and the advantages of a group
# have mean 0, so the value is 0. If a beta times KL term is added, it starts at 0, too,
# and grows. The gradient is not 0: it is -A times the gradient of the log-probability.
# Judge the progress by the reward, not by the loss. Here a policy over four answers, of
# which the last is rewarded:

import matplotlib.pyplot as plt

logits, mask, losses, rewards = torch.zeros(4), torch.ones(64, 1), [], []
for _ in range(40):
    answers = torch.multinomial(logits.softmax(0), 64, replacement=True)
    reward = (answers == 3).float()
    advantage = (reward - reward.mean()) / (reward.std() + 1e-4)
    log_prob = logits.requires_grad_().log_softmax(0)[answers, None]
    loss = grpo(log_prob, log_prob.detach(), advantage, mask)
    logits = (logits - 0.5 * torch.autograd.grad(loss, logits)[0]).detach()
    losses.append(loss.item())
    rewards.append(reward.mean().item())

fig, ax = plt.subplots()
ax.plot(losses, label="loss")
ax.plot(rewards, "C2", label="mean reward")
ax.set(xlabel="step", title="The loss stays at 0 while the policy learns")
ax.legend()

# %%
# If all rewards of a group are equal, there is really no gradient
# ----------------------------------------------------------------
# All right or all wrong: every advantage is 0, or NaN when the standard deviation is
# divided by without an epsilon. Such groups cost time and teach nothing.

reward = torch.ones(4)
for epsilon in (0.0, 1e-4):
    advantage = (reward - reward.mean()) / (reward.std() + epsilon)
    print(f"epsilon {epsilon}: advantages {advantage.tolist()}")

# %%
# What each mean weights
# ----------------------
# Two answers, of 2 and of 8 tokens, padded to 16. By sequence, each answer has the same
# share, so a token of the longer has less. By token, each token has the same, so the
# longer answer has more. By the constant it is the same, but a token's gradient depends
# on neither the other answers' lengths nor its own: only on N and T.

mask = torch.arange(16) < torch.tensor([[2], [8]])
given = torch.zeros(2, 16), torch.zeros(2, 16), -torch.ones(2), mask
for aggregate in ("sequence", "token", "constant"):
    gradient = torch.func.grad(grpo)(*given, aggregate=aggregate)
    token, answer = gradient[:, 0], gradient.sum(1)
    print(f"{aggregate:8}: a token of each {token[0]:.3f}, {token[1]:.3f}", end="; ")
    print(f"a whole answer {answer[0]:.3f}, {answer[1]:.3f}")

# %%
# Use it when several answers to each prompt are sampled and scored; rather
# :doc:`/examples/language/ppo_clip` when each token has its own advantage, and
# :doc:`/examples/language/dpo` when there are pairs and no reward. For the KL term see
# :doc:`/examples/language/kl_estimators`.
# A higher ``clip_high`` lets unlikely tokens grow further:

ratio = torch.tensor([[1.25]]).log(), torch.zeros(1, 1)
for high in (0.2, 0.28):
    gradient = torch.func.grad(grpo)(*ratio, torch.ones(1), torch.ones(1, 1), 0.2, high)
    print(f"clip_high {high}: gradient {gradient.item():.2f} at a ratio of 1.25")

# sphinx_gallery_tags = ["language", "rewards", "missing labels"]
