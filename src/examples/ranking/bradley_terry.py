r"""
Bradley-Terry
=============

Only the difference of two scores has a gradient: the chosen goes up, the other down.

With the scores (rewards) :math:`c` of the chosen and :math:`r` of the rejected item and
a margin :math:`m`:

.. math::

   \ell = -\log \sigma(c - r - m)
   \qquad
   \frac{\partial \ell}{\partial c} = -\frac{\partial \ell}{\partial r}
   = -\sigma(m + r - c)

Without a margin :math:`\sigma(c - r)` is the probability that the first is preferred.

Source: R. A. Bradley, M. E. Terry, *Rank Analysis of Incomplete Block Designs*,
Biometrika 39 (1952); as the loss of a reward model, L. Ouyang et al., 2022; with a
margin, H. Touvron et al., *Llama 2* (2023), equation 2.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def bradley_terry(
    chosen: Tensor,
    rejected: Tensor,
    margin: float | Tensor = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Log-likelihood, negated, of pairwise preferences.

    Args:
        chosen: Tensor of any shape, the scores of the items that were preferred.
        rejected: Tensor of the same shape, the scores of the others.
        margin: By how much the chosen score should be the higher one: a number, or a
            tensor of the shape of ``chosen`` with a margin for each pair.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``chosen`` with ``"none"``; above 0.

    Raises:
        ValueError: The shapes differ, or ``reduction`` is not one of these.

    >>> chosen = torch.tensor([3.0, 5.0]).log().requires_grad_()
    >>> rejected = torch.tensor([1.0, 5.0]).log()
    >>> loss = bradley_terry(chosen, rejected, reduction="sum")
    >>> loss.exp().detach()  # preferred with 3 / (3 + 1) and 5 / (5 + 5): 4/3 * 2
    tensor(2.6667)
    >>> loss.backward()
    >>> chosen.grad
    tensor([-0.2500, -0.5000])

    >>> x, y = torch.tensor([[0.5, -1.0], [3.0, 0.2]], dtype=torch.float64)
    >>> x, y = x.requires_grad_(), y.requires_grad_()
    >>> torch.autograd.gradcheck(bradley_terry, (x, y, 0.5))
    True
    """
    if chosen.shape != rejected.shape:
        raise ValueError(
            f"chosen and rejected must have the same shape, got "
            f"{tuple(chosen.shape)} and {tuple(rejected.shape)}"
        )
    if isinstance(margin, Tensor) and margin.shape not in ((), (1,), chosen.shape):
        raise ValueError(
            f"margin must be a number or have the shape of chosen, got "
            f"{tuple(margin.shape)} and {tuple(chosen.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    loss = -logsigmoid(chosen - rejected - margin)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Strengths come out of who beat whom
# -----------------------------------
# Four players, 2,000 games, and a score each that nobody ever saw. The fit finds them,
# up to a constant: add 100 to all scores and no difference changes. So a score alone
# means nothing, and scores of two models are not comparable. Subtract the mean, or the
# score of a reference, before you look at them.

import matplotlib.pyplot as plt

_ = torch.manual_seed(0)
strength = torch.tensor([-1.5, -0.5, 0.5, 1.5])
first, second = torch.rand(2000, 4).topk(2).indices.T
won = torch.rand(2000) < torch.sigmoid(strength[first] - strength[second])
winner, loser = torch.where(won, first, second), torch.where(won, second, first)
score = torch.zeros(4, requires_grad=True)
optimizer = torch.optim.Adam([score], lr=0.1)
for _ in range(150):
    optimizer.zero_grad()
    bradley_terry(score[winner], score[loser]).backward()
    optimizer.step()
print("true  ", strength.tolist())
print("fitted", [round(s, 2) for s in score.tolist()])
same = bradley_terry(score[winner] + 100, score[loser] + 100)
torch.testing.assert_close(same, bradley_terry(score[winner], score[loser]))

# %%
# A hinge forgets a pair that is right; this loss does not
# --------------------------------------------------------
# :func:`torch.nn.functional.margin_ranking_loss` has no gradient once the difference is
# larger than its margin. Here it fades like exp(-difference) and stays above 0, so with
# preferences that a straight line can separate the scores grow for ever. A margin moves
# the curve to the right: pairs that are clearly different should be so by more.

difference = torch.linspace(-4, 6, 201, requires_grad=True)
zero = torch.zeros(201)
loss = bradley_terry(difference, zero, reduction="none")
moved = bradley_terry(difference, zero, margin=2.0, reduction="none")
hinge = torch.nn.functional.margin_ranking_loss(
    difference, zero, torch.ones(201), margin=1.0, reduction="none"
)
fig, ax = plt.subplots()
ax.plot(difference.detach(), loss.detach(), "C0", label="Bradley-Terry")
for name, style, curve in (
    ("its gradient", "C1", loss),
    ("its gradient with a margin of 2", "C1:", moved),
    ("gradient of a hinge with a margin of 1", "C2--", hinge),
):
    (gradient,) = torch.autograd.grad(curve.sum(), difference, retain_graph=True)
    ax.plot(difference.detach(), gradient, style, label=name)
    print(f"{name}: {gradient[140]:.3f} at a difference of {difference[140]:.0f}")
ax.set(xlabel="chosen score - rejected score", ylabel="loss and gradient")
ax.set_title("A pair that is right keeps a gradient")
ax.legend()

# %%
# Why does it start at 0.693 and end above 0?
# -------------------------------------------
# Equal scores cost log 2 a pair. Annotators who contradict each other set the floor: if
# seven of ten prefer the first, nothing below the entropy of 0.7 can be reached, and
# that is at a difference of log(7 / 3). Watch the accuracy, the share of pairs with
# ``chosen > rejected``, beside the loss.

votes = torch.tensor([0.7, 0.3])
sides = torch.stack([difference, -difference])
losses = bradley_terry(sides, torch.zeros_like(sides), reduction="none")
expected = (votes[:, None] * losses).sum(0)
entropy = -(votes * votes.log()).sum()
print(f"start {bradley_terry(zero, zero):.4f}, floor {entropy:.4f}, ", end="")
print(f"at {difference[expected.argmin()]:.2f} = log(7 / 3)")

# %%
# Use it when people, or games, say which of two is better; rather
# :doc:`/examples/ranking/ranknet` when a query has a whole list of graded items, and
# :doc:`/examples/language/dpo` to train a language model on preferences without a
# reward model.
# There is no target of 0 or 1 here, and none of +1 or -1 as a hinge takes it: the order
# of the arguments is the label. A tie is both orders with half the weight.

tie = bradley_terry(sides, -sides, reduction="none").mean(0)
print(f"the best difference of a tie: {2 * difference[tie.argmin()].abs():.2f}")
