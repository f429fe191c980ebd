r"""
Ordinal EMD
===========

A far grade gets more gradient than a near one, as long as softmax is not saturated.

The squared earth mover's distance between the probabilities :math:`p` of :math:`K`
ordered grades and the true one: with the cumulative sums
:math:`P_k = p_1 + \dots + p_k` and :math:`T_k = 1` from the true grade on,

.. math::

   \ell = \sum_{k=1}^{K-1} (P_k - T_k)^2
   \qquad
   \frac{\partial \ell}{\partial z_j}
   = 2 p_j \sum_{k=1}^{K-1} (P_k - T_k) \left( [j \le k] - P_k \right)

Some codes divide by :math:`K`, and NIMA takes a root.

Source: L. Hou, C.-P. Yu, D. Samaras, *Squared Earth Mover's Distance-based Loss for
Training Deep Neural Networks* (2016); as the ranked probability score, E. S. Epstein,
Journal of Applied Meteorology 8 (1969).
"""

import torch
from torch import Tensor


def ordinal_emd(logits: Tensor, target: Tensor, ignore_index: int = -100) -> Tensor:
    """Squared distance of the cumulative probabilities from those of the true grade.

    Args:
        logits: Tensor of shape (N, K), not normalised, of grades in their order.
        target: The grades, int64 in [0, K), of shape (N,).
        ignore_index: A target that does not count.

    Returns:
        A scalar, the mean over the samples, from 0 to K - 1; 0 where no target counts.

    Raises:
        ValueError: The shapes do not fit.

    >>> logits = torch.zeros(1, 2, requires_grad=True)
    >>> loss = ordinal_emd(logits, torch.tensor([0]))
    >>> loss.detach()  # (1/2 - 1)^2
    tensor(0.2500)
    >>> loss.backward()
    >>> logits.grad  # 2 * 1/2 * -1/2 * (1 - 1/2)
    tensor([[-0.2500,  0.2500]])
    >>> ordinal_emd(torch.zeros(1, 3), torch.tensor([0]))  # (1/3 - 1)^2 + (2/3 - 1)^2
    tensor(0.5556)

    >>> x = torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(ordinal_emd, (x, torch.tensor([1])))
    True
    """
    if logits.ndim != 2 or target.shape != logits.shape[:1]:
        raise ValueError(
            f"logits and target must have the shapes (N, K) and (N,), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    ignored = target == ignore_index
    cumulative = logits.masked_fill(ignored[:, None], 0).softmax(1).cumsum(1)
    grades = torch.arange(logits.shape[1], device=logits.device)
    difference = cumulative - (grades >= target[:, None]).to(logits.dtype)
    # The last sum is 1 on both sides, up to rounding.
    difference = difference[:, :-1].masked_fill(ignored[:, None], 0)
    count = (~ignored).sum().clamp(min=1)
    return (difference.square().sum(1) / count).sum()


# %%
# Does cross entropy know that a five is further from a one than a two is?
# ------------------------------------------------------------------------
# No. Of five grades the first is true, and 60 % of the probability stands on one other.
# Cross entropy is the same whichever it is. This loss grows with the distance.

import matplotlib.pyplot as plt

probability = torch.full((4, 5), 0.1)
probability[torch.arange(4), torch.arange(1, 5)] = 0.6
rows = probability.log()
first = torch.zeros(1, dtype=torch.int64)
emd = [ordinal_emd(row[None], first).item() for row in rows]
entropy = [torch.nn.functional.cross_entropy(row[None], first).item() for row in rows]

fig, ax = plt.subplots()
ax.plot(range(2, 6), emd, "o-", label="ordinal EMD")
ax.plot(range(2, 6), entropy, "s--", label="cross entropy")
ax.set(xlabel="the grade that has 60 %; the true one is 1", ylabel="loss", ylim=(0, 3))
ax.set_xticks(range(2, 6))
ax.set_title("The further off, the larger the loss")
ax.legend()

# %%
# A model that is sure of the wrong grade hardly learns
# -----------------------------------------------------
# The gradient is multiplied by the slope of softmax, which is near 0 where one grade
# has all the probability. If it is the wrong one, the loss is at its highest and the
# gradient vanishes. Train with cross entropy first, or add some of it.

for size in (2.0, 5.0, 10.0, 20.0):
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0, size]], requires_grad=True)
    loss = ordinal_emd(logits, first)
    (gradient,) = torch.autograd.grad(loss, logits)
    entropy = torch.nn.functional.cross_entropy(logits, first)
    (theirs,) = torch.autograd.grad(entropy, logits)
    print(f"logit {size:2.0f}: loss {loss:.3f}, largest gradient ", end="")
    print(f"{gradient.abs().max():.1e} (cross entropy {theirs.abs().max():.2f})")

# %%
# It is proper: where raters give 50 %, 20 % and 30 % to three grades, the mean loss of
# these probabilities has a gradient of 0, though it is not 0 itself. Values for
# different numbers of grades are not comparable, since the sum has more terms.
#
# Use it when grades have equal steps and a near miss should cost less; rather
# :doc:`/examples/ranking/cumulative_link` or :doc:`/examples/ranking/coral` when one
# score orders them, :doc:`/examples/probabilistic/crps_normal` for continuous targets,
# of which this is the counterpart, and
# :doc:`/examples/ranking/weighted_kappa` when kappa is what you report.

share = torch.tensor([0.5, 0.2, 0.3])
logits = share.log().requires_grad_()
each = [ordinal_emd(logits[None], torch.tensor([grade])) for grade in range(3)]
expected = share @ torch.stack(each)
(gradient,) = torch.autograd.grad(expected, logits)
print(f"mean loss {expected:.2f}, gradient at most {gradient.abs().max():.0e}")

# sphinx_gallery_tags = ["classification", "ranking", "grades", "missing labels"]
