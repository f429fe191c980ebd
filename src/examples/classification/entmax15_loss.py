r"""
Entmax loss
===========

Sparse probabilities: a class far below the best gets a probability, and a gradient, of
exactly 0.

The 1.5-entmax of the logits maximises score plus entropy over all distributions
:math:`p`. The loss is that maximum less the score of the true class:

.. math::

   \ell = \max_p \Big( \sum_j p_j z_j
   + \frac{4}{3} \sum_j \big( p_j - p_j^{3/2} \big) \Big) - z_\text{true}
   \qquad
   \frac{\partial \ell}{\partial z_j} = p_j - [j = \text{true}]

The maximum is at :math:`p_j = \max(0, z_j / 2 - \tau)^2`. Sorting gives
:math:`\tau` exactly.

Source: B. Peters, V. Niculae and A. F. T. Martins, *Sparse Sequence-to-Sequence
Models*, ACL 2019, equation 10 and algorithm 2.
"""

import torch
from torch import Tensor


class Entmax15(torch.autograd.Function):
    """The maximum and the roots of the probabilities at it, over the last dimension.

    The largest logit must be 0. Roots, since a square has a slope at 0 and a root has
    none there: so the derivatives of any order are right.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor) -> tuple[Tensor, Tensor]:
        # Below -1 no class has a share; so far down all are alike, minus infinity too.
        x = (logits / 2).clamp(min=-2)
        best = x.sort(dim=-1, descending=True).values
        size = torch.arange(1, x.shape[-1] + 1, dtype=x.dtype, device=x.device)
        mean = best.cumsum(-1) / size
        spread = best.square().cumsum(-1) - size * mean.square()
        thresholds = mean - ((1 - spread).clamp(min=0) / size).sqrt()
        support = (thresholds < best).sum(-1, keepdim=True)
        root = (x - thresholds.gather(-1, support - 1)).clamp(min=0)
        maximum = (root.square() * (2 * x + 4 / 3 * (1 - root))).sum(-1)
        return maximum, root

    @staticmethod
    def setup_context(ctx, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(output[1])

    @staticmethod
    def backward(ctx, grad_maximum: Tensor, grad_root: Tensor) -> Tensor:
        (root,) = ctx.saved_tensors
        grad_root = grad_root * (root > 0)
        share = grad_root.sum(-1, keepdim=True) / root.sum(-1, keepdim=True)
        through_root = (grad_root - root * share) / 2
        return grad_maximum.unsqueeze(-1) * root.square() + through_root


def entmax15(logits: Tensor) -> Tensor:
    """The probabilities that belong to the loss, over dimension 1.

    >>> entmax15(torch.tensor([[2.0, 0.0, 0.0], [5.0, 5.0, 1.0]]))
    tensor([[1.0000, 0.0000, 0.0000],
            [0.5000, 0.5000, 0.0000]])
    """
    shifted = logits - logits.detach().amax(1, keepdim=True)
    _, root = Entmax15.apply(shifted.movedim(1, -1))
    return root.square().movedim(-1, 1)


def entmax15_loss(
    logits: Tensor, target: Tensor, reduction: str = "mean", ignore_index: int = -100
) -> Tensor:
    """The loss of 1.5-entmax, as cross entropy is the loss of softmax.

    Args:
        logits: Tensor of shape (N, C) or (N, C, ...), not normalised.
        target: The true classes, int64 in [0, C), of shape (N,) or (N, ...).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        ignore_index: A target that does not count.

    Returns:
        A scalar, 0 where no target counts; of the shape of ``target`` with ``"none"``.

    Raises:
        ValueError: A shape, a dtype or ``reduction`` does not fit.
        RuntimeError: A class is out of range.

    >>> logits = torch.zeros(1, 4, requires_grad=True)
    >>> loss = entmax15_loss(logits, torch.tensor([0]))
    >>> print(f"{loss.item():.4f}")  # p = 1/4, so 4/3 * (1 - 1/2)
    0.6667
    >>> loss.backward()
    >>> logits.grad
    tensor([[-0.7500,  0.2500,  0.2500,  0.2500]])

    >>> x = torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(entmax15_loss, (x, torch.tensor([1])))
    True
    """
    if logits.ndim < 2 or target.shape != logits.shape[:1] + logits.shape[2:]:
        raise ValueError(
            f"logits and target must have the shapes (N, C, ...) and (N, ...), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if target.dtype != torch.int64:
        raise ValueError(f"target must be int64, got {target.dtype}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    shifted = logits - logits.detach().amax(1, keepdim=True)
    maximum, _ = Entmax15.apply(shifted.movedim(1, -1))
    counted = target != ignore_index
    index = target.masked_fill(~counted, 0).unsqueeze(1)
    loss = maximum - shifted.gather(1, index).squeeze(1)
    loss = loss.masked_fill(~counted, 0)
    if reduction == "mean":
        return (loss / counted.sum().clamp(min=1)).sum()
    return loss if reduction == "none" else loss.sum()


# %%
# From a margin of 2 on, nothing is left to learn
# -----------------------------------------------
# Two classes; the margin is the true logit minus the other. The gradient of cross
# entropy never ends. Here it is 0 from a margin of 2 on, and of full size from -2 down.

import matplotlib.pyplot as plt
from torch.nn.functional import cross_entropy

margin = torch.linspace(-4, 4, 201, requires_grad=True)
logits = torch.stack([margin, torch.zeros_like(margin)], dim=1)
first = torch.zeros(201, dtype=torch.int64)
loss = entmax15_loss(logits, first, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), margin, retain_graph=True)
(rival,) = torch.autograd.grad(cross_entropy(logits, first, reduction="sum"), margin)

fig, ax = plt.subplots()
ax.plot(margin.detach(), loss.detach(), label="entmax loss")
ax.plot(margin.detach(), gradient, label="its gradient")
ax.plot(margin.detach(), rival, "--", label="gradient of cross entropy")
ax.set(xlabel="margin of the true class", ylabel="loss and gradient", ylim=(-1.2, 2))
ax.set_title("Beyond a margin of 2 the gradient is exactly 0")
ax.legend()
print(f"largest gradient beyond 2: {gradient[margin > 2].abs().max()}, ", end="")
print(f"of cross entropy {rival[margin > 2].abs().max():.3f}")

# %%
# Which classes are possible at all?
# ----------------------------------
# ``entmax15`` gives the list: a class more than 2 below the best is never on it.
# Softmax leaves each of them a little. Predict with ``entmax15``, not with softmax, for
# which the logits were not trained.

logits = torch.tensor([[3.0, 2.5, 1.8, 0.9, 0.0, -2.0]])
for to_p in (entmax15, torch.nn.Softmax(1)):
    print([round(share, 3) for share in to_p(logits)[0].tolist()])

# %%
# Why the backward is written by hand
# -----------------------------------
# Autograd can go through ``forward``, but every support that is not chosen has a root,
# too. Where its spread is exactly 1, as for these logits, zero times the infinite slope
# of that root is NaN. The backward by hand uses the chosen support alone.

tied = torch.tensor([[0.0, 0.0, -2.0, -2.0]], requires_grad=True)
for name, of in {"autograd": Entmax15.forward, "by hand": Entmax15.apply}.items():
    print(f"{name}: {torch.autograd.grad(of(tied)[0].sum(), tied)[0].tolist()}")

# %%
# Use it when few of many classes are possible and a list of exactly those is worth
# having; rather :doc:`/examples/classification/sparsemax_loss` when the list should be
# shorter still, cross entropy when someone will ask for the logarithm of a probability,
# which is minus infinity for a class that is not on the list.

# sphinx_gallery_tags = ["classification", "classes", "missing labels", "by hand"]
