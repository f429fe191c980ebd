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
        ValueError: The shapes differ, or ``alpha``, ``gamma`` or ``reduction`` is not
            one of these.

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
# Background lets go long before cross entropy would
# --------------------------------------------------
# The answer is no. The lower the logit, the more sure the model is of that.

import functools

import matplotlib.pyplot as plt
from torch.nn.functional import binary_cross_entropy_with_logits

logit = torch.linspace(-6, 4, 201, requires_grad=True)
no = torch.zeros_like(logit)

loss = sigmoid_focal(logit, no, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), logit)
cross_entropy = binary_cross_entropy_with_logits(logit, no, reduction="sum")
(rival,) = torch.autograd.grad(cross_entropy, logit)

fig, ax = plt.subplots()
ax.plot(logit.detach(), loss.detach(), label="sigmoid focal")
ax.plot(logit.detach(), gradient, label="its gradient")
ax.plot(logit.detach(), rival, "--", label="gradient of cross entropy")
ax.set(xlabel="logit, the answer is no", ylabel="loss and gradient", ylim=(-0.1, 2))
ax.set_title("At a logit of -3 focal is silent, cross entropy is not")
ax.legend()

at = (logit + 3).abs().argmin()
print(f"gradient at -3: cross entropy {rival[at]:.4f}, focal {gradient[at]:.6f}")

# %%
# Ten objects in two thousand places
# ----------------------------------
# Every place is a window of 15 noisy measurements; ten hold a bump. The sum is divided
# by the ten, as RetinaNet divides by the assigned anchors. The mean divides by all two
# thousand places: the gradient is 200 times smaller.

is_object = torch.zeros(2000)
is_object[::200] = 1
windows = 0.3 * torch.randn(2000, 15) + is_object[:, None] * torch.hann_window(15)


def per_object(logits, target):
    return sigmoid_focal(logits, target, reduction="sum") / target.sum().clamp(min=1)


def train(loss):
    weight = torch.zeros(15, requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight, bias], lr=0.3)
    for _ in range(100):
        optimizer.zero_grad()
        loss(windows @ weight + bias, is_object).backward()
        optimizer.step()
    found = windows @ weight + bias > 0
    return int(found[::200].sum()), int(found.sum() - found[::200].sum())


for name, loss in {"sum / objects": per_object, "mean": sigmoid_focal}.items():
    print("{}: {} of 10 found, {} false alarms".format(name, *train(loss)))

# %%
# Start at the rate of objects, not at one half
# ---------------------------------------------
# With a bias of 0 every place begins as half an object, and the first steps are spent
# on denying it. RetinaNet starts the bias where the probability is 0.01.

for probability in (0.5, 0.01):
    bias = torch.logit(torch.tensor(probability))
    first = per_object(bias.expand(2000), is_object)
    print(f"first loss with a bias of {bias:.1f}: {first:.1f}")

# %%
# A soft target is not where the loss is least
# --------------------------------------------
# For a target between 0 and 1 the factor 1 - p_t still rewards the surer answer, so the
# minimum moves towards 0 or 1. Where probabilities are to be matched, as with smoothed
# labels or a teacher, use gamma 0.

asked = torch.tensor([0.1, 0.3, 0.5, 0.9])
p = torch.linspace(0.001, 0.999, 999)
for gamma in (0.0, 2.0):
    rows = p.logit().unsqueeze(1).expand(-1, 4)
    values = sigmoid_focal(rows, asked.expand(999, 4), 0.5, gamma, "none")
    least = [round(value, 2) for value in p[values.argmin(0)].tolist()]
    print(f"gamma {gamma}: targets 0.1, 0.3, 0.5, 0.9 are least at p = {least}")

# %%
# Use it when nearly every answer is no: anchors, pixels, rare labels; rather
# :doc:`/examples/classification/focal` when classes exclude each other, and cross
# entropy when the answers are balanced or you read the probabilities. alpha is not the
# rate of a class: gamma alone already silences the background so well that the paper's
# best alpha weighs an object less, not more. Tune the two together. With gamma 0 and
# alpha 1/2 it is half of binary cross entropy.

background = torch.full((1990,), -3.0, requires_grad=True)
objects = torch.full((10,), -3.0, requires_grad=True)
both, truth = torch.cat([background, objects]), is_object.sort().values
gamma_alone = functools.partial(sigmoid_focal, alpha=0.5)
losses = {"cross entropy": binary_cross_entropy_with_logits, "gamma = 2": gamma_alone}
for name, loss in losses.items():
    down, up = torch.autograd.grad(loss(both, truth), (background, objects))
    times = -down.sum() / up.sum()
    print(f"{name}: background has {times:.2f} times the gradient of the objects")

# sphinx_gallery_tags = ["classification", "detection", "binary", "imbalance"]
