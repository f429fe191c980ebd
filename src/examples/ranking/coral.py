r"""
CORAL
=====

For ordered grades: the gradient of the score grows with the number of grades off.

:math:`K` ordered grades are :math:`K - 1` questions: is the grade above the first,
above the second, and so on? All logits are one score :math:`f(x)` plus a bias of their
own, :math:`z_k = f(x) + b_k`, and level :math:`y_k` is 1 for yes:

.. math::

   \ell = -\sum_{k=1}^{K-1} \Big( y_k \log \sigma(z_k)
   + (1 - y_k) \log (1 - \sigma(z_k)) \Big)
   \qquad
   \frac{\partial \ell}{\partial f} = \sum_{k=1}^{K-1} \big( \sigma(z_k) - y_k \big)

Source: W. Cao, V. Mirjalili and S. Raschka, *Rank Consistent Ordinal Regression for
Neural Networks with Application to Age Estimation*, Pattern Recognition Letters 140
(2020), 325-331.
"""

import torch
from torch import Tensor


def coral(logits: Tensor, levels: Tensor, reduction: str = "mean") -> Tensor:
    """Cross entropy of all questions "is the grade above this one?".

    Args:
        logits: Tensor of shape (N, K - 1), a score plus K - 1 biases.
        levels: Tensor of the same shape, 1 where the grade is above, else 0; the grade
            2 of 0 to 4 is 1, 1, 0, 0.
        reduction: ``"mean"`` over the samples, ``"sum"`` or ``"none"``. The questions
            of a sample are always summed.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or ``reduction`` is not one of these.

    >>> logits = torch.zeros(1, 3, requires_grad=True)
    >>> loss = coral(logits, torch.tensor([[1.0, 1.0, 0.0]]))
    >>> print(f"{loss.item():.4f}")  # 3 log 2
    2.0794
    >>> loss.backward()
    >>> logits.grad
    tensor([[-0.5000, -0.5000,  0.5000]])

    >>> x = torch.tensor([[2.0, 0.5, -1.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(coral, (x, torch.tensor([[1.0, 0.0, 0.0]])))
    True
    """
    if logits.ndim != 2 or logits.shape != levels.shape:
        raise ValueError(
            f"logits and levels must have the same shape (N, K - 1), got "
            f"{tuple(logits.shape)} and {tuple(levels.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, levels.to(logits.dtype), reduction="none"
    ).sum(1)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Four grades off have four times the gradient of one
# ---------------------------------------------------
# Five grades; the truth is the lowest. The gradient climbs one step at every threshold
# that the score passes. Where a grade is only right or wrong, it ends at 1.

import matplotlib.pyplot as plt

biases = torch.tensor([15.0, 5.0, -5.0, -15.0])
score = torch.linspace(-25, 25, 251, requires_grad=True)
loss = coral(score[:, None] + biases, torch.zeros(251, 4), reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), score)
right_or_wrong = torch.nn.functional.softplus(score + 15)
(rival,) = torch.autograd.grad(right_or_wrong.sum(), score)

fig, ax = plt.subplots()
ax.plot(score.detach(), loss.detach(), label="CORAL")
ax.plot(score.detach(), gradient, label="its gradient")
ax.plot(score.detach(), rival, "--", label="gradient of right or wrong")
ax.set(xlabel="score of a sample of the lowest grade", ylabel="loss and gradient")
ax.set_title("The gradient climbs by 1 at every threshold that is passed")
ax.set_ylim(-0.3, 6)
ax.legend()

print(f"at scores of -10, 0, 10 and 20: {gradient[75::50]}")

# %%
# Levels, class weights and importance weights
# --------------------------------------------
# K grades become K - 1 questions, ``levels = (y[:, None] > torch.arange(K - 1))``, and
# the predicted grade is the number of probabilities above 0.5. With one shared score
# the biases fall from question to question, so no answer contradicts another. Class
# weights are K numbers, one for each sample by its grade: multiply each sample's loss
# by ``w[y]``. Importance weights are K - 1 numbers, one for each question.

x = 6 * torch.rand(200, 1) - 3
y = (x[:, 0] + 0.5 * torch.randn(200)).round().clamp(-2, 2).long() + 2
levels = (y[:, None] > torch.arange(4)).float()
weight, bias = torch.zeros(1, requires_grad=True), torch.zeros(4, requires_grad=True)
optimizer = torch.optim.Adam([weight, bias], lr=0.1)
for _ in range(300):
    optimizer.zero_grad()
    coral(x * weight + bias, levels).backward()
    optimizer.step()
logits = (x * weight + bias).detach()
print(f"biases {[round(b, 2) for b in bias.tolist()]}")
print(f"grades off, mean: {((logits > 0).sum(1) - y).abs().float().mean():.2f}")

each = coral(logits, levels, reduction="none")
w = 1 / torch.bincount(y, minlength=5).clamp(min=1)
importance = torch.tensor([1.0, 2.0, 2.0, 1.0])
by_question = torch.nn.functional.binary_cross_entropy_with_logits(
    logits, levels, weight=importance, reduction="none"
).sum(1)
print(f"unweighted {each.mean():.4f}, by question {by_question.mean():.4f}, ", end="")
print(f"by class {(w[y] * each).sum() / w[y].sum():.4f}")

# %%
# Use it when being wrong by one grade is better than by three: ratings, stages, ages;
# rather :doc:`/examples/ranking/corn` when one score is too little,
# :doc:`/examples/ranking/ordinal_emd` to keep a softmax over classes, and cross entropy
# when classes have no order.

# sphinx_gallery_tags = ["classification", "ranking", "grades"]
