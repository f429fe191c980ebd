r"""
Focal
=====

An example that is already right pulls less, so the few that are wrong are heard.

With the probability :math:`p` that softmax gives to the true class, cross entropy is
multiplied by a power of what is missing to certainty:

.. math::

   \ell = -(1 - p)^\gamma \log p
   \qquad
   \frac{\partial \ell}{\partial z_\text{true}}
   = (1 - p)^\gamma \left( \gamma \, p \log p + p - 1 \right)

:math:`\gamma = 0` is cross entropy.

Source: T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, *Focal Loss for Dense
Object Detection*, ICCV 2017, equation 4.
"""

import torch


def focal(logits, target, gamma=2.0, reduction="mean"):
    """Focal loss over classes that exclude each other.

    Args:
        logits: Tensor of shape (N, C) or (N, C, ...), not normalised.
        target: The true classes, int64 in [0, C), of shape (N,) or (N, ...).
        gamma: How fast the pull fades as an example gets right; 0 or more.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of the shape of ``target`` with ``"none"``.

    Raises:
        ValueError: A shape or a dtype does not fit, or ``gamma`` or ``reduction`` is
            not one of these.
        RuntimeError: A class is out of range.

    >>> logits = torch.zeros(1, 2, requires_grad=True)
    >>> loss = focal(logits, torch.tensor([0]))
    >>> print(f"{loss.item():.4f}")  # p = 1/2, so 1/4 * log 2
    0.1733
    >>> loss.backward()
    >>> logits.grad  # 1/4 * (-log 2 - 1/2) for the true class
    tensor([[-0.2983,  0.2983]])

    >>> x = torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(focal, (x, torch.tensor([1])))
    True
    """
    if logits.ndim < 2 or target.shape != logits.shape[:1] + logits.shape[2:]:
        raise ValueError(
            f"logits and target must have shapes (N, C, ...) and (N, ...), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if target.dtype != torch.int64:
        raise ValueError(f"target must be int64, got {target.dtype}")
    if not 0 <= gamma < torch.inf:
        raise ValueError(f"gamma must be finite and 0 or more, got {gamma}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    log_p = logits.log_softmax(1).gather(1, target.unsqueeze(1)).squeeze(1)
    missing = -torch.expm1(log_p)
    if gamma % 1:  # at p = 1 some derivative is infinite, and times log p = 0 it is NaN
        missing = missing.clamp(min=torch.finfo(log_p.dtype).tiny)
    loss = -(missing**gamma) * log_p
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Below one third it pulls harder than cross entropy, above hardly at all
# -----------------------------------------------------------------------
# Two classes; the margin is the true logit minus the other.
# The factor also has a slope, and that adds pull where the example is wrong.
#
# .. draggable-figure:: focal([along(-5, 5, -2, name="margin of the true class"), 0.0],
#    0, gamma=slider(0, 5, 2)) beside cross_entropy
#
#    Raise gamma: the pull on the right side fades, and on the left it passes 1.
#    At 0 it is that of cross entropy.

import matplotlib.pyplot as plt

margin = torch.linspace(-5, 5, 201, dtype=torch.float64, requires_grad=True)
logits = torch.stack([margin, torch.zeros_like(margin)], dim=1)
first = torch.zeros(len(margin), dtype=torch.int64)

loss = focal(logits, first, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), margin, retain_graph=True)
cross_entropy = torch.nn.functional.cross_entropy(logits, first, reduction="sum")
(rival,) = torch.autograd.grad(cross_entropy, margin)

fig, ax = plt.subplots()
ax.plot(margin.detach(), loss.detach(), label="focal, gamma = 2")
ax.plot(margin.detach(), gradient, label="its gradient")
ax.plot(margin.detach(), rival, "--", label="gradient of cross entropy")
ax.set(xlabel="margin of the true class", ylabel="loss and gradient", ylim=(-1.5, 3))
ax.set_title("An easy example lets go, a hard one pulls harder than 1")
ax.legend()

p = margin.detach().sigmoid()
harder = p[gradient.abs() > rival.abs()]
print(f"focal pulls harder for p up to {harder.max():.2f}")
at_90 = (p - 0.9).abs().argmin()
print(f"at p = 0.9 its pull is {gradient[at_90] / rival[at_90]:.3f} of cross entropy's")

# %%
# A thousand easy examples no longer drown ten hard ones
# ------------------------------------------------------
# The easy ones lie far to the left. The hard ones differ in height alone, and only
# half of them are of the second class.

easy = torch.stack([torch.full((1000,), -2.0), torch.linspace(-1, 1, 1000)], dim=1)
above = torch.stack([torch.ones(10), torch.linspace(0.25, 0.75, 10)], dim=1)
points = torch.cat([easy, above * torch.tensor([1.0, -1.0]), above])
labels = torch.cat([torch.zeros(1010), torch.ones(10)]).long()


def steps_until_right(loss):
    weight = torch.zeros(2, 2, requires_grad=True)
    bias = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD([weight, bias], lr=1.0)
    for step in range(500):
        logits = points @ weight + bias
        if (logits.argmax(1) == labels).all():
            return step
        optimizer.zero_grad()
        loss(logits, labels).backward()
        optimizer.step()


print(f"cross entropy: {steps_until_right(torch.nn.functional.cross_entropy)} steps")
print(f"focal:         {steps_until_right(focal)} steps")

# %%
# The usual mistake: NaN once an example is certain
# -------------------------------------------------
# Written down as it stands in the paper, the loss is fine and its gradient is not:
# for gamma below 1 one certain example is enough. The first of these two is certain.


def as_written(logits, target, gamma):
    p = logits.softmax(1).gather(1, target.unsqueeze(1))
    return (-((1 - p) ** gamma) * p.log()).mean()


certain = torch.tensor([[20.0, 0.0], [0.0, 1.0]], requires_grad=True)
for name, loss in {"as written": as_written, "focal": focal}.items():
    value = loss(certain, torch.tensor([0, 0]), gamma=0.5)
    (gradient,) = torch.autograd.grad(value, certain)
    print(f"{name}: loss {value.item():.4f}, gradient there {gradient[0, 0]:.4f}")

assert gradient.isfinite().all()

# %%
# Take it where easy examples outnumber the hard ones, as background does in detection.
# Take cross entropy where you read the probabilities: those of focal are drawn to the
# middle, and only the classes' order can be trusted. One example in a hundred is of
# the second class, and a model that knows nothing else should say 0.01.
#
# Autograd does the work here. Where labels do not exclude each other, take
# ``sigmoid_focal``.

rare = (torch.arange(100) == 0).long()
losses = {"cross entropy": torch.nn.functional.cross_entropy, "focal": focal}
for name, loss in losses.items():
    constant = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([constant], lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        loss(constant.expand(100, 2), rare).backward()
        optimizer.step()
    print(f"{name} says {constant.softmax(0)[1].item():.2f}")
