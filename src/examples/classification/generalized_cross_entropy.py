r"""
Generalized cross entropy
=========================

For noisy labels: one that the model finds absurd has hardly any gradient.

With the probability :math:`p` that softmax gives to the labelled class, the
gradient of cross entropy is multiplied by :math:`p^q`:

.. math::

   \ell = \frac{1 - p^q}{q}
   \qquad
   \frac{\partial \ell}{\partial z_j} = p^q \left( p_j - [j = \text{label}] \right)

:math:`q \to 0` is cross entropy. :math:`q = 1` is :math:`1 - p`, half of the absolute
error between the probabilities and the label.

Source: Z. Zhang and M. Sabuncu, *Generalized Cross Entropy Loss for Training Deep
Neural Networks with Noisy Labels*, NeurIPS 2018, equation 6.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def generalized_cross_entropy(
    logits: Tensor,
    target: Tensor,
    q: float = 0.7,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """A loss between cross entropy and absolute error.

    Args:
        logits: Tensor of shape (N, C) or (N, C, ...), not normalised.
        target: The labels, int64 in [0, C), of shape (N,) or (N, ...).
        q: Above 0 and at most 1; the larger, the less wrong labels count.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        ignore_index: A target that does not count.

    Returns:
        A scalar, 0 where no target counts; of the shape of ``target`` with ``"none"``.

    Raises:
        ValueError: A shape, a dtype or an option does not fit.
        IndexError: A class is out of range.

    >>> logits = torch.zeros(1, 4, requires_grad=True)
    >>> loss = generalized_cross_entropy(logits, torch.tensor([0]), q=0.5)
    >>> loss.item()  # p = 1/4, its root 1/2
    1.0
    >>> loss.backward()
    >>> logits.grad  # 1/2 * (p - 1), and 1/2 * p for the others
    tensor([[-0.3750,  0.1250,  0.1250,  0.1250]])

    >>> x = torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(generalized_cross_entropy, (x, torch.tensor([1])))
    True
    """
    if logits.ndim < 2 or target.shape != logits.shape[:1] + logits.shape[2:]:
        raise ValueError(
            f"logits and target must have shapes (N, C, ...) and (N, ...), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if target.dtype != torch.int64:
        raise ValueError(f"target must be int64, got {target.dtype}")
    if not 0 < q <= 1:
        raise ValueError(f"q must be above 0 and at most 1, got {q}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    entropy = cross_entropy(logits, target, reduction="none", ignore_index=ignore_index)
    # p**q has an infinite slope where p underflows to 0; exp(q log p) has the slope 0.
    loss = -torch.expm1(-q * entropy) / q  # 0 where the target is ignored
    if reduction == "mean":
        return (loss / (target != ignore_index).sum().clamp(min=1)).sum()
    return loss if reduction == "none" else loss.sum()


# %%
# An absurd label has hardly any gradient
# ---------------------------------------
# Two classes; the margin is the labelled logit minus the other. Far to the left the
# model is sure that the label is wrong. There the gradient of cross entropy is largest,
# and this one fades, as it does on the right.
#
# .. draggable-figure:: generalized_cross_entropy([along(-6, 4, -3, name="margin of the
#    labelled class"), 0.0], 0, q=slider(0.05, 1, 0.7)) beside cross_entropy
#
#    Lower q towards 0: the absurd label on the left has a gradient of 1 again, as in
#    cross entropy.

import matplotlib.pyplot as plt

margin = torch.linspace(-7, 5, 241, requires_grad=True)
logits = torch.stack([margin, torch.zeros_like(margin)], dim=1)
first = torch.zeros(241, dtype=torch.int64)
loss = generalized_cross_entropy(logits, first, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), margin, retain_graph=True)
(rival,) = torch.autograd.grad(cross_entropy(logits, first, reduction="sum"), margin)

fig, ax = plt.subplots()
ax.plot(margin.detach(), loss.detach(), label="generalized, q = 0.7")
ax.plot(margin.detach(), gradient, label="its gradient")
ax.plot(margin.detach(), rival, "--", label="gradient of cross entropy")
ax.set(xlabel="margin of the labelled class", ylabel="loss and gradient")
ax.set_title("It listens to the undecided, and gives up on the absurd")
ax.set_ylim(-1.2, 2)
ax.legend()

print(f"at -7 the gradient is {gradient[0]:.3f}, that of cross entropy {rival[0]:.3f}")

# %%
# Thirty of a hundred labels are wrong, and the line hardly moves
# ---------------------------------------------------------------
# Two clouds of a hundred points. Thirty points of the second are labelled as the first.

truth = torch.arange(200) // 100
points = torch.randn(200, 2) + torch.stack([4.0 * truth - 2, 0 * truth], dim=1)
labels = truth.clone()
labels[100:130] = 0
for loss in (cross_entropy, generalized_cross_entropy):
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    for _ in range(300):
        optimizer.zero_grad()
        loss(model(points), labels).backward()
        optimizer.step()
    right = (model(points).argmax(1) == truth).sum()
    print(f"{loss.__name__}: {right} of 200 as they truly are")

# %%
# How to choose q
# ---------------
# Near 0 it is cross entropy, and no label costs more than 1 / q. The larger q, the less
# wrong labels count, and the slower right but unlikely ones are learnt: with many
# classes an untrained model finds every label unlikely, so start with cross entropy, or
# with a small q.

start = torch.zeros(1, 1000, requires_grad=True)
for q in (1e-6, 0.1, 0.7):
    loss = generalized_cross_entropy(start, torch.tensor([0]), q)
    (gradient,) = torch.autograd.grad(loss, start)
    print(f"q = {q}: first gradient among a thousand classes {gradient[0, 0]:.3f}")

# %%
# Use it when labels are wrong and nobody knows which; rather
# :doc:`/examples/classification/bi_tempered` when probabilities should have heavier
# tails than those of softmax, too, :doc:`/examples/classification/label_smoothing`
# against overconfidence alone, and cross entropy for clean labels.

# sphinx_gallery_tags = ["classification", "classes", "noisy labels", "missing labels"]
