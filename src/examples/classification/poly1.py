r"""
Poly-1
======

The gradient of cross entropy times 1 + epsilon p: more for what is right already.

With the probability :math:`p` that softmax gives to the true class:

.. math::

   \ell = -\log p + \epsilon \, (1 - p)
   \qquad
   \frac{\partial \ell}{\partial z_j}
   = (1 + \epsilon \, p) \left( p_j - [j = \text{true}] \right)

Cross entropy is the series :math:`(1 - p) + (1 - p)^2 / 2 + \dots`, and only the first
of its terms gets another coefficient.

Source: Z. Leng et al., *PolyLoss: A Polynomial Expansion Perspective of Classification
Loss Functions*, ICLR 2022, equation 6.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def poly1(
    logits: Tensor,
    target: Tensor,
    epsilon: float = 2.0,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Cross entropy plus a multiple of the probability that is missing.

    Args:
        logits: Tensor of shape (N, C) or (N, C, ...), not normalised.
        target: The true classes, int64 in [0, C), of shape (N,) or (N, ...).
        epsilon: The multiple, -1 or more; 0 is cross entropy.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        ignore_index: A target that does not count.

    Returns:
        A scalar, 0 where no target counts; of the shape of ``target`` with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or an option is out of range.

    >>> logits = torch.zeros(1, 2, requires_grad=True)  # p = 1/2
    >>> loss = poly1(logits, torch.tensor([0]))
    >>> loss.detach()  # log 2 + 2 * 1/2
    tensor(1.6931)
    >>> loss.backward()
    >>> logits.grad  # twice that of cross entropy
    tensor([[-1.,  1.]])

    >>> x = torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(poly1, (x, torch.tensor([1])))
    True
    """
    if logits.ndim < 2 or target.shape != logits.shape[:1] + logits.shape[2:]:
        raise ValueError(
            f"logits and target must have the shapes (N, C, ...) and (N, ...), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if not epsilon >= -1:
        raise ValueError(f"epsilon must be -1 or more, got {epsilon}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    entropy = cross_entropy(logits, target, reduction="none", ignore_index=ignore_index)
    loss = entropy - epsilon * torch.expm1(-entropy)  # 0 where the target is ignored
    if reduction == "mean":
        return (loss / (target != ignore_index).sum().clamp(min=1)).sum()
    return loss if reduction == "none" else loss.sum()


# %%
# Focal the other way round
# -------------------------
# Focal loss fades where an example is right, Poly-1 with a positive epsilon adds most
# there. An epsilon of -1 takes away the first term of the series, and looks like a
# focal loss. Which of the two directions helps is a question of the data: the paper has
# a positive epsilon for image classification and a negative one for detection, where
# easy negatives abound. Do not expect the default to suit both.

import matplotlib.pyplot as plt

p = torch.linspace(0.005, 0.995, 199)
logit = torch.logit(p).requires_grad_()
logits = torch.stack([logit, torch.zeros_like(logit)], 1)
true = torch.zeros(199, dtype=torch.int64)
entropy = cross_entropy(logits, true, reduction="none")
losses = {
    "Poly-1, epsilon = 2": poly1(logits, true, 2.0, "none"),
    "Poly-1, epsilon = -1": poly1(logits, true, -1.0, "none"),
    "cross entropy": entropy,
    "focal, gamma = 2": (1 - torch.exp(-entropy)) ** 2 * entropy,
}
fig, ax = plt.subplots()
for name, loss in losses.items():
    (gradient,) = torch.autograd.grad(loss.sum(), logit, retain_graph=True)
    ax.plot(p, gradient.abs(), label=name)
    print(f"{name:20}: gradient {gradient[39].abs():.2f} at p = {p[39]:.1f}, ", end="")
    print(f"{gradient[179].abs():.3f} at {p[179]:.1f}")
ax.set(xlabel="probability of the true class", ylabel="size of the gradient")
ax.set_title("Two classes: how much an example is corrected")
ax.legend()

# %%
# It makes the model surer than the data are
# ------------------------------------------
# If a class is true in seven of ten equal cases, cross entropy is lowest at 0.7. This
# loss is lowest above it, and with a negative epsilon below. The order of the classes
# stays. So the outputs are no probabilities until they are calibrated on held-out data.

other = torch.ones_like(true)
for epsilon in (-1.0, 0.0, 2.0):
    first, second = (poly1(logits, k, epsilon, "none") for k in (true, other))
    best = p[(0.7 * first + 0.3 * second).argmin()]
    print(f"epsilon {epsilon:2g}: lowest at {best:.3f}")

# %%
# Use it when plain cross entropy works and you can afford to search for epsilon; rather
# :doc:`/examples/classification/focal` when easy examples fill the gradient,
# :doc:`/examples/classification/label_smoothing` when the model is too sure already,
# and :doc:`/examples/classification/generalized_cross_entropy` when labels are wrong.
# Its value is not comparable with a cross entropy: before training, C equal classes
# cost epsilon (1 - 1 / C) more than log C.

# sphinx_gallery_tags = ["classification", "classes", "missing labels"]
