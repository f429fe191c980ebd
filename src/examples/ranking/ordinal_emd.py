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

It is summed over the grades and averaged over the samples; some codes divide by
:math:`K`, and NIMA takes a root.

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
# No. Take five grades, the truth is the first, and 60 % of the probability stands on
# one other grade. Cross entropy is the same whichever it is. This loss grows with the
# distance: one more of its K - 1 differences is large.

import matplotlib.pyplot as plt

probability = torch.full((4, 5), 0.1)
probability[torch.arange(4), torch.arange(1, 5)] = 0.6
rows = probability.log()
first = torch.zeros(1, dtype=torch.int64)
emd = [ordinal_emd(row[None], first).item() for row in rows]
entropy = [torch.nn.functional.cross_entropy(row[None], first).item() for row in rows]

fig, ax = plt.subplots()
ax.plot(range(2, 6), emd, "C0o-", label="ordinal EMD")
ax.plot(range(2, 6), entropy, "C2s--", label="cross entropy")
ax.set(xlabel="the grade that has 60 %; the true one is 1", ylabel="loss", ylim=(0, 3))
ax.set_xticks(range(2, 6))
ax.set_title("The further off, the larger the loss")
ax.legend()
print("EMD          ", [f"{value:.2f}" for value in emd])
print("cross entropy", [f"{value:.2f}" for value in entropy])

# %%
# A model that is sure of the wrong grade hardly learns
# -----------------------------------------------------
# Like that of the Brier score, the gradient is multiplied by the slope of softmax, and
# that is near 0 where one grade has all the probability. If it is the wrong one the
# loss is at its highest and the gradient vanishes. Train with cross entropy first, or
# add some of it.

for size in (2.0, 5.0, 10.0, 20.0):
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0, size]], requires_grad=True)
    loss = ordinal_emd(logits, first)
    (gradient,) = torch.autograd.grad(loss, logits)
    entropy = torch.nn.functional.cross_entropy(logits, first)
    (theirs,) = torch.autograd.grad(entropy, logits)
    print(f"logit {size:2.0f}: loss {loss:.3f}, largest gradient ", end="")
    print(f"{gradient.abs().max():.1e} (cross entropy {theirs.abs().max():.2f})")

# %%
# Its best probabilities are the true ones
# ----------------------------------------
# The score is proper: where raters give 50 %, 20 % and 30 % to three grades, these
# probabilities have the lowest mean loss, and no sharper ones. That minimum is not 0.

share = torch.tensor([0.5, 0.2, 0.3])
logits = torch.zeros(3, requires_grad=True)
optimizer = torch.optim.Adam([logits], lr=0.1)
for _ in range(300):
    optimizer.zero_grad()
    each = torch.stack([ordinal_emd(logits[None], torch.tensor([k])) for k in range(3)])
    expected = (share * each).sum()
    expected.backward()
    optimizer.step()
best = [round(p, 3) for p in logits.softmax(0).tolist()]
print(f"best probabilities {best}, loss {expected:.3f}")

# %%
# Use it when grades have equal steps and a near miss should cost less; rather
# :doc:`/examples/ranking/cumulative_link` or :doc:`/examples/ranking/coral` when one
# score orders them, :doc:`/examples/probabilistic/crps_normal` for continuous targets,
# of which this is the counterpart, and
# :doc:`/examples/ranking/weighted_kappa` when kappa is what you report.
# Equal logits start at (K - 1)(2K - 1) / 6K for an outer grade, less for the middle
# one; so values for different numbers of grades are not comparable.

for grades in (3, 5, 10):
    start = ordinal_emd(torch.zeros(1, grades), first)
    formula = (grades - 1) * (2 * grades - 1) / (6 * grades)
    middle = ordinal_emd(torch.zeros(1, grades), first + grades // 2)
    print(f"{grades:2} grades: {start:.3f} = {formula:.3f}, in the middle {middle:.3f}")

# sphinx_gallery_tags = ["ranking", "classification", "ordinal"]
