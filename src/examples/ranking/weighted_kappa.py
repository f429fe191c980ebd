r"""
Weighted kappa
==============

The gradient grows with the squared distance to the grade, less what chance would do.

One minus Cohen's kappa, with probabilities :math:`p_{nk}` for counts; :math:`y_n` is
the true grade, :math:`h_i` the number of samples of grade :math:`i` and
:math:`P_k = \sum_n p_{nk}`:

.. math::

   \ell = 1 - \kappa = \frac{A}{B}
   = \frac{\sum_n \sum_k (y_n - k)^2 \, p_{nk}}
          {\frac{1}{N} \sum_i \sum_k (i - k)^2 \, h_i \, P_k}
   \qquad
   \frac{\partial \ell}{\partial p_{nk}} = \frac{(y_n - k)^2 - \ell \,
   \frac{1}{N} \sum_i (i - k)^2 \, h_i}{B}


Source: J. de la Torre, D. Puig, A. Valls, *Weighted kappa loss function for multi-class
classification of ordinal data in deep learning*, Pattern Recognition Letters 105
(2018), which minimises the logarithm.
"""

import torch
from torch import Tensor


def weighted_kappa(logits: Tensor, target: Tensor, ignore_index: int = -100) -> Tensor:
    """One minus the quadratically weighted kappa of a batch, with probabilities.

    Args:
        logits: Tensor of shape (N, K), not normalised, of grades in their order.
        target: The grades, int64 in [0, K), of shape (N,).
        ignore_index: A target that does not count.

    Returns:
        A scalar: 0 for full agreement, 1 for what chance does, at most 2; 0 where no
        target counts.

    Raises:
        ValueError: The shapes do not fit.

    >>> logits = torch.zeros(2, 2, requires_grad=True)
    >>> loss = weighted_kappa(logits, torch.tensor([0, 1]))
    >>> loss.detach()  # equal probabilities know nothing
    tensor(1.)
    >>> loss.backward()
    >>> logits.grad
    tensor([[-0.2500,  0.2500],
            [ 0.2500, -0.2500]])

    >>> x = [[0.0, 1.0, 3.0], [2.0, -1.0, 0.5]]
    >>> x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(weighted_kappa, (x, torch.tensor([1, 0])))
    True
    """
    if logits.ndim != 2 or target.shape != logits.shape[:1]:
        raise ValueError(
            f"logits and target must have the shapes (N, K) and (N,), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    wide = torch.promote_types(logits.dtype, torch.float32)
    counts = (target != ignore_index)[:, None]
    # Before softmax for the gradient of a NaN, after it for the value.
    probability = logits.masked_fill(~counts, 0).softmax(1, dtype=wide) * counts
    grades = torch.arange(logits.shape[1], device=logits.device)
    truth = ((target[:, None] == grades) & counts).to(wide)
    cost = (grades[:, None] - grades).square().to(wide)
    observed = ((truth @ cost) * probability).sum()
    share = truth.sum(0) / counts.sum().clamp(min=1)
    by_chance = share @ cost @ probability.sum(0)
    # Chance costs nothing where all are of one grade and surely so: then nothing does.
    return (observed / by_chance.masked_fill(by_chance == 0, 1)).to(logits.dtype)


# %%
# The kappa of a small batch is another one
# -----------------------------------------
# Chance is counted in the batch: its grades are in the denominator. So the mean over
# small batches is another, mostly larger, value than the loss of them all, and a batch
# with only one grade has a loss of 1 and no gradient, whatever the model says. Use
# batches that hold most grades: 64 and more rather than 8.

import matplotlib.pyplot as plt

target = torch.randint(5, (2048,))
logits = -2 * (torch.arange(5) - target[:, None] - torch.randn(2048, 1)).abs()
sizes = [2, 4, 8, 16, 32, 64, 128, 256, 2048]
means = []
for size in sizes:
    batches = zip(logits.split(size), target.split(size), strict=True)
    means.append(sum(weighted_kappa(*batch) for batch in batches) * size / 2048)

fig, ax = plt.subplots()
ax.semilogx(sizes, means, "o-", base=2, label="mean over the batches")
ax.axhline(means[-1], linestyle="--", label="all at once")
ax.set(xlabel="samples in a batch", ylabel="loss, 1 - kappa")
ax.set_title("The smaller the batch, the further from the kappa of the data")
ax.legend()

some = logits[:8].clone().requires_grad_()
loss = weighted_kappa(some, torch.zeros(8, dtype=torch.int64))
loss.backward()
print(f"one grade only: loss {loss:.3f}, gradient {some.grad.abs().max():.0e}")

# %%
# It is not the kappa that you report
# -----------------------------------
# The reported one counts predicted grades, this one probabilities. A model that is
# unsure but right has a kappa of 1 in the report and a loss above 0: sharper
# probabilities lower the loss, so they come out too sure.

right = torch.nn.functional.one_hot(target, 5).float()
for scale in (1, 3, 10):
    print(f"logits 0 and {scale}: loss {weighted_kappa(scale * right, target):.3f}")

# %%
# Use it when kappa is the figure that you are judged by, after some epochs of cross
# entropy; rather :doc:`/examples/ranking/ordinal_emd` or
# :doc:`/examples/ranking/cumulative_link` when samples come singly, in small batches,
# or when probabilities should be right, and :doc:`/examples/regression/concordance` for
# the same idea with numbers instead of grades.

# sphinx_gallery_tags = ["classification", "ranking", "grades", "missing labels", "metric"]
