r"""
Cumulative link
===============

The gradient moves one score into the interval of its grade, and the cutpoints with it.

The proportional-odds model: cutpoints :math:`c_1 < \dots < c_{K-1}` divide the line of
the score :math:`f` into :math:`K` grades, with :math:`c_0 = -\infty` and
:math:`c_K = \infty`:

.. math::

   \ell = -\log \left( \sigma(c_{y+1} - f) - \sigma(c_y - f) \right)
   \qquad
   \frac{\partial \ell}{\partial f} = 1 - \sigma(c_{y+1} - f) - \sigma(c_y - f)

The score has a minus: statsmodels and R's ``polr`` do the same, other texts do not.

Source: P. McCullagh, *Regression Models for Ordinal Data*, Journal of the Royal
Statistical Society B 42 (1980), 109-142.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def cumulative_link(
    score: Tensor,
    cutpoints: Tensor,
    target: Tensor,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Log-likelihood, negated, of grades that cutpoints on a line define.

    Args:
        score: Tensor of shape (N,), high for high grades.
        cutpoints: Tensor of shape (K - 1,), ascending; learned as a rule.
        target: The grades, int64 in [0, K), of shape (N,).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        ignore_index: A target that does not count.

    Returns:
        A scalar, 0 where no target counts; or a tensor of shape (N,) with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or ``reduction`` is not one of these.

    >>> score = torch.zeros(3, requires_grad=True)
    >>> cutpoints = torch.tensor([1 / 3, 3.0]).log()
    >>> loss = cumulative_link(score, cutpoints, torch.tensor([0, 1, 2]), "none")
    >>> torch.exp(-loss).detach()  # the grades have 1/4, 1/2, 1/4
    tensor([0.2500, 0.5000, 0.2500])
    >>> loss.sum().backward()
    >>> score.grad
    tensor([ 0.7500,  0.0000, -0.7500])

    >>> f, c = torch.tensor([[0.5, -1.0], [-0.3, 1.2]], dtype=torch.float64)
    >>> inputs = (f.requires_grad_(), c.requires_grad_(), torch.tensor([1, 2]))
    >>> torch.autograd.gradcheck(cumulative_link, inputs)
    True
    """
    if score.ndim != 1 or score.shape != target.shape:
        raise ValueError(
            f"score and target must have the same shape (N,), got "
            f"{tuple(score.shape)} and {tuple(target.shape)}"
        )
    if cutpoints.ndim != 1:
        raise ValueError(
            f"cutpoints must have the shape (K - 1,), got {tuple(cutpoints.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    ignored = target == ignore_index
    score, target = score.masked_fill(ignored, 0), target.masked_fill(ignored, 0)
    infinity = cutpoints.new_full((1,), torch.inf)
    bounds = torch.cat([-infinity, cutpoints, infinity])
    lower, upper = bounds[target], bounds[target + 1]
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), where nothing
    # cancels. If cutpoints have crossed, the first two factors part them again.
    gap = (upper - lower).clamp(min=torch.finfo(score.dtype).tiny)
    log_inside = torch.log(-torch.expm1(-gap))
    loss = -(logsigmoid(upper - score) + logsigmoid(score - lower) + log_inside)
    loss = loss.masked_fill(ignored, 0)
    if reduction == "mean":
        return (loss / (~ignored).sum().clamp(min=1)).sum()
    return loss if reduction == "none" else loss.sum()


# %%
# The difference of two sigmoids is 0 where it is needed most
# -----------------------------------------------------------
# A score of 20 for the middle grade, between -1 and 1, is wrong and needs a large
# correction. In the formula both sigmoids round to 0 or 1 in float32, and the logarithm
# is of 0. A small number added to their difference hides that: the gradient is 0 there.

import matplotlib.pyplot as plt

score = torch.linspace(-24, 24, 241, requires_grad=True)
cutpoints, middle = torch.tensor([-1.0, 1.0]), torch.ones(241, dtype=torch.int64)
loss = cumulative_link(score, cutpoints, middle, reduction="none")
naive = -torch.log(torch.sigmoid(1 - score) - torch.sigmoid(-1 - score) + 1e-7)
(gradient,) = torch.autograd.grad(loss.sum(), score)
(lost,) = torch.autograd.grad(naive.sum(), score)

fig, ax = plt.subplots()
ax.plot(score.detach(), loss.detach(), label="cumulative link")
ax.plot(score.detach(), gradient, label="its gradient")
ax.plot(score.detach(), lost, "--", label="gradient of log(difference + 1e-7)")
ax.set(xlabel="score of a sample of the middle grade", ylabel="loss and gradient")
ax.set_title("Far off, the gradient has a size of 1 and not 0")
ax.set_ylim(-2, 10)
ax.legend()

# %%
# Learn the gaps, so that cutpoints cannot cross
# ----------------------------------------------
# Free cutpoints may cross in a step, and the grade between them then has no
# probability. Make the first cutpoint and the gaps the parameters, the gaps positive by
# softplus. Give the score no bias: a constant added to it and to all cutpoints changes
# nothing. The number of cutpoints below the score is the grade to predict, the median.

x = torch.linspace(-3, 3, 2000)
truth = torch.tensor([-2.0, 2.0, 2.5])
grade = torch.bucketize(2 * x + torch.logit(torch.rand(2000)), truth)
weight = torch.ones(1, requires_grad=True)
first, gaps = (torch.zeros(n, requires_grad=True) for n in (1, 2))
optimizer = torch.optim.Adam([weight, first, gaps], lr=0.1)
for _ in range(200):
    optimizer.zero_grad()
    cutpoints = torch.cat([first, torch.nn.functional.softplus(gaps)]).cumsum(0)
    loss = cumulative_link(weight * x, cutpoints, grade)
    loss.backward()
    optimizer.step()
print(f"cutpoints {[round(c, 2) for c in cutpoints.tolist()]} of {truth.tolist()}")
print(f"weight {weight.item():.2f} of 2")

moved = cumulative_link(weight * x + 7, cutpoints + 7, grade)
torch.testing.assert_close(moved, cumulative_link(weight * x, cutpoints, grade))
median = torch.bucketize((weight * x).detach(), cutpoints.detach())
print(f"the median is the grade in {(median == grade).float().mean():.0%}")

# %%
# Use it when grades come from something continuous underneath and you want their
# probabilities, which sum to 1; rather :doc:`/examples/ranking/coral` when the
# yes-or-no questions "above this grade?" are enough, :doc:`/examples/ranking/corn` when
# one score for all of them is too little, and cross entropy when grades have no order.

each = cumulative_link(torch.zeros(4), cutpoints, torch.arange(4), reduction="none")
print(f"sum of the probabilities: {torch.exp(-each).sum():.4f}")

# sphinx_gallery_tags = ["classification", "ranking", "grades", "missing labels", "learned parameters"]
