r"""
Generalized Jensen-Shannon divergence
=====================================

Distillation whose gradient stays bounded, between copying all modes and one of them.

With the teacher's probabilities :math:`p`, the student's :math:`q` and their mixture:

.. math::

   \ell = \beta \, \text{KL}(p \,\|\, m) + (1 - \beta) \, \text{KL}(q \,\|\, m)
   \qquad
   m = \beta p + (1 - \beta) q

.. math::

   \frac{\partial \ell}{\partial \log q_c}
   = (1 - \beta) \, q_c \log \frac{q_c}{m_c}
   \quad \text{before the softmax}

Source: R. Agarwal et al., *On-Policy Distillation of Language Models: Learning from
Self-Generated Mistakes* (GKD), ICLR 2024, equation 2. There, and here, ``beta`` is the
weight of the teacher in the mixture.
"""

import math

import torch
from torch import Tensor


def jsd(student: Tensor, teacher: Tensor, beta: float = 0.5) -> Tensor:
    """Generalized Jensen-Shannon divergence of two softmaxes, the mean over rows.

    Args:
        student: Logits of shape (..., C).
        teacher: Logits of the same shape; give them without a gradient.
        beta: Weight of the teacher in the mixture, in (0, 1).

    Returns:
        A scalar in nats, between 0 and log 2; 0 where there are no rows.

    Raises:
        ValueError: The shapes differ, or ``beta`` is out of range.

    >>> student = torch.tensor([[0.0, 100.0]], requires_grad=True)
    >>> loss = jsd(student, torch.tensor([[100.0, 0.0]]))
    >>> print(f"{loss.item():.4f}")  # nothing in common: log 2
    0.6931
    >>> student = torch.zeros(1, 2, requires_grad=True)
    >>> jsd(student, torch.tensor([[3.0, 1.0]]).log()).backward()
    >>> student.grad  # m = (5/8, 3/8): 1/2 * 1/2 * 1/2 * log(3/5), and minus that
    tensor([[-0.0639,  0.0639]])

    >>> s, t = torch.tensor([[[0.5, -1.0, 2.0]], [[1.0, 0.0, -1.0]]]).double()
    >>> torch.autograd.gradcheck(jsd, (s.requires_grad_(), t))
    True
    """
    if student.shape != teacher.shape or student.ndim == 0:
        raise ValueError(
            f"student and teacher must have the same shape (..., C), got "
            f"{tuple(student.shape)} and {tuple(teacher.shape)}"
        )
    if not 0 < beta < 1:
        raise ValueError(f"beta must be in (0, 1), got {beta}")
    log_q, log_p = student.log_softmax(-1), teacher.log_softmax(-1)
    # A class that is masked by -inf in both has a probability of 0, and no gradient.
    least = torch.finfo(log_q.dtype).min
    log_q, log_p = log_q.clamp(min=least), log_p.clamp(min=least)
    log_m = torch.logaddexp(log_p + math.log(beta), log_q + math.log1p(-beta))
    log_m = log_m.clamp(min=least)
    of_teacher = beta * log_p.exp() * (log_p - log_m)
    of_student = (1 - beta) * log_q.exp() * (log_q - log_m)
    loss = (of_teacher + of_student).sum(-1)
    return loss.mean() if loss.numel() else loss.sum()


# %%
# Which of the teacher's two modes?
# ---------------------------------
# The teacher has two modes, the student is a single bump that can only move and spread.
# With a small beta the mixture is nearly the student, and the student covers both, as
# with KL(teacher || student). With a beta near 1 it settles on one, as with
# KL(student || teacher).

import matplotlib.pyplot as plt

x = torch.linspace(-6, 6, 61)
teacher = torch.logaddexp(-((x + 2.5) ** 2), -((x - 2.5) ** 2) - 0.4)
fig, ax = plt.subplots()
ax.plot(x, teacher.softmax(0), "C2--", label="teacher")
for beta, style in ((0.02, "C0"), (0.98, "C1")):
    center, log_width = (torch.tensor(v, requires_grad=True) for v in (-1.5, 0.5))
    optimizer = torch.optim.Adam([center, log_width], lr=0.05)
    for _ in range(400):
        student = -(((x - center) / log_width.exp()) ** 2)
        optimizer.zero_grad()
        (jsd(student, teacher, beta) / (beta * (1 - beta))).backward()
        optimizer.step()
    ax.plot(x, student.detach().softmax(0), style, label=f"student, beta {beta}")
ax.set(xlabel="class", ylabel="probability")
ax.set_title("A small beta covers both modes, a large one settles on one")
ax.legend()

# %%
# Beta 0 is not the forward KL: the loss is 0 there
# -------------------------------------------------
# At both ends the mixture is one of the two, and the divergence is 0 with all of its
# gradient. Divided by beta it tends to KL(teacher || student), by 1 - beta to
# KL(student || teacher). Raise the learning rate, or divide, when beta is extreme.

student, teacher = torch.tensor([[[1.0, 0.0, -1.0]], [[0.0, 1.0, 1.0]]])
log_q, log_p = student.log_softmax(-1), teacher.log_softmax(-1)
forward = (log_p.exp() * (log_p - log_q)).sum()
backward = (log_q.exp() * (log_q - log_p)).sum()
small, large = jsd(student, teacher, 1e-3), jsd(student, teacher, 0.999)
print(f"beta 0.001: {small:.5f}, by beta {small / 1e-3:.3f}, forward KL {forward:.3f}")
print(f"beta 0.999: {large:.5f}, by 1 - beta {large / 1e-3:.3f}, ", end="")
print(f"KL(student || teacher) {backward:.3f}")

# %%
# Use it when a student is trained on its own samples, or the teacher has modes that the
# student cannot hold; rather :doc:`/examples/language/kd` when it should have all the
# probabilities of the teacher.
# With a beta of one half the loss ends at log 2, where the two have nothing in common.
# There the gradient has gone: start from a student that is not that far.

for distance in (2.0, 10.0, 100.0):
    student, teacher = torch.tensor([[[0.0, distance]], [[distance, 0.0]]])
    gradient, loss = torch.func.grad_and_value(jsd)(student, teacher)
    print(f"{distance} apart: loss {loss:.4f}, gradient {gradient.abs().max():.1e}")

# sphinx_gallery_tags = ["language", "distributions"]
