r"""
CosFace
=======

Cross entropy of cosines with a margin: the gradient goes on after a row is right.

With the cosine :math:`c_j` between a row and the vector of class j, the margin
:math:`m` and the scale :math:`s`, cross entropy is taken of the logits

.. math::

   z_j = s \, c_j \quad (j \ne y) \qquad z_y = s \, (c_y - m)
   \qquad
   \frac{\partial \ell}{\partial c_j} = s \, (p_j - [j = y])

Source: H. Wang et al., *CosFace: Large Margin Cosine Loss for Deep Face Recognition*,
CVPR 2018, equation 4. F. Wang et al. published it as AM-Softmax.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize


def cosface(
    embedding: Tensor,
    weight: Tensor,
    target: Tensor,
    margin: float = 0.35,
    scale: float = 16.0,
) -> Tensor:
    """Cross entropy of scaled cosines, less a margin for the true class.

    Args:
        embedding: Tensor of shape (N, D) of any lengths.
        weight: Tensor of shape (C, D) of any lengths: a vector for each class, a
            parameter that the optimizer has to know.
        target: The true classes, int64 in [0, C), of shape (N,).
        margin: What the cosine of the true class has to be larger by; 0 or more.
        scale: What cosines are multiplied by; above 0.

    Returns:
        A scalar, the mean over rows; NaN where N is 0, as torch's cross entropy.

    Raises:
        ValueError: The shapes do not fit, or an option is out of range.
        RuntimeError: A class is out of range.

    >>> rows = torch.tensor([[1.0, 0.0]], requires_grad=True)
    >>> weight = torch.tensor([[0.0, 3.0], [1.0, 0.0]])
    >>> loss = cosface(rows, weight, torch.tensor([1]), margin=0.5, scale=2.0)
    >>> print(f"{loss.item():.4f}")  # logits 2 * 0 and 2 (1 - 0.5): log(1 + e^-1)
    0.3133
    >>> loss.backward()
    >>> rows.grad  # across the row: softmax 0.2689 * scale 2
    tensor([[0.0000, 0.5379]])

    >>> x = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64)
    >>> w = torch.tensor([[1.0, 1.0], [0.0, 2.0]], dtype=torch.float64)
    >>> inputs = (x.requires_grad_(), w.requires_grad_(), torch.tensor([1, 0]))
    >>> torch.autograd.gradcheck(cosface, inputs)
    True
    """
    dims = embedding.ndim, weight.ndim, embedding.shape[1:], target.shape
    if dims != (2, 2, weight.shape[1:], embedding.shape[:1]):
        raise ValueError(
            f"embedding, weight and target must have shapes (N, D), (C, D) and (N,), "
            f"got {tuple(embedding.shape)}, {tuple(weight.shape)} and "
            f"{tuple(target.shape)}"
        )
    if not 0 <= margin < torch.inf:
        raise ValueError(f"margin must be finite and 0 or more, got {margin}")
    if not 0 < scale < torch.inf:
        raise ValueError(f"scale must be finite and above 0, got {scale}")
    cosine = normalize(embedding) @ normalize(weight).mT
    true = torch.arange(len(weight), device=target.device) == target.unsqueeze(1)
    return cross_entropy(scale * torch.where(true, cosine - margin, cosine), target)


# %%
# What the margin does: classes part
# ----------------------------------
# Five classes of points in the plane, embedded on the circle. Cross entropy of cosines
# is content with any angle that wins by a little. With a margin a row that is right
# still has a gradient, until it wins by 0.35 and more.

import matplotlib.pyplot as plt

target = torch.arange(200) % 5
fig, axes = plt.subplots(1, 2, layout="constrained")
for ax, margin in zip(axes, (0.0, 0.35), strict=True):
    _ = torch.manual_seed(3)
    rows = torch.randn(200, 2).requires_grad_()
    weight = torch.randn(5, 2).requires_grad_()
    optimizer = torch.optim.SGD([rows, weight], lr=10.0)
    for _ in range(300):
        optimizer.zero_grad()
        cosface(rows, weight, target, margin, scale=8.0).backward()
        optimizer.step()
    unit = normalize(rows.detach())
    for label in range(5):
        ax.plot(*unit[target == label].T, ".")
    ax.set(title=f"margin {margin}", aspect="equal", xlabel="on the unit circle")
    cosine = unit @ normalize(weight.detach()).T
    true = cosine.gather(1, target[:, None])[:, 0]
    rest = cosine.scatter(1, target[:, None], -2.0).amax(1)
    print(f"margin {margin}: {(true > rest).float().mean():.0%} right, ", end="")
    print(f"true cosine less the next, median: {(true - rest).median():.2f}")

# %%
# Which scale, and where does the loss start?
# -------------------------------------------
# Cosines end at 1, so without a scale even a perfect row has a loss: the paper gives
# the bound below which s cannot bring the probability P of the true class. With more
# classes it has to be larger; 64 is usual with 100,000. Random rows start above
# log C + s m, and so above the log C of a plain classifier.

for classes in (10, 1000, 100_000):
    odds = torch.tensor((classes - 1) * 0.9 / (1 - 0.9))
    bound = (classes - 1) / classes * odds.log()
    print(f"{classes:6} classes, P of 0.9: s must be at least {bound:.1f}")
rows, weight, target = torch.randn(500, 64), torch.randn(50, 64), torch.arange(500) % 50
start = torch.tensor(50.0).log() + 16 * 0.35
print(f"starts at {cosface(rows, weight, target):.2f}, log C + s m is {start:.2f}")

# %%
# Use it when new classes appear after training and rows are compared by their cosine,
# as faces are; rather :doc:`/examples/embedding/arcface` when the margin should be an
# angle, and cross entropy when the classes are fixed. When predicting, leave the margin
# out: the largest cosine decides.

# sphinx_gallery_tags = ["embedding", "classes", "margin", "learned parameters"]
