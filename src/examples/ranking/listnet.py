r"""
ListNet
=======

Scores are pulled against each other within a list; shifting the whole list is free.

Scores :math:`s` and relevances :math:`t` both become the probability of an item to
come first, and the loss is the cross entropy of the two:

.. math::

   P_j = \frac{e^{t_j}}{\sum_k e^{t_k}} \qquad
   Q_j = \frac{e^{s_j}}{\sum_k e^{s_k}} \qquad
   \ell = -\sum_j P_j \log Q_j \qquad
   \frac{\partial \ell}{\partial s_j} = Q_j - P_j

Source: Z. Cao, T. Qin, T.-Y. Liu, M.-F. Tsai and H. Li, *Learning to Rank: From
Pairwise Approach to Listwise Approach*, ICML 2007, with top-one probabilities.
"""

import torch


def listnet(scores, target, reduction="mean"):
    """Cross entropy of who comes first by target and who by score.

    Args:
        scores: Tensor of shape (..., L), lists of L items each.
        target: Tensor of the same shape, relevances; only differences within a list
            count.
        reduction: ``"mean"`` over the lists, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (...) with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or ``reduction`` is not one of these.

    >>> scores = torch.zeros(1, 2, requires_grad=True)
    >>> three_to_one = torch.tensor([[3.0, 1.0]]).log()
    >>> loss = listnet(scores, three_to_one)
    >>> print(f"{loss.item():.4f}")  # log 2, whatever the target
    0.6931
    >>> loss.backward()
    >>> scores.grad  # 1/2 - 3/4 and 1/2 - 1/4
    tensor([[-0.2500,  0.2500]])

    >>> x = torch.tensor([[2.0, 0.5, -1.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(listnet, (x, torch.tensor([[0.0, 2.0, 1.0]])))
    True
    """
    if scores.ndim < 1 or scores.shape != target.shape:
        raise ValueError(
            f"scores and target must have the same shape (..., L), got "
            f"{tuple(scores.shape)} and {tuple(target.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    loss = -(target.to(scores.dtype).softmax(-1) * scores.log_softmax(-1)).sum(-1)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# It asks for a lead, not for a value
# -----------------------------------
# Relevances 2, 1, 0. The second and third item have the scores 5 and 4; the first one
# moves. Squared error wants it back at 2, where it would be last. ListNet wants it one
# ahead of the second.

import matplotlib.pyplot as plt

relevance = torch.tensor([2.0, 1.0, 0.0])
first = torch.linspace(0, 10, 201, requires_grad=True)
scores = torch.stack([first, *torch.tensor([[5.0], [4.0]]).expand(2, 201)], dim=1)

loss = listnet(scores, relevance.expand(201, 3), reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), first)
squared_gradient = first.detach() - relevance[0]

fig, ax = plt.subplots()
ax.plot(first.detach(), loss.detach(), label="ListNet")
ax.plot(first.detach(), gradient, label="its gradient")
ax.plot(first.detach(), squared_gradient, "--", label="gradient of squared error")
ax.set(xlabel="score of the best item", ylabel="loss and gradient", ylim=(-2, 8))
ax.set_title("ListNet comes to rest at a lead of 1, not at the score 2")
ax.legend(loc="upper left")

rest = first.detach()[gradient.abs().argmin()]
print(f"ListNet comes to rest at {rest:.2f}")

# %%
# Each list may have a level of its own
# -------------------------------------
# Six people rate five things each. Within each list the rating rises with x, but who
# has the larger x is the stricter person. Squared error learns that more is worse.

person = torch.arange(6.0).unsqueeze(1)
x = person + torch.linspace(-1, 1, 5)
rating = x - 3 * person


def fit(loss):
    line = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([line], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss(line[0] * x + line[1], rating).backward()
        optimizer.step()
    return line[0].item()


losses = {"squared error": torch.nn.functional.mse_loss, "ListNet": listnet}
for name, loss in losses.items():
    print(f"weight of x with {name}: {fit(loss):.2f}")

# %%
# It is cross entropy with a soft target
# --------------------------------------
# And a constant added to all scores, or to all relevances, changes nothing.

scores = torch.tensor([[3.0, -1.0, 0.5], [0.0, 200.0, -200.0]], dtype=torch.float64)
target = torch.tensor([[0.0, 1.0, 2.0], [4.0, 0.0, 1.0]], dtype=torch.float64)
theirs = torch.nn.functional.cross_entropy(scores, target.softmax(1))
print(f"ListNet {listnet(scores, target):.4f}, torch {theirs:.4f}")
assert torch.allclose(listnet(scores, target), theirs)
assert torch.allclose(listnet(scores + 7, target - 100), theirs)

# %%
# The usual mistake: padding takes part
# -------------------------------------
# A list of two, padded with zeros to three: the empty place gets its share of the
# probability and is pulled. Minus infinity gives 0 times infinity, which is NaN. A
# large negative number on both sides leaves the list as it is.

pair, wanted = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
print(f"two items: {listnet(pair, wanted):.4f}")
for fill in (0.0, -torch.inf, -1e4):
    scores, target = (
        torch.nn.functional.pad(values, (0, 1), value=fill) for values in (pair, wanted)
    )
    print(f"padded with {fill}: {listnet(scores, target):.4f}")

# %%
# Take it where relevances are graded and their differences mean something: a lead of 1
# in the target asks for a lead of 1 in the scores, and for no more. With clicks of 0
# and 1 that is little. Scale such a target up, or take ``listmle``, which reads the
# order alone. Autograd does the work here.

clicked = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])
for scale in (1, 5):
    share = (scale * clicked).softmax(0)[0]
    print(f"clicks times {scale}: the clicked item should come first in {share:.0%}")
