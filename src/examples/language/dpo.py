r"""
DPO
===

A pair pulls its two answers apart, and fades once the preferred is far enough ahead.

A model rates an answer by how much more likely it makes it than the reference model
does. With the log-probabilities :math:`\pi` of whole answers under the model and
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


def dpo(chosen, rejected, ref_chosen, ref_rejected, beta=0.1):
    """Direct preference optimization, the mean over the pairs.

    Args:
        chosen: Log-probabilities of the preferred answers under the model, each summed
            over its tokens; a tensor of any shape, usually (N,).
        rejected: Those of the other answers; the same shape.
        ref_chosen: Log-probabilities of the preferred answers under the reference.
        ref_rejected: Those of the other answers under the reference.
        beta: How strongly the reference holds the model; positive, per nat.

    Returns:
        A scalar; NaN where there are no pairs.

    Raises:
        ValueError: The shapes differ, or ``beta`` is not positive.

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
    margin = (chosen - ref_chosen) - (rejected - ref_rejected)
    return -torch.nn.functional.logsigmoid(beta * margin).mean()


# %%
# A pair that is settled no longer pulls
# --------------------------------------
# The margin is what the model adds to the reference's preference.
# The likelihood of the chosen answer alone always pulls with a gradient of -1. Divided
# by beta, the pull of this loss is 1 for a pair that is wrong, and fades beyond zero.

import matplotlib.pyplot as plt

margin = torch.linspace(-60, 60, 241, requires_grad=True)
zero = torch.zeros(241)
loss = torch.vmap(dpo)(margin, zero, zero, zero)
(gradient,) = torch.autograd.grad(loss.sum(), margin)

fig, ax = plt.subplots()
ax.plot(margin.detach(), loss.detach(), label="DPO, beta = 0.1")
ax.plot(margin.detach(), gradient / 0.1, label="its gradient, divided by beta")
ax.plot(margin.detach(), zero - 1, "C2--", label="gradient of the likelihood alone")
ax.set(xlabel="margin in nats", ylabel="loss and gradient", ylim=(-1.5, 4))
ax.set_title("The pull on a pair fades as its margin grows")
ax.legend()

assert torch.allclose(gradient, -0.1 * torch.sigmoid(-0.1 * margin), atol=1e-6)

# %%
# Preferences become odds, and beta says how far to go
# ----------------------------------------------------
# Of ten comparisons the first answer wins eight. The fit stops where sigmoid(beta m) is
# 0.8: at a margin of log(4) / beta. A smaller beta leaves the reference farther behind.

reference = torch.tensor([0.3, 0.5, 0.2]).log()
winner = torch.tensor([0] * 8 + [1] * 2)

for beta in (1.0, 0.5, 0.25):
    logits = reference.clone().requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(150):
        log_p = logits.log_softmax(0)
        pairs = [p[index] for p in (log_p, reference) for index in (winner, 1 - winner)]
        optimizer.zero_grad()
        dpo(*pairs, beta=beta).backward()
        optimizer.step()
    p = ", ".join(f"{p:.3f}" for p in log_p.exp().tolist())
    margin = (log_p - reference)[0] - (log_p - reference)[1]
    print(f"beta {beta}: margin {margin.item():.2f}, probabilities {p}")

# %%
# The preferred answer may become less likely
# -------------------------------------------
# Only the difference counts. Two answers share a feature, and the rejected one has more
# of it: a step that lowers the rejected one also lowers the chosen one, in favour of a
# third that nobody was asked about. The loss is content. Watch both log-probabilities.

features = torch.tensor([[1.0], [2.0], [0.0]])
weight = torch.zeros(1, requires_grad=True)
before = (features @ weight).log_softmax(0).detach()
optimizer = torch.optim.SGD([weight], lr=2.0)
for step in range(21):
    after = (features @ weight).log_softmax(0)
    value = dpo(after[0], after[1], before[0], before[1])
    if step % 10 == 0:
        p = ", ".join(f"{p:.3f}" for p in after.exp().tolist())
        print(f"loss {value.item():.3f}; chosen, rejected, third: {p}")
    optimizer.zero_grad()
    value.backward()
    optimizer.step()

# %%
# The usual mistake: the logarithm of the sigmoid
# -----------------------------------------------
# Answers are long, so margins are large: 2000 nats the wrong way at a beta of 0.1.
# In float32 that sigmoid is zero, its logarithm infinite, and the gradient NaN.


def naive(chosen, rejected, ref_chosen, ref_rejected, beta=0.1):
    margin = (chosen - ref_chosen) - (rejected - ref_rejected)
    return -torch.log(torch.sigmoid(beta * margin)).mean()


for loss in (naive, dpo):
    chosen = torch.tensor([-2500.0], requires_grad=True)
    value = loss(chosen, *(torch.tensor([p]) for p in (-500.0, -500.0, -500.0)))
    value.backward()
    print(
        f"{loss.__name__}: loss {value.item():.0f}, gradient {chosen.grad.item():.1f}"
    )

# %%
# Take it where there are pairs of answers and no reward. Compute the reference under
# ``torch.no_grad``, and sum the log-probabilities over the tokens of an answer: means
# would compare answers of different lengths by another measure. Take another where one
# answer is simply right: likelihood raises it, this loss need not.
# Autograd does the work here.

answer, other = torch.tensor([-3.0]), torch.tensor([-4.0])
untouched = dpo(answer, other, answer, other)
print(f"at the reference every pair has the same loss: {untouched.item():.3f} = log 2")
