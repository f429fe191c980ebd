r"""
Sparsemax loss
==============

Once the true class leads by 1, loss and gradient are exactly zero; so are far rivals'.

Sparsemax is the distribution :math:`p` nearest to the logits, which leaves most classes
at exactly 0:

.. math::

   p_j = \max(0, z_j - \tau) \quad \text{with} \quad \sum_j p_j = 1

.. math::

   \ell = \frac{1}{2} \sum_{j : \, p_j > 0} (z_j^2 - \tau^2) + \frac{1}{2}
   - z_\text{true}
   \qquad
   \frac{\partial \ell}{\partial z_j} = p_j - [j = \text{true}]

Source: A. F. T. Martins, R. F. Astudillo, *From Softmax to Sparsemax: A Sparse Model of
Attention and Multi-Label Classification*, ICML 2016, equations 2 and 20.
"""

import torch
from torch import Tensor


def sparsemax_loss(
    logits: Tensor, target: Tensor, reduction: str = "mean", ignore_index: int = -100
) -> Tensor:
    """The loss that belongs to sparsemax, as cross entropy belongs to softmax.

    Args:
        logits: Tensor of shape (N, C) or (N, C, ...), not normalised.
        target: The true classes, int64 in [0, C), of shape (N,) or (N, ...).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        ignore_index: A target that does not count.

    Returns:
        A scalar, 0 where no target counts; of the shape of ``target`` with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or ``reduction`` is not one of these.

    >>> logits = torch.tensor([[0.5, 0.0, -3.0], [1.0, 0.0, 0.0]], requires_grad=True)
    >>> loss = sparsemax_loss(logits, torch.tensor([1, 0]), reduction="none")
    >>> loss.detach()  # tau = -1/4: (1/4 - 2/16) / 2 + 1/2 - 0; and a lead of 1
    tensor([0.5625, 0.0000])
    >>> loss.sum().backward()
    >>> logits.grad  # p = 3/4, 1/4, 0
    tensor([[ 0.7500, -0.7500,  0.0000],
            [ 0.0000,  0.0000,  0.0000]])

    >>> x = torch.tensor([[0.0, 1.0, 1.5]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(sparsemax_loss, (x, torch.tensor([1])))
    True
    """
    if logits.ndim < 2 or target.shape != logits.shape[:1] + logits.shape[2:]:
        raise ValueError(
            f"logits and target must have the shapes (N, C, ...) and (N, ...), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    counted = target != ignore_index
    index = target.masked_fill(~counted, 0).unsqueeze(1)
    best = logits.detach().amax(1, keepdim=True)  # a shift changes nothing
    right = (logits - best).gather(1, index).squeeze(1)
    tau = threshold(logits - best)
    # A class more than 1 below the best has no share, minus infinity among them.
    z = (logits - best).clamp(min=-1)
    share = (z - tau).relu()
    loss = (1 + (share * (z + tau)).sum(1)) / 2 - right
    loss = loss.masked_fill(~counted, 0)
    if reduction == "mean":
        return (loss / counted.sum().clamp(min=1)).sum()
    return loss if reduction == "none" else loss.sum()


def threshold(z: Tensor) -> Tensor:
    """The tau of sparsemax over dimension 1, which it keeps, for a largest z of 0."""
    z = z.clamp(min=-1).movedim(1, -1).sort(-1, descending=True).values
    size = torch.arange(1, z.shape[-1] + 1, dtype=z.dtype, device=z.device)
    taus = (z.cumsum(-1) - 1) / size  # were the first ``size`` classes those that share
    shared = (z > taus).sum(-1, keepdim=True)
    return taus.gather(-1, shared - 1).movedim(-1, 1)


def sparsemax(logits: Tensor) -> Tensor:
    """The probabilities that belong to the loss, over dimension 1.

    >>> sparsemax(torch.tensor([[2.0, 0.0, 0.0], [0.5, 0.0, -3.0]]))
    tensor([[1.0000, 0.0000, 0.0000],
            [0.7500, 0.2500, 0.0000]])
    """
    z = logits - logits.detach().amax(1, keepdim=True)
    return (z - threshold(z)).relu()


# %%
# A parabola between two corners
# ------------------------------
# With two classes it is a smoothed hinge: linear where the true class is behind by more
# than 1, zero where it leads by more than 1, and the gradient a straight line between.
# Cross entropy nears both and reaches neither. So a sample that is learned is done
# with, as for a support vector machine, and yet there are probabilities to read.

import matplotlib.pyplot as plt
from torch.nn.functional import cross_entropy

lead = torch.linspace(-3, 3, 241, requires_grad=True)
logits = torch.stack([lead, torch.zeros_like(lead)], 1)
true = torch.zeros(241, dtype=torch.int64)
loss = sparsemax_loss(logits, true, "none")
(gradient,) = torch.autograd.grad(loss.sum(), lead, retain_graph=True)
(rival,) = torch.autograd.grad(cross_entropy(logits, true, reduction="sum"), lead)

fig, ax = plt.subplots()
ax.plot(lead.detach(), loss.detach(), label="sparsemax loss")
ax.plot(lead.detach(), gradient, label="its gradient")
ax.plot(lead.detach(), rival, "--", label="gradient of cross entropy")
ax.set(xlabel="true logit, less the other", ylabel="loss and gradient", ylim=(-1.2, 3))
ax.set_title("From a lead of 1 on there is nothing left to learn")
ax.legend()

# %%
# The logarithm of the output is not the loss
# -------------------------------------------
# Minus the logarithm of sparsemax is infinite wherever the true class has a share of 0,
# and a clamp before it leaves such samples without a gradient. This loss has one, of
# full size, for the class that is wrongly at 0.

z = torch.tensor([[2.0, 0.5, 0.0]], requires_grad=True)
clamped = -sparsemax(z)[:, 1].clamp(min=1e-8).log().mean()
for loss in (sparsemax_loss(z, torch.tensor([1])), clamped):
    print(f"{loss.item():.2f}, gradient {torch.autograd.grad(loss, z)[0].tolist()}")

# %%
# Use it when most classes should be ruled out exactly: attention that is read, labels
# to choose from, mixtures of experts; rather
# :doc:`/examples/classification/entmax15_loss` when its corners trouble training, since
# that lies between this and softmax, and ``torch.nn.functional.cross_entropy`` when a
# probability must never be 0, as for perplexity or for calibration. How many classes
# have a share depends on the size of the logits: roughly those within 1 of the best.

logits = torch.randn(200, 1000)
for scale in (0.1, 1.0, 10.0):
    shared = (sparsemax(scale * logits) > 0).sum(1).float().mean()
    print(f"logits of size {scale:4}: {shared:5.1f} of 1000 classes have a share")

# sphinx_gallery_tags = ["classification", "classes", "missing labels"]
