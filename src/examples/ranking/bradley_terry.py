r"""
Bradley-Terry
=============

Reward models learn preferences by it: the gradient is the chance of the wrong order.

With the scores of the answer that was chosen, :math:`r_c`, and of the one that was
rejected, :math:`r_r`, and a margin :math:`m`:

.. math::

   \ell = -\log \sigma(r_c - r_r - m)
   \qquad
   \frac{\partial \ell}{\partial r_c} = -\sigma(r_r - r_c + m)
   = -\frac{\partial \ell}{\partial r_r}

Source: R. A. Bradley and M. E. Terry, *Rank Analysis of Incomplete Block Designs*,
Biometrika 1952; the margin is that of H. Touvron et al., *Llama 2*, arXiv:2307.09288
(2023), equation 2.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus


def bradley_terry(
    chosen: Tensor,
    rejected: Tensor,
    margin: float | Tensor = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-probability that the chosen one of each pair wins.

    Args:
        chosen: Tensor of any shape, the score of the better of each pair.
        rejected: Tensor of the same shape, the score of the other.
        margin: By how much the chosen one has to be ahead: a number, or one for each
            pair, such as how much better an annotator found it.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``chosen`` with ``"none"``. Without pairs
        the mean is 0.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    >>> chosen = torch.tensor([0.0, 2.0], requires_grad=True)
    >>> loss = bradley_terry(chosen, torch.tensor([0.0, 1.0]), reduction="none")
    >>> print([f"{value:.4f}" for value in loss.tolist()])  # log 2, log(1 + 1/e)
    ['0.6931', '0.3133']
    >>> loss.sum().backward()
    >>> chosen.grad  # -1/2 and -1 / (1 + e)
    tensor([-0.5000, -0.2689])

    >>> x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=True)
    >>> y = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(bradley_terry, (x, y))
    True
    """
    if chosen.shape != rejected.shape:
        raise ValueError(
            f"chosen and rejected must have the same shape, got "
            f"{tuple(chosen.shape)} and {tuple(rejected.shape)}"
        )
    if isinstance(margin, Tensor) and margin.shape not in ((), (1,), chosen.shape):
        raise ValueError(
            f"margin must be one number or have the same shape as chosen, got "
            f"{tuple(margin.shape)} and {tuple(chosen.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    loss = softplus(rejected - chosen + margin).reshape(chosen.shape)
    if reduction == "none":
        return loss
    return loss.sum() / (max(loss.numel(), 1) if reduction == "mean" else 1)


# %%
# Strengths out of wins and losses
# --------------------------------
# Six players of known strength play 3,000 games between random pairs, and their scores
# are fitted from who won. Without a margin they are the log-odds of a win. A margin of
# 1 stretches them.

import matplotlib.pyplot as plt

strength = torch.linspace(-2, 2, 6)
first = torch.randint(6, (3000,))
second = (first + torch.randint(1, 6, (3000,))) % 6
won = torch.rand(3000) < (strength[first] - strength[second]).sigmoid()
winner, loser = torch.where(won, first, second), torch.where(won, second, first)

fig, ax = plt.subplots()
for margin in (0.0, 1.0):
    scores = torch.zeros(6, requires_grad=True)
    optimizer = torch.optim.Adam([scores], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        bradley_terry(scores[winner], scores[loser], margin).backward()
        optimizer.step()
    ax.plot(strength, scores.detach(), "o", label=f"margin {margin}")
ax.plot(strength, strength, "--", label="equal")
ax.set(xlabel="true strength", ylabel="fitted score")
ax.set_title("Without a margin the scores are log-odds")
ax.legend()

# %%
# A reward model starts at 0.6931, and its scores drift
# -----------------------------------------------------
# Equal scores cost log 2 = 0.6931; the share of pairs with chosen above rejected says
# more than the loss. Only differences count, so all scores may drift together: a small
# penalty on their mean square keeps them near 0. A pair that is labelled the wrong way
# round has a gradient of at most 1, and an infinite loss if ``log`` and ``sigmoid`` are
# written out.

chosen = torch.tensor([0.0, 5.0, -1e4], requires_grad=True)
rejected = torch.tensor([0.0, 0.0, 1e4])
loss = bradley_terry(chosen, rejected, reduction="none")
print(f"loss {loss.tolist()}")
print(f"gradient {torch.autograd.grad(loss.sum(), chosen)[0].tolist()}")
print(f"written out {(-(chosen - rejected).sigmoid().log()).tolist()}")
moved = bradley_terry(chosen + 3, rejected + 3, reduction="none")
torch.testing.assert_close(moved, loss)

# %%
# Use it when people or games compare two at a time; rather
# :doc:`/examples/language/dpo` when the policy is to be trained on the preferences
# without a reward model, or :doc:`/examples/ranking/listmle` for whole orders.

# sphinx_gallery_tags = ["ranking", "language", "preferences"]
