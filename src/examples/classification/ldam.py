r"""
LDAM
====

For imbalanced classes: a sample of a rare one keeps its gradient to a larger margin.

Label-distribution-aware margins: with the cosines :math:`z` between a sample and the
classes, :math:`n_j` training samples of class :math:`j` and a scale :math:`s`:

.. math::

   m_j = m_{\max} \left( \frac{n_{\min}}{n_j} \right)^{1/4}
   \qquad
   \ell = -\log \frac{e^{s (z_\text{true} - m_\text{true})}}
   {e^{s (z_\text{true} - m_\text{true})} + \sum_{j \ne \text{true}} e^{s z_j}}

Source: K. Cao, C. Wei, A. Gaidon, N. Arechiga and T. Ma, *Learning Imbalanced Datasets
with Label-Distribution-Aware Margin Loss*, NeurIPS 2019, equations 11 and 13.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def ldam(
    logits: Tensor,
    target: Tensor,
    class_counts: Tensor,
    max_margin: float = 0.5,
    scale: float = 30.0,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Cross entropy of scaled cosines, with a margin that rare classes have to gain.

    Args:
        logits: Tensor of shape (N, C), cosines from -1 to 1: normalise features and
            weights. Unbounded logits grow until no margin matters.
        target: The true classes, int64 in [0, C), of shape (N,).
        class_counts: Tensor of shape (C,): how many training samples each class has; a
            class without any is taken to have one.
        max_margin: The margin of the rarest class; 0 or more.
        scale: What cosines are multiplied by; positive.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        ignore_index: A target that does not count.

    Returns:
        A scalar, 0 where no target counts; or a tensor of shape (N,) with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or an option is out of range.

    >>> logits = torch.tensor([[0.5, 0.0], [0.0, 0.25]], requires_grad=True)
    >>> counts = torch.tensor([10, 160])  # margins 0.5 and half of that
    >>> loss = ldam(logits, torch.tensor([0, 1]), counts, scale=1.0)
    >>> loss.detach()  # both are just at their margin: log 2
    tensor(0.6931)
    >>> loss.backward()
    >>> logits.grad
    tensor([[-0.2500,  0.2500],
            [ 0.2500, -0.2500]])

    >>> x = torch.tensor([[0.1, -0.5, 0.3]], dtype=torch.float64, requires_grad=True)
    >>> inputs = x, torch.tensor([1]), torch.tensor([100, 10, 30])
    >>> torch.autograd.gradcheck(ldam, inputs)
    True
    """
    if logits.ndim != 2 or target.shape != logits.shape[:1]:
        raise ValueError(
            f"logits and target must have the shapes (N, C) and (N,), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if class_counts.shape != logits.shape[1:]:
        raise ValueError(
            f"class_counts must have the shape (C,), here {tuple(logits.shape[1:])}, "
            f"got {tuple(class_counts.shape)}"
        )
    if not (max_margin >= 0 and scale > 0):
        raise ValueError(
            f"max_margin must be 0 or more and scale positive, got {max_margin} and "
            f"{scale}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    rarity = class_counts.to(logits.dtype).clamp(min=1) ** -0.25
    margins = max_margin * rarity / rarity.max()
    is_true = target[:, None] == torch.arange(logits.shape[1], device=logits.device)
    shifted = scale * (logits - is_true * margins)
    loss = cross_entropy(shifted, target, reduction="none", ignore_index=ignore_index)
    if reduction == "mean":
        return (loss / (target != ignore_index).sum().clamp(min=1)).sum()
    return loss if reduction == "none" else loss.sum()


# %%
# A rare class has to lead by more than a common one
# --------------------------------------------------
# At a scale of 30 cross entropy hardly corrects a sample whose cosine is 0.15 larger
# than the other. With the margins a class of 5,000 has a gradient up to about 0.3, one
# of 50 up to about 0.65.

import matplotlib.pyplot as plt
from torch.nn.functional import normalize

lead = torch.linspace(-0.3, 1.0, 131, requires_grad=True)
cosines = torch.stack([lead, torch.zeros_like(lead)], 1)
true = torch.zeros(131, dtype=torch.int64)
fig, ax = plt.subplots()
for name, counts, margin in (
    ("a class of 50", [50, 5000], 0.5),
    ("a class of 5,000", [5000, 50], 0.5),
    ("no margins", [1, 1], 0.0),
):
    loss = ldam(cosines, true, torch.tensor(counts), margin, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, lead, retain_graph=True)
    ax.plot(lead.detach(), -gradient, label=name)
    gone = lead[gradient.abs() > 0.3].max()
    print(f"{name}: above 1 % of the scale up to a lead of {gone:.2f}")
ax.set(xlabel="cosine of the true class, less the other", ylabel="size of the gradient")
ax.set_title("How far a sample has to lead until its gradient is gone")
ax.legend()

# %%
# Where classes overlap, a margin alone moves the border little
# -------------------------------------------------------------
# Two classes around directions 90 degrees apart, 2,000 samples of one and 20 of the
# other. Half way is 45 degrees; the border ends up among the rare samples, since there
# it costs the many nothing. The margin moves it a little, weights move it much. The
# paper uses both: margins from the start, weights only late, once the features stand.

counts = torch.tensor([2000, 20])
target = torch.repeat_interleave(torch.tensor([0, 1]), counts)
angle = torch.pi / 2 * target + 0.5 * torch.randn(2020)
points = torch.stack([angle.cos(), angle.sin()], 1)
for margin, factor in ((0.0, 1), (0.5, 1), (0.5, 100)):
    weight = torch.eye(2, requires_grad=True)
    optimizer = torch.optim.Adam([weight], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        cosines = points @ normalize(weight).T
        loss = ldam(cosines, target, counts, margin, scale=10.0, reduction="none")
        (loss * factor**target).mean().backward()
        optimizer.step()
    border = torch.atan2(*normalize(weight.detach()).sum(0).flip(0)).rad2deg()
    print(f"margin {margin}, rare weighted {factor:3}: border at {border:.0f} degrees")

# %%
# Use it when few classes have most of the samples and the network memorises its
# training set, so that what is left to choose is the margin; rather
# :doc:`/examples/classification/focal` when easy samples are too many, and
# :doc:`/examples/embedding/arcface` when every class should have the same margin.
# The last layer must give cosines: a scale of 30 makes plain logits saturate.

plain = 5 * torch.randn(1000, 10)
loss = ldam(plain, plain.argmax(1), torch.arange(1, 11), reduction="none")
print(f"plain logits, all right: {(loss < 1e-3).float().mean():.0%} have no gradient")

# sphinx_gallery_tags = ["classification", "classes", "imbalance", "missing labels", "margin"]
