r"""
IPO
===

The gradient stops, and turns back, once a pair is ahead by a margin that tau sets.

With the log-probabilities :math:`\pi` of whole answers under the model and
:math:`\pi^\text{ref}` under the reference:

.. math::

   \ell = \Big(m - \frac{1}{2 \tau}\Big)^2
   \qquad
   m = (\pi_\text{chosen} - \pi_\text{chosen}^\text{ref})
     - (\pi_\text{rejected} - \pi_\text{rejected}^\text{ref})
   \qquad
   \frac{\partial \ell}{\partial m} = 2 \Big(m - \frac{1}{2 \tau}\Big)

Source: M. G. Azar et al., *A General Theoretical Paradigm to Understand Learning from
Human Preferences*, AISTATS 2024, equation 17. TRL's ``loss_type="ipo"`` divides each
log-probability by the number of its tokens first; this one takes what it is given.
"""

import torch
from torch import Tensor


def ipo(
    chosen: Tensor,
    rejected: Tensor,
    ref_chosen: Tensor,
    ref_rejected: Tensor,
    tau: float = 0.1,
) -> Tensor:
    """Identity preference optimization, the mean over the pairs.

    Args:
        chosen: Log-probabilities of the preferred answers under the model, in nats, of
            any shape, usually (N,).
        rejected: Those of the other answers; the same shape.
        ref_chosen, ref_rejected: Both under the reference.
        tau: Sets the margin that is aimed at, 1 / (2 tau) nats; positive.

    Returns:
        A scalar; 0 where there are no pairs.

    Raises:
        ValueError: The shapes differ.

    >>> chosen = torch.tensor([-3.0, -1.0], requires_grad=True)
    >>> other = torch.tensor([-4.0, -4.0])
    >>> loss = ipo(chosen, other, torch.tensor([-3.0, -4.0]), other)
    >>> loss.item()  # margins 0 and 3, of 5: (25 + 4) / 2
    14.5
    >>> loss.backward()
    >>> chosen.grad
    tensor([-5., -2.])

    >>> four = [torch.tensor(p).double().requires_grad_() for p in (-3, -4, -5, -1)]
    >>> torch.autograd.gradcheck(ipo, four)
    True
    """
    shapes = [tuple(x.shape) for x in (chosen, rejected, ref_chosen, ref_rejected)]
    if len(set(shapes)) > 1:
        raise ValueError(
            "chosen, rejected, ref_chosen and ref_rejected must have the same shape, "
            f"got {shapes[0]}, {shapes[1]}, {shapes[2]} and {shapes[3]}"
        )
    margin = (chosen - ref_chosen) - (rejected - ref_rejected)
    loss = (margin - 0.5 / tau).square()
    return loss.mean() if loss.numel() else loss.sum()


# %%
# When every comparison agrees, DPO never stops
# ---------------------------------------------
# One pair, always the same winner. DPO's gradient fades without an end, so the
# probability of the loser goes to 0, whatever the reference said. IPO stops at a margin
# of 1 / (2 tau), here 5 nats.

import matplotlib.pyplot as plt


def dpo(chosen, rejected, ref_chosen, ref_rejected, beta):
    margin = (chosen - ref_chosen) - (rejected - ref_rejected)
    return -torch.nn.functional.logsigmoid(beta * margin).mean()


fig, ax = plt.subplots()
for loss, style in ((ipo, "C0"), (dpo, "C2--")):
    logits, margins = torch.zeros(2, requires_grad=True), []
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(150):
        log_p = logits.log_softmax(0)
        optimizer.zero_grad()
        loss(*log_p, *torch.tensor([0.5, 0.5]).log(), 0.1).backward()
        optimizer.step()
        margins.append((log_p[0] - log_p[1]).item())
    ax.plot(margins, style, label=f"{loss.__name__}, 0.1")
    print(f"{loss.__name__}: margin {margins[99]:.2f}, then {margins[149]:.2f}")
ax.set(xlabel="step", ylabel="margin in nats")
ax.set_title("IPO stops at a margin of 1 / (2 tau)")
ax.legend()

# %%
# A loss of 25 at the start is right
# ----------------------------------
# At the reference every margin is 0 and the loss is 1 / (4 tau squared). It depends on
# tau by definition, so losses of runs with another tau cannot be compared; margins can.
# 5 nats are little for the sum over 100 tokens, and much for their mean, a factor of
# exp(5) = 148 for each token: with means, use a tau about the length larger.
#
# Use it when the comparisons hardly disagree, as those of one judge do; rather
# :doc:`/examples/language/dpo` when they disagree and the odds should be learned. The
# square also turns back a pair that is far ahead, and a single pair that is far behind
# rules the batch:

for margin in (-50.0, 0.0, 5.0, 10.0):
    inputs = torch.tensor([[margin], [0.0], [0.0], [0.0]])
    slope, loss = torch.func.grad_and_value(ipo)(*inputs)
    print(f"margin {margin}: loss {loss:.0f}, gradient {slope.item():.0f}")

# sphinx_gallery_tags = ["language", "preferences"]
