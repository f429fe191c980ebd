r"""
CORN
====

For ordered grades: only the questions that a sample was asked get a gradient from it.

:math:`K` ordered grades are asked for by :math:`K - 1` questions in a row. Question
:math:`k` is put to the samples :math:`S_k` that have reached grade :math:`k`: is the
grade above it? So :math:`\sigma(z_k)` is a conditional probability, and their product
never rises from question to question:

.. math::

   \ell = -\frac{1}{\sum_k |S_k|} \sum_{k=0}^{K-2} \sum_{i \in S_k}
   \begin{cases}
   \log \sigma(z_{ik}) & y_i > k \\ \log (1 - \sigma(z_{ik})) & y_i = k
   \end{cases}
   \qquad
   P(y > k) = \prod_{j \le k} \sigma(z_j)

Source: X. Shi, W. Cao and S. Raschka, *Deep Neural Networks for Rank-Consistent
Ordinal Regression Based on Conditional Probabilities*, Pattern Analysis and
Applications 26 (2023), 941-955, equation 5.
"""

import torch
from torch import Tensor


def corn(
    logits: Tensor,
    target: Tensor,
    num_classes: int,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Cross entropy of conditional questions, "is the grade above this one, too?".

    Args:
        logits: Tensor of shape (N, K - 1), one question each.
        target: The grades, int64 in [0, K), of shape (N,).
        num_classes: The number of grades, K; 2 or more.
        reduction: ``"mean"`` over all questions that were asked, ``"sum"`` or
            ``"none"``, which sums the questions of each sample.
        ignore_index: A target that does not count.

    Returns:
        A scalar, 0 where no question was asked; or a tensor of shape (N,) with
        ``"none"``: the negative log-likelihood of each grade.

    Raises:
        ValueError: A shape or a dtype does not fit, or an option is not one of these.
        RuntimeError: A grade is out of range.

    >>> logits = torch.zeros(2, 2, requires_grad=True)
    >>> loss = corn(logits, torch.tensor([0, 2]), num_classes=3)
    >>> print(f"{loss.item():.4f}")  # one question and two, each log 2
    0.6931
    >>> loss.backward()
    >>> logits.grad  # a half of each third; grade 0 was not asked the second question
    tensor([[ 0.1667,  0.0000],
            [-0.1667, -0.1667]])

    >>> x = torch.tensor([[2.0, 0.5, -1.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(corn, (x, torch.tensor([1]), 4))
    True
    """
    if target.ndim != 1 or logits.shape != (len(target), num_classes - 1):
        raise ValueError(
            f"logits and target must have shapes (N, num_classes - 1) and (N,), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)} for {num_classes} classes"
        )
    if target.dtype != torch.int64:
        raise ValueError(f"target must be int64, got {target.dtype}")
    if num_classes < 2:
        raise ValueError(f"num_classes must be 2 or more, got {num_classes}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    counted = target != ignore_index
    # Row g has the questions that a sample of grade g was asked, the last answered no.
    # Looked up, a grade out of range is refused; compared with arange, it would pass.
    questions = torch.ones(num_classes, num_classes - 1).to(logits)
    index = target.masked_fill(~counted, 0).unsqueeze(1).expand_as(logits)
    asked = questions.tril().gather(0, index).masked_fill(~counted.unsqueeze(1), 0)
    above = questions.tril(-1).gather(0, index)
    wide = torch.promote_types(logits.dtype, torch.float32)  # float16 ends at 65,504
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, above, weight=asked, reduction="none"
    ).sum(1, dtype=wide)
    if reduction == "mean":
        loss = loss.sum() / asked.sum(dtype=wide).clamp(min=1)
    elif reduction == "sum":
        loss = loss.sum()
    return loss.to(logits.dtype)


# %%
# A low grade leaves the later questions alone
# --------------------------------------------
# One sample of each of five grades, all logits 0. In CORAL every sample answers every
# question. Here the answer to "above 3?" is not bent by samples of grade 0.

import matplotlib.pyplot as plt

grades = torch.arange(5)
undecided = torch.zeros(5, 4, requires_grad=True)
(conditional,) = torch.autograd.grad(corn(undecided, grades, 5), undecided)
coral = undecided.detach().sigmoid() - (grades.unsqueeze(1) > torch.arange(4)).float()

fig, ax = plt.subplots()
for label, marker, moved in (
    ("CORN raises", "^", conditional < 0),
    ("CORN lowers", "v", conditional > 0),
    ("only CORAL lowers", "x", (conditional == 0) & (coral > 0)),
):
    row, question = moved.nonzero().T
    ax.plot(question, row, marker, markersize=11, label=label)
ax.set(xlabel="question: is the grade above ...?", ylabel="grade of the sample")
ax.set(xticks=range(4), yticks=range(5), ylim=(-0.5, 6.2))
ax.set_title("CORN leaves out six gradients of CORAL's")
ax.legend(loc="upper left", ncols=3, columnspacing=1, handletextpad=0.2)

print(conditional)

# %%
# Each question may look at something else
# ----------------------------------------
# The first grade is decided by one feature, the next by another. No single score can
# tell the three grades apart; two lines can, and the chain of products keeps the
# answers in order without being told to.

points = torch.cartesian_prod(torch.linspace(-1, 1, 20), torch.linspace(-1, 1, 20))
labels = (points[:, 0] > 0).long() * (1 + (points[:, 1] > 0).long())


def levels_loss(logits, target, num_classes):
    levels = (target.unsqueeze(1) > torch.arange(num_classes - 1)).float()
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, levels)


def fit(loss, outputs):
    weight = torch.zeros(2, outputs, requires_grad=True)
    bias = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([weight, bias], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss(points @ weight + bias, labels, 3).backward()
        optimizer.step()
    return (points @ weight + bias).detach().sigmoid()


above = fit(levels_loss, outputs=1)
print(f"one score: {((above > 0.5).sum(1) == labels).sum()} of 400 right")
above = fit(corn, outputs=2).cumprod(1)
print(f"CORN:      {((above > 0.5).sum(1) == labels).sum()} of 400 right")
assert (above.diff(dim=1) <= 0).all()

# %%
# It is the likelihood of the grade
# ---------------------------------
# The chain gives every grade a probability: to pass all questions below it, and to stop
# at its own. With ``reduction="none"`` the loss of a sample is cross entropy with
# these, so multiply it by the weight of its class, if classes have weights. The mean is
# per question, which makes it smaller than cross entropy; coral-pytorch divided by the
# number of classes until its pull request 22, and then a batch twice as large had twice
# the loss. Predict from the products: an answer alone is about samples that have
# reached its question.

z = torch.tensor([[1.0, -0.5, 2.0], [-2.0, 3.0, -1.0]], dtype=torch.float64)
label = torch.tensor([3, 1])
passed = torch.nn.functional.pad(z.sigmoid().cumprod(1), (1, 1))
passed[:, 0] = 1
likelihood = -passed.diff(dim=1)
ours = corn(z, label, 4, reduction="none")
print(f"CORN {ours.tolist()}")
print(f"likelihood {(-likelihood[range(2), label].log()).tolist()}")
print(f"second sample: answers yes to {(z[1] > 0).sum()} questions, ", end="")
print(f"products above one half: {(z[1].sigmoid().cumprod(0) > 0.5).sum()}")
assert torch.isclose(corn(z.repeat(2, 1), label.repeat(2), 4), ours.sum() / (3 + 2))

# %%
# Use it when grades are ordered and each step up has causes of its own; rather
# :doc:`/examples/ranking/coral` for one scale and little data,
# :doc:`/examples/ranking/cumulative_link` for a likelihood with learnt cutpoints, and
# cross entropy when classes have no order. Late questions are asked of few samples, so
# their answers are learnt last.

# sphinx_gallery_tags = ["ranking", "ordinal"]
