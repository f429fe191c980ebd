r"""
DPO
===

For preferences: the gradient parts two answers, and fades once the chosen leads.

With the log-probabilities :math:`\pi` of whole answers under the model and
:math:`\pi^\text{ref}` under the reference, the margin :math:`m` goes into a logistic
loss:

.. math::

   \ell = -\log \sigma(\beta m)
   \qquad
   m = (\pi_\text{chosen} - \pi_\text{chosen}^\text{ref})
     - (\pi_\text{rejected} - \pi_\text{rejected}^\text{ref})

.. math::

   \frac{\partial \ell}{\partial \pi_\text{chosen}}
   = -\beta \, \sigma(-\beta m)
   = -\frac{\partial \ell}{\partial \pi_\text{rejected}}

Source: R. Rafailov et al., *Direct Preference Optimization: Your Language Model is
Secretly a Reward Model*, NeurIPS 2023, equation 7.
"""

import torch
from torch import Tensor


def dpo(
    chosen: Tensor,
    rejected: Tensor,
    ref_chosen: Tensor,
    ref_rejected: Tensor,
    beta: float = 0.1,
    reduction: str = "mean",
) -> Tensor:
    """Direct preference optimization.

    Args:
        chosen: Log-probabilities of the preferred answers under the model, each summed
            over its tokens; any shape, usually (N,).
        rejected: Those of the other answers; the same shape.
        ref_chosen, ref_rejected: Both under the reference.
        beta: How strongly the reference holds the model; positive, per nat.
        reduction: ``"mean"`` over the pairs, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, 0 where there are no pairs; the shape of ``chosen`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or an option is out of range.

    >>> chosen = torch.tensor([-3.0, -5.0], requires_grad=True)
    >>> rejected = torch.tensor([-4.0, -2.0], requires_grad=True)
    >>> reference = torch.tensor([-3.0, -5.0]), torch.tensor([-4.0, -2.0])
    >>> loss = dpo(chosen, rejected, *reference)
    >>> print(f"{loss.item():.4f}")  # the margins are 0: log 2
    0.6931
    >>> loss.backward()
    >>> chosen.grad, rejected.grad  # 0.1 * 1/2 of two pairs
    (tensor([-0.0250, -0.0250]), tensor([0.0250, 0.0250]))

    >>> four = [torch.tensor(p).double().requires_grad_() for p in (-3, -4, -5, -1)]
    >>> torch.autograd.gradcheck(dpo, four)
    True
    """
    shapes = [tuple(x.shape) for x in (chosen, rejected, ref_chosen, ref_rejected)]
    if len(set(shapes)) > 1:
        raise ValueError(
            "chosen, rejected, ref_chosen and ref_rejected must have the same shape, "
            f"got {shapes[0]}, {shapes[1]}, {shapes[2]} and {shapes[3]}"
        )
    if not 0 < beta < torch.inf:
        raise ValueError(f"beta must be positive and finite, got {beta}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    margin = (chosen - ref_chosen) - (rejected - ref_rejected)
    loss = -torch.nn.functional.logsigmoid(beta * margin)
    if reduction == "mean":
        return loss.sum() / max(loss.numel(), 1)
    return loss if reduction == "none" else loss.sum()


# %%
# A pair that is settled has hardly a gradient
# --------------------------------------------
# The margin is what the model adds to the reference's preference, in nats. Divided by
# beta, the gradient nears -1 for a pair that is far wrong, and fades beyond zero. The
# likelihood of the chosen answer alone has a gradient of -1 everywhere.

import matplotlib.pyplot as plt

margin = torch.linspace(-60, 60, 241, requires_grad=True)
zero = torch.zeros(241)
loss = dpo(margin, zero, zero, zero, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), margin)

fig, ax = plt.subplots()
ax.plot(margin.detach(), loss.detach(), label="DPO, beta = 0.1")
ax.plot(margin.detach(), gradient / 0.1, label="its gradient, divided by beta")
ax.plot(margin.detach(), zero - 1, "C2--", label="gradient of the likelihood alone")
ax.set(xlabel="margin in nats", ylabel="loss and gradient", ylim=(-1.5, 4))
ax.set_title("The gradient of a pair fades as its margin grows")
ax.legend()

# %%
# It prints 0.6931: is anything learnt?
# -------------------------------------
# ln 2 = 0.6931 is the right first value: the model is still equal to its reference, so
# every margin is 0. The gradient is not zero. If it stays there, look at the
# log-probabilities: where they are exactly 0, no token is counted, because all labels
# are masked with -100. The prompt is longer than the limit, or the template is wrong.

token_log_p = torch.tensor([[-1.5, -1.0, -2.0], [-0.5, -1.0, -3.0]]).requires_grad_()
for labels in ([5, 7, 2], [-100, -100, -100]):
    chosen, rejected = (token_log_p * (torch.tensor(labels) != -100)).sum(1)
    loss = dpo(chosen, rejected, chosen.detach(), rejected.detach())
    (gradient,) = torch.autograd.grad(loss, token_log_p)
    print(f"log-probabilities {chosen:.1f} and {rejected:.1f}: ", end="")
    print(f"loss {loss:.4f}, largest gradient {gradient.max():.2f}")

# %%
# Sum over the tokens, not the mean
# ---------------------------------
# The derivation has log p(answer), which is the sum over its tokens. It does not favour
# long answers at the start: the sum of the reference is subtracted. The mean is another
# loss, and needs a beta that is larger by about the length. If you average, divide by
# the number of unmasked tokens of the answer: ``.mean(1)`` over a padded batch divides
# by the longest answer in it.

log_p = torch.tensor([[-1.0, -1.0, 0.0, 0.0], [-1.0] * 4])  # 2 and 4 tokens
print("sums", log_p.sum(1).tolist(), end="; ")
print("means", (log_p.sum(1) / torch.tensor([2, 4])).tolist(), end="; ")
print("over the padding", log_p.mean(1).tolist())

# %%
# The preferred answer may become less likely
# -------------------------------------------
# Only the difference counts. Two answers share a feature, and the rejected one has more
# of it: a step that lowers the rejected one also lowers the chosen one, in favour of a
# third that nobody was asked about. The loss is content. Watch both log-probabilities.

features, weight = torch.tensor([1.0, 2.0, 0.0]), torch.tensor(0.0, requires_grad=True)
before = (features * weight).log_softmax(0)
loss = dpo(before[0], before[1], *before[:2].detach())
after = (features * (weight - 20 * torch.autograd.grad(loss, weight)[0])).log_softmax(0)
for log_p in (before, after):
    print("chosen, rejected, third:", [f"{p:.2f}" for p in log_p.exp().tolist()])

# %%
# Use it when there are pairs of answers and no reward; rather
# :doc:`/examples/language/ipo` when the pairs do not contradict each other and margins
# would grow without end, :doc:`/examples/language/simpo` or
# :doc:`/examples/language/orpo` when there is no room for a reference,
# :doc:`/examples/language/grpo` when answers can be scored. Compute the reference under
# ``torch.no_grad``, from a frozen copy.

# sphinx_gallery_tags = ["language", "preferences"]
