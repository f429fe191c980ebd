r"""
Cumulative link
===============

One score and learnt cutpoints for grades in order: the gradient moves both.

With a score :math:`s` and increasing cutpoints :math:`\theta_0 < \dots < \theta_{K-2}`,
and :math:`\theta_{-1} = -\infty`, :math:`\theta_{K-1} = \infty`:

.. math::

   P(y \le k) = \sigma(\theta_k - s)
   \qquad
   \ell = -\log \bigl( \sigma(\theta_y - s) - \sigma(\theta_{y-1} - s) \bigr)
   \qquad
   \frac{\partial \ell}{\partial s} = P(\text{above } y) - P(\text{below } y)

Source: P. McCullagh, *Regression Models for Ordinal Data*, Journal of the Royal
Statistical Society B 1980, section 2: the proportional odds model.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus


def cumulative_link(
    score: Tensor, cutpoints: Tensor, target: Tensor, reduction: str = "mean"
) -> Tensor:
    """Negative log-likelihood of the proportional odds model.

    Args:
        score: Tensor of shape (N,), one real number per row.
        cutpoints: Tensor of shape (K - 1,), strictly increasing, K of 2 or more grades.
        target: The true grades, int64 in [0, K), of shape (N,).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``. Without rows the mean is 0.

    Raises:
        ValueError: The shapes do not fit, or ``reduction`` is not one of these.
        IndexError: A grade is out of range.

    >>> score = torch.tensor([0.0, 0.0, 0.0], requires_grad=True)
    >>> cutpoints = torch.tensor([0.0, 1.0])
    >>> loss = cumulative_link(score, cutpoints, torch.tensor([0, 1, 2]), "none")
    >>> (-loss).exp()  # 1/2, then sigmoid(1) - 1/2, and the rest
    tensor([0.5000, 0.2311, 0.2689], grad_fn=<ExpBackward0>)
    >>> loss.sum().backward()
    >>> score.grad  # P(above) - P(below): 1/2, 0.2689 - 1/2, -0.7311
    tensor([ 0.5000, -0.2311, -0.7311])

    >>> x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=True)
    >>> theta = torch.tensor([-0.5, 1.0], dtype=torch.float64, requires_grad=True)
    >>> inputs = (x, theta, torch.tensor([1, 0, 2]))
    >>> torch.autograd.gradcheck(cumulative_link, inputs)
    True
    """
    if score.ndim != 1 or cutpoints.ndim != 1 or target.shape != score.shape:
        raise ValueError(
            f"score, cutpoints and target must have shapes (N,), (K - 1,) and (N,), "
            f"got {tuple(score.shape)}, {tuple(cutpoints.shape)} and "
            f"{tuple(target.shape)}"
        )
    if len(cutpoints) == 0:
        raise ValueError("cutpoints must have at least 1 entry, for 2 grades, got 0")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    last = target == len(cutpoints)
    first = target == 0
    upper = cutpoints[torch.where(last, 0, target)]
    lower = cutpoints[torch.where(first, 0, target - 1)]
    # sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u)), which does not
    # cancel in the tails. At the ends only one factor is left.
    width = torch.where(first | last, 1, upper - lower)
    below = torch.where(last, 0, softplus(score - upper))
    above = torch.where(first, 0, softplus(lower - score))
    # Cutpoints that meet or cross leave no probability: a large loss, not inf or NaN.
    least = torch.finfo(width.dtype).tiny
    share = (-torch.expm1(-width)).clamp(min=least)
    between = torch.where(first | last, 0, share.log())
    loss = below + above - between
    if reduction == "none":
        return loss
    return loss.sum() / (max(loss.numel(), 1) if reduction == "mean" else 1)


# %%
# One score cuts the line into grades
# -----------------------------------
# A score is fitted to grades 0 to 3, together with the cutpoints. Where a cutpoint
# lies says how much it takes to get from one grade to the next, and grades need not be
# equally far apart. Equal steps, as a regression on 0, 1, 2, 3 has them, are a guess.

import matplotlib.pyplot as plt

x = torch.randn(2000)
true_cutpoints = torch.tensor([-1.0, 0.0, 3.0])
noise = torch.rand(2000).logit()
target = (2 * x + noise > true_cutpoints[:, None]).sum(0)
slope = torch.tensor(0.0, requires_grad=True)
raw = torch.zeros(3, requires_grad=True)  # the first cutpoint, and log steps


def increasing(raw):
    return torch.cat([raw[:1], raw[:1] + raw[1:].exp().cumsum(0)])


optimizer = torch.optim.LBFGS([slope, raw], max_iter=50, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    loss = cumulative_link(slope * x, increasing(raw), target)
    loss.backward()
    return loss


optimizer.step(closure)
cutpoints = increasing(raw).detach()
print(f"slope {slope.item():.2f}, true 2; cutpoints ", end="")
print(f"{[round(c, 2) for c in cutpoints.tolist()]}, true {true_cutpoints.tolist()}")

score = torch.linspace(-5, 7, 200)
fig, ax = plt.subplots()
for grade in range(4):
    label = torch.full((200,), grade)
    p = (-cumulative_link(score, cutpoints, label, "none")).exp()
    ax.plot(score, p, label=f"grade {grade}")
ax.set(
    xlabel="score", ylabel="probability", title="Each grade has its stretch of scores"
)
ax.legend()

# %%
# Cutpoints that cross
# --------------------
# Free parameters may cross, and nothing is left for the grade between them. The loss is
# large then, and its gradient is that of two thresholds that know nothing of each
# other. Learn the first one and the logarithms of the steps, as above. A score far off
# is no such danger: its loss grows in proportion, where the difference of two sigmoids
# rounds to 0.

crossed = torch.tensor([1.0, 0.5])
print(f"crossed: {cumulative_link(torch.zeros(1), crossed, torch.tensor([1]))}")
far = torch.tensor([100.0])
ours = cumulative_link(far, torch.tensor([0.0, 1.0]), torch.tensor([1]))
naive = -((1 - far).sigmoid() - (0 - far).sigmoid()).log().item()
print(f"a score of 100: {ours:.2f}, with the difference written out {naive}")

# %%
# Use it when one scale lies behind the grades, as severity or satisfaction; rather
# :doc:`/examples/ranking/coral` or :doc:`/examples/ranking/corn` when each threshold is
# a question of its own. Shifting the score and all cutpoints alike changes nothing, so
# give the score no bias of its own.

theta, label = torch.tensor([0.0, 1.0]), torch.tensor([1, 2])
shifted = cumulative_link(torch.tensor([5.5, 7.0]), theta + 5, label)
torch.testing.assert_close(
    shifted, cumulative_link(torch.tensor([0.5, 2.0]), theta, label)
)
