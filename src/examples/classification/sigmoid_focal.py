r"""
Sigmoid focal
=============

For imbalanced yes-or-no: background that is already low has hardly any gradient.

Each logit answers one yes-or-no question. With the target :math:`t`, the probability
:math:`p_t = t p + (1 - t) (1 - p)` that the right answer gets, the weight
:math:`\alpha_t = t \alpha + (1 - t) (1 - \alpha)`, and binary cross entropy
:math:`\text{BCE}`, which is :math:`-\log p_t` for a target of 0 or 1:

.. math::

   \ell = \alpha_t (1 - p_t)^\gamma \, \text{BCE}(p, t)

A soft target between 0 and 1 is taken as in torchvision.

Source: T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, *Focal Loss for Dense
Object Detection*, ICCV 2017, equation 5; the loss of RetinaNet.
"""

import torch
from torch import Tensor


def sigmoid_focal(
    logits: Tensor,
    target: Tensor,
    alpha: float = 0.25,
    gamma: float = 2.0,
    reduction: str = "mean",
) -> Tensor:
    """Focal loss over yes-or-no questions.

    Args:
        logits: Tensor of any shape, one question each, not normalised.
        target: Tensor of the same shape, from 0 for no to 1 for yes.
        alpha: Weight of a yes, from 0 to 1; a no weighs ``1 - alpha``.
        gamma: How fast the gradient fades as an answer gets right; 0 or more.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``. RetinaNet takes the sum and
            divides it by the number of anchors that are assigned to an object.

    Returns:
        A scalar, or a tensor of the shape of ``logits`` with ``"none"``.

    Raises:
        ValueError: The shapes differ, or an option is out of range.

    >>> logits = torch.zeros(2, requires_grad=True)
    >>> loss = sigmoid_focal(logits, torch.tensor([1.0, 0.0]), reduction="none")
    >>> loss.detach()  # p = 1/2, so 1/4 * 1/4 * log 2 and 3/4 * 1/4 * log 2
    tensor([0.0433, 0.1300])
    >>> loss.sum().backward()
    >>> logits.grad  # the same weights times 1/4 * (log 2 + 1/2), yes upwards
    tensor([-0.0746,  0.2237])

    >>> x = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(sigmoid_focal, (x, torch.tensor([1.0, 0.0, 1.0])))
    True
    """
    if logits.shape != target.shape:
        raise ValueError(
            f"logits and target must have the same shape, got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be from 0 to 1, got {alpha}")
    if not 0 <= gamma < torch.inf:
        raise ValueError(f"gamma must be finite and 0 or more, got {gamma}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    target = target.to(logits.dtype)
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, target, reduction="none"
    )
    # 1 - p, but 1 - sigmoid(20) is 0 in float32, and sigmoid(-20) is not.
    missing = target * (-logits).sigmoid() + (1 - target) * logits.sigmoid()
    if gamma % 1:  # at 0 some derivative of missing**gamma is infinite
        missing = missing.clamp(min=torch.finfo(missing.dtype).tiny)
    weight = (1 - alpha) + (2 * alpha - 1) * target
    loss = weight * missing**gamma * cross_entropy
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Background that is already low has hardly any gradient
# ------------------------------------------------------
# The answer is no. The lower the logit, the more sure the model is of that.

import matplotlib.pyplot as plt
from torch.nn.functional import binary_cross_entropy_with_logits

logit = torch.linspace(-6, 4, 201, requires_grad=True)
no = torch.zeros(201)
loss = sigmoid_focal(logit, no, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), logit)
entropy = binary_cross_entropy_with_logits(logit, no, reduction="sum")
(rival,) = torch.autograd.grad(entropy, logit)

fig, ax = plt.subplots()
ax.plot(logit.detach(), loss.detach(), label="sigmoid focal")
ax.plot(logit.detach(), gradient, label="its gradient")
ax.plot(logit.detach(), rival, "--", label="gradient of cross entropy")
ax.set(xlabel="logit, the answer is no", ylabel="loss and gradient", ylim=(-0.1, 2))
ax.set_title("At a logit of -3 focal is silent, cross entropy is not")
ax.legend()
print(f"gradient at -3: cross entropy {rival[60]:.4f}, focal {gradient[60]:.6f}")

# %%
# Divide by the number of objects, and start at their rate
# --------------------------------------------------------
# RetinaNet divides the sum by the number of anchors that are assigned to an object. The
# mean divides by all places, so with ten objects in two thousand places it is 200 times
# smaller. And with a bias of 0 every place begins as half an object, which the first
# steps are spent on denying: start the bias where the probability is 0.01.

is_object = (torch.arange(2000) % 200 == 0).float()
for probability in (0.5, 0.01):
    logits = torch.full((2000,), probability).logit()
    per_object = sigmoid_focal(logits, is_object, reduction="sum") / is_object.sum()
    print(f"start at {probability}: sum / objects {per_object:.2f}, mean ", end="")
    print(f"{sigmoid_focal(logits, is_object):.4f}")

# %%
# What alpha does, and what it does not
# -------------------------------------
# alpha is not the rate of a class: gamma alone already silences the background so well
# that the paper's best alpha, 0.25, weighs an object less, not more. Tune the two
# together. With gamma 0 and alpha 1/2 it is half of binary cross entropy.

logits = torch.full((2000,), -3.0, requires_grad=True)
for gamma, alpha in ((0.0, 0.5), (2.0, 0.5), (2.0, 0.25)):
    loss = sigmoid_focal(logits, is_object, alpha, gamma)
    (gradient,) = torch.autograd.grad(loss, logits)
    times = -gradient[is_object == 0].sum() / gradient[is_object == 1].sum()
    print(f"gamma {gamma}, alpha {alpha}: {times:.2f} of background for 1 of objects")

# %%
# Use it when nearly every answer is no: anchors, pixels, rare labels; rather
# :doc:`/examples/classification/focal` when classes exclude each other, and cross
# entropy when the answers are balanced, you read the probabilities or the targets are
# soft: for a target between 0 and 1 the factor rewards the surer answer.

p = torch.linspace(0.001, 0.999, 999)
for gamma in (0.0, 2.0):
    loss = sigmoid_focal(p.logit(), torch.full((999,), 0.3), 0.5, gamma, "none")
    print(f"gamma {gamma}: a target of 0.3 is lowest at p = {p[loss.argmin()]:.2f}")

# sphinx_gallery_tags = ["classification", "detection", "binary", "multi-label", "imbalance"]
