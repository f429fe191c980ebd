r"""
CORN
====

For ordered grades: only the questions that a sample was asked get a gradient from it.

:math:`K` ordered grades are :math:`K - 1` questions in a row. Question :math:`k`, "is
the grade above this one?", is put to the samples :math:`S_k` that have reached grade
:math:`k`, so :math:`\sigma(z_k)` is a conditional probability:

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
        num_classes: The number of grades, K.
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
# One sample of each of five grades, all logits 0; a mark is a gradient. In CORAL every
# sample answers every question. Here samples of grade 0 have no part in the answer to
# "is it above 3?", which is about those that have reached 3.

import matplotlib.pyplot as plt

grades = torch.arange(5)
logits = torch.zeros(5, 4, requires_grad=True)
(conditional,) = torch.autograd.grad(corn(logits, grades, 5), logits)
coral = logits.detach().sigmoid() - (grades[:, None] > torch.arange(4)).float()

fig, axes = plt.subplots(1, 2, layout="constrained")
axes[0].spy(conditional, markersize=12)
axes[0].set(xlabel="question: above ...?", ylabel="grade", title="CORN")
axes[1].spy(coral, markersize=12)
axes[1].set(xlabel="question: above ...?", title="CORAL")
print(conditional)

# %%
# Class weights, and the grade to predict
# ---------------------------------------
# With ``reduction="none"`` the loss of a sample is the negative log-likelihood of its
# grade: multiply it by the weight of its class. The mean is per question, which makes
# it smaller than cross entropy. Predict from the products, ``sigmoid().cumprod(1)``,
# which never rise from question to question; a logit alone is about the samples that
# have reached its question. Late questions are asked of few, and learnt last.

z = torch.tensor([[1.0, -0.5, 2.0], [-2.0, 3.0, -1.0]], dtype=torch.float64)
grade = torch.tensor([3, 1])
passed = torch.nn.functional.pad(z.sigmoid().cumprod(1), (1, 1))
passed[:, 0] = 1
probability = -passed.diff(dim=1)
print(f"CORN {corn(z, grade, 4, reduction='none').tolist()}")
print(f"-log of the probability {(-probability[range(2), grade].log()).tolist()}")
print(f"logits above 0: {(z > 0).sum(1).tolist()}, ", end="")
print(f"products above one half: {(z.sigmoid().cumprod(1) > 0.5).sum(1).tolist()}")

# %%
# Use it when grades are ordered and each step up has causes of its own; rather
# :doc:`/examples/ranking/coral` for one scale and little data,
# :doc:`/examples/ranking/cumulative_link` for a likelihood with learnt cutpoints, and
# cross entropy when classes have no order.

# sphinx_gallery_tags = ["classification", "ranking", "grades", "missing labels"]
