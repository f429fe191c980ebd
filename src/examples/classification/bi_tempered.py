r"""
Bi-tempered
===========

For noisy labels: one far on the wrong side costs a bounded loss, its gradient fades.

The logarithm of cross entropy and the exponential of softmax get a temperature each:

.. math::

   \log_t x = \frac{x^{1 - t} - 1}{1 - t}
   \qquad
   \exp_t x = \max(0, 1 + (1 - t) x)^{1 / (1 - t)}

.. math::

   \ell = -\log_{t_1} p_\text{true}
   + \frac{\sum_j p_j^{2 - t_1} - 1}{2 - t_1}
   \qquad
   p_j = \exp_{t_2}(z_j - \lambda), \quad \sum_j p_j = 1

:math:`t_1 < 1` bounds the loss, by :math:`1 / (1 - t_1)`; :math:`t_2 > 1` gives the
probabilities heavy tails. With both at 1 it is cross entropy.

Source: E. Amid, M. K. Warmuth, R. Anil and T. Koren, *Robust Bi-Tempered Logistic Loss
Based on Bregman Divergences*, NeurIPS 2019, section 3.
"""

import torch
from torch import Tensor


def bi_tempered(
    logits: Tensor,
    target: Tensor,
    t1: float,
    t2: float,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Tensor:
    """Cross entropy with a bounded logarithm and a softmax with heavy tails.

    Args:
        logits: Tensor of shape (N, C) or (N, C, ...), not normalised.
        target: The true classes, int64 in [0, C), of shape (N,) or (N, ...).
        t1: Temperature of the logarithm, below 2; below 1 the loss is bounded.
        t2: Temperature of the exponential, above 0; above 1 the tails are heavy, below
            1 a class far behind has probability 0, and if it is true, no gradient.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        ignore_index: A target that does not count.

    Returns:
        A scalar, 0 where no target counts; of the shape of ``target`` with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or an option is out of range.

    >>> logits = torch.zeros(1, 4, requires_grad=True)  # p = 1/4, whatever t2
    >>> loss = bi_tempered(logits, torch.tensor([0]), t1=0.5, t2=2.0)
    >>> loss.detach()  # 2 (1 - 1/2) + (4 / 8 - 1) / 1.5
    tensor(0.6667)
    >>> loss.backward()
    >>> logits.grad  # p^(2 - t1) = 1/8 times (p_j - [j = true]) over the sum of p^2
    tensor([[-0.0938,  0.0312,  0.0312,  0.0312]])

    >>> def tempered(logits):
    ...     return bi_tempered(logits, torch.tensor([1]), t1=0.8, t2=1.3)
    >>> x = torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(tempered, (x,))
    True
    """
    if logits.ndim < 2 or target.shape != logits.shape[:1] + logits.shape[2:]:
        raise ValueError(
            f"logits and target must have the shapes (N, C, ...) and (N, ...), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if not (t1 < 2 and t2 > 0):
        raise ValueError(f"t1 must be below 2 and t2 above 0, got {t1} and {t2}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    counted = target != ignore_index
    index = target.masked_fill(~counted, 0).unsqueeze(1)
    log_p = log_tempered_softmax(logits, t2)
    log_right = log_p.gather(1, index).squeeze(1)
    # log_t of p, from its logarithm: precise where p is small and where t1 is near 1.
    cost = -log_right if t1 == 1 else -torch.expm1((1 - t1) * log_right) / (1 - t1)
    loss = cost + (((2 - t1) * log_p).exp().sum(1) - 1) / (2 - t1)
    loss = loss.masked_fill(~counted, 0)
    if reduction == "mean":
        return (loss / counted.sum().clamp(min=1)).sum()
    return loss if reduction == "none" else loss.sum()


def log_tempered_softmax(logits: Tensor, t: float) -> Tensor:
    """Logarithms of the probabilities over dimension 1; -inf where they are 0."""
    # Newton's method for the shift, from below: ten steps end it, and two more with
    # gradients give those of the solution, to the second derivative.
    shift = logits.detach().amax(1, keepdim=True)
    for step in range(12):
        z = logits if step >= 10 else logits.detach()
        log_p = log_tempered_exp(z - shift, t)
        total = log_p.exp().sum(1, keepdim=True)
        slope = (t * log_p).exp().sum(1, keepdim=True)
        log_total = total.log() if t == 1 else (total ** (1 - t) - 1) / (1 - t)
        shift = shift + log_total * total**t / slope
    return log_tempered_exp(logits - shift, t)


def log_tempered_exp(x: Tensor, t: float) -> Tensor:
    """Logarithm of exp_t."""
    if t == 1:
        return x
    base = 1 + (1 - t) * x
    log = base.clamp(min=torch.finfo(x.dtype).tiny).log() / (1 - t)
    return torch.where(base > 0, log, -torch.inf)


# %%
# One temperature for labels far off, one for labels near the border
# ------------------------------------------------------------------
# With t1 below 1 a wrong label far out costs no more than one that is merely wrong, and
# its gradient goes to 0. With t2 above 1 a sample that is right keeps a little gradient
# for long, so the model need not put the border through wrong labels close to it.

import matplotlib.pyplot as plt

lead = torch.linspace(-10, 10, 201, requires_grad=True)
logits = torch.stack([lead, torch.zeros_like(lead)], 1)
true = torch.zeros(201, dtype=torch.int64)
fig, ax = plt.subplots()
for t1, t2 in ((1.0, 1.0), (0.2, 1.0), (1.0, 4.0)):
    loss = bi_tempered(logits, true, t1, t2, "none")
    (gradient,) = torch.autograd.grad(loss.sum(), lead)
    ax.plot(lead.detach(), gradient, label=f"t1 = {t1:g}, t2 = {t2:g}")
    print(f"t1 {t1}, t2 {t2}: loss at -10 {loss[0]:6.3f}, gradient ", end="")
    print(f"at -10 {gradient[0]:.4f}, at 10 {gradient[-1]:.4f}")
ax.set(xlabel="true logit, less the other", ylabel="gradient of the true logit")
ax.set_title("t1 ends the gradient on the left, t2 keeps it on the right")
ax.legend()

# %%
# Thirty wrong labels far out
# ---------------------------
# Two clouds of 500 points that overlap a little. Thirty more points lie far on the side
# of the second, and are labelled as the first. Cross entropy turns its border to meet
# them, and the bounded loss gives them up.

clean_target = torch.arange(1000) % 2
clean = torch.randn(1000, 2)
clean[:, 0] += 3.0 * clean_target - 1.5
points = torch.cat([clean, torch.tensor([8.0, 6.0]) + torch.randn(30, 2)])
target = torch.cat([clean_target, torch.zeros(30, dtype=torch.int64)])

for t1, t2 in ((1.0, 1.0), (0.8, 1.2), (0.2, 4.0)):
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        bi_tempered(model(points), target, t1, t2).backward()
        optimizer.step()
    right = (model(clean).argmax(1) == clean_target).float().mean()
    print(f"t1 {t1}, t2 {t2}: {right:.1%} of the clean points are right")

# %%
# Use it when some labels are plainly wrong and you cannot clean them; rather
# :doc:`/examples/classification/generalized_cross_entropy`, which has one option and
# needs no solver, when that is enough, and ``cross_entropy`` with label smoothing when
# labels are only uncertain. Begin near 1, with t1 = 0.8 and t2 = 1.2: the farther from
# it, the less a network learns at first, since what is badly wrong has little gradient.
# Read probabilities from ``log_tempered_softmax``, not from softmax.

# sphinx_gallery_tags = ["classification", "classes", "noisy labels", "missing labels"]
