r"""
CORAL
=====

For ordered grades: the gradient of the score grows with the number of grades off.

:math:`K` ordered grades are asked for by :math:`K - 1` questions: is the grade above
the first, above the second, and so on? All logits are one score :math:`f(x)` plus a
bias of their own, :math:`z_k = f(x) + b_k`, and level :math:`y_k` is 1 for yes:

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
# Five grades, four biases; the truth is the lowest grade. The gradient climbs one step
# at every threshold. Cross entropy over five classes sees no order: a class is right
# or wrong, and the gradient of a logit ends at 1.

import matplotlib.pyplot as plt

biases = torch.tensor([15.0, 5.0, -5.0, -15.0])
score = torch.linspace(-25, 25, 251, requires_grad=True)
lowest = torch.zeros(len(score), 4)

loss = coral(score.unsqueeze(1) + biases, lowest, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), score)
two_classes = torch.nn.functional.softplus(score + biases[0])
(rival,) = torch.autograd.grad(two_classes.sum(), score)

fig, ax = plt.subplots()
ax.plot(score.detach(), loss.detach(), label="CORAL")
ax.plot(score.detach(), gradient, label="its gradient")
ax.plot(score.detach(), rival, "--", label="gradient of right or wrong")
ax.set(xlabel="score of a sample of the lowest grade", ylabel="loss and gradient")
ax.set_title("The gradient climbs by 1 at every threshold that is passed")
ax.set_ylim(-0.3, 6)
ax.legend()

for place in (-10, 0, 10, 20):
    at = (score - place).abs().argmin()
    print(f"at a score of {place:3} the gradient is {gradient[at]:.2f}")

# %%
# The biases put themselves in order
# ----------------------------------
# Thirty noisy grades. Nobody asks the biases to fall from question to question; with
# one shared score they do where the loss is least, so no answer contradicts another.

_ = torch.manual_seed(0)
x = 6 * torch.rand(30, 1) - 3
grade = ((x[:, 0] + 0.8 * torch.randn(30)) / 1.2).round().clamp(-2, 2).long() + 2
levels = (grade.unsqueeze(1) > torch.arange(4)).float()


def fit(weights):
    weight = torch.zeros(1, weights, requires_grad=True)
    bias = torch.zeros(4, requires_grad=True)
    optimizer = torch.optim.Adam([weight, bias], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        coral(x * weight + bias, levels).backward()
        optimizer.step()
    return weight.detach(), bias.detach()


weight, bias = fit(weights=1)
predicted = (x * weight + bias > 0).sum(1)  # the number of probabilities above 0.5
print(f"biases: {', '.join(f'{b:.2f}' for b in bias)}")
print(f"mean distance to the grade: {(predicted - grade).abs().float().mean():.2f}")
assert (bias.diff() < 0).all()

# %%
# With weights of their own, the questions contradict each other
# --------------------------------------------------------------
# A linear layer with K - 1 outputs gives each question a line of its own. Where two of
# these lines cross, a grade above the third is more likely than one above the second.

grid = torch.linspace(-3, 3, 61).unsqueeze(1)
for weights in (4, 1):
    weight, bias = fit(weights)
    logits = grid * weight + bias
    contradictions = (logits.diff(dim=1) > 0).any(1).sum()
    print(f"{weights} weights: answers contradict each other at {contradictions} of 61")

# %%
# Levels, class weights and importance weights
# --------------------------------------------
# K grades become K - 1 questions, ``levels = (y[:, None] > torch.arange(K - 1))``.
# Class weights are K numbers, one for each sample by its grade: multiply each sample's
# loss by ``w[y]``. Importance weights are K - 1 numbers, one for each question; five
# class weights do not fit four columns. The predicted level is the number of
# probabilities above 0.5.

w = 1 / torch.bincount(grade, minlength=5).clamp(min=1)
logits = x * weight + bias
each = coral(logits, levels, reduction="none")
print(f"weighted by class: {(w[grade] * each).sum() / w[grade].sum():.4f}")
importance = torch.tensor([1.0, 2.0, 2.0, 1.0])
cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
by_question = cross_entropy(logits, levels, weight=importance, reduction="none").sum(1)
print(f"weighted by question: {by_question.mean():.4f}, neither: {each.mean():.4f}")

# %%
# Use it when being wrong by one grade is better than by three: ratings, stages, ages;
# rather :doc:`/examples/ranking/corn` when one score is too little,
# :doc:`/examples/ranking/ordinal_emd` to keep a softmax over classes, and cross entropy
# when classes have no order. It is torch's own binary cross entropy, summed over the
# questions of a sample; the default of torch divides by their number, too.

print(f"CORAL {coral(logits, levels):.4f}, torch {cross_entropy(logits, levels):.4f}")

# sphinx_gallery_tags = ["ranking", "ordinal"]
