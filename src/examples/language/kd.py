r"""
Distillation
============

The gradient asks the student for all probabilities of the teacher, not its best class.

A temperature :math:`T` softens both, so that small probabilities are heard, too:

.. math::

   \ell = T^2 \sum_c p_c \log \frac{p_c}{q_c}
   \qquad
   p = \text{softmax}(\text{teacher} / T)
   \qquad
   q = \text{softmax}(\text{student} / T)

.. math::

   \frac{\partial \ell}{\partial \text{student}_c} = T \, (q_c - p_c)

Source: G. Hinton, O. Vinyals and J. Dean, *Distilling the Knowledge in a Neural
Network*, arXiv:1503.02531 (2015), section 2.
"""

import torch
from torch import Tensor


def kd(
    student: Tensor,
    teacher: Tensor,
    temperature: float = 3.0,
    reduction: str = "mean",
) -> Tensor:
    """Divergence of the student's probabilities from the teacher's, both softened.

    Args:
        student: Logits of shape (N, C). A class with -inf in both is left out; one that
            the teacher alone holds possible costs inf.
        teacher: Logits of the same shape. They get a gradient, too, if they need one.
        temperature: What both are divided by; positive.
        reduction: ``"mean"`` over the rows, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or an option is out of range.

    >>> student = torch.zeros(1, 2, requires_grad=True)
    >>> teacher = torch.tensor([[3.0, 1.0]]).log() * 3  # at T = 3: p = 3/4, 1/4
    >>> loss = kd(student, teacher)
    >>> print(f"{loss.item():.4f}")  # 9 * (3/4 log 3/2 + 1/4 log 1/2)
    1.1773
    >>> loss.backward()
    >>> student.grad  # 3 * (1/2 - 3/4) and 3 * (1/2 - 1/4)
    tensor([[-0.7500,  0.7500]])

    >>> x = torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(kd, (x, x.detach().flip(1).requires_grad_()))
    True
    """
    if student.ndim != 2 or student.shape != teacher.shape:
        raise ValueError(
            f"student and teacher must have the same shape (N, C), got "
            f"{tuple(student.shape)} and {tuple(teacher.shape)}"
        )
    if not 0 < temperature < torch.inf:
        raise ValueError(f"temperature must be positive and finite, got {temperature}")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    log_q = (student / temperature).log_softmax(1)
    log_p = (teacher / temperature).log_softmax(1)
    gap = torch.where(log_p > -torch.inf, log_p - log_q, 0)  # p log p is 0 at p = 0
    loss = temperature**2 * (log_p.exp() * gap).sum(1)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The gradient ends where the teacher is
# --------------------------------------
# Two classes; the teacher's logits differ by 4, the student's by what the axis says.
# Cross entropy with the teacher's best class has a gradient to the right everywhere.
# That of distillation is 0 where the student says what the teacher says.
#
# .. draggable-figure:: kd([along(-4, 12, 0, name="margin of the student"), 0.0],
#    [4.0, 0.0], temperature=slider(1, 10, 3))
#
#    Lower the temperature to 1: a student that is too sure, on the right, has hardly a
#    gradient. At the teacher's margin of 4 it is zero at any temperature.

import matplotlib.pyplot as plt
from torch.nn.functional import kl_div

margin = torch.linspace(-6, 14, 201, requires_grad=True)
student = torch.stack([margin, torch.zeros(201)], dim=1)
teacher = torch.tensor([[4.0, 0.0]]).expand(201, 2)
loss = kd(student, teacher, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), margin)
margin = margin.detach()

fig, ax = plt.subplots()
ax.plot(margin, loss.detach(), label="distillation, T = 3")
ax.plot(margin, gradient, label="its gradient")
ax.plot(margin, margin.sigmoid() - 1, "C2--", label="gradient of cross entropy")
ax.set(xlabel="margin of the student's first class", ylabel="loss and gradient")
ax.set(ylim=(-2.5, 4))
ax.set_title("At the teacher's margin of 4 the gradient changes its sign")
ax.legend(loc="lower right")

# %%
# Why T squared?
# --------------
# Dividing both logits by T shrinks the gradient by about 1 / T²: once by the
# chain rule, once because softened probabilities differ less. The factor keeps the
# balance with the loss of hard labels when T changes. In torch's own words: the student
# as ``log_softmax``, the teacher as ``softmax`` without a gradient, and the reduction
# ``"batchmean"``; ``"mean"`` divides by the number of classes, too.

student = torch.linspace(-1, 1, 20).reshape(2, 10).requires_grad_()
teacher = student.detach().sin().flip(1) * 4
for T in (1.0, 4.0, 16.0):
    q, p = (student / T).log_softmax(1), (teacher / T).softmax(1)
    theirs, ours = kl_div(q, p, reduction="batchmean"), kd(student, teacher, T)
    torch.testing.assert_close(ours, T**2 * theirs)
    norm = torch.autograd.grad(theirs, student)[0].norm()
    print(f"T = {T:4}: norm of the gradient {norm:.4f}, times T² {T**2 * norm:.4f}")

# %%
# Use it when a small model learns from the answers of a large one, with or without
# labels beside; rather :doc:`/examples/language/jsd` when the student generates its own
# text, cross entropy when there is no teacher. Run the teacher under ``torch.no_grad``:
# it gets a gradient, too. The value is 0 where the two agree. Tokens that are
# suppressed with -inf in both are NaN in ``kl_div``, where 0 meets (-inf) - (-inf):

student = torch.tensor([[1.0, 0.0, -torch.inf]], requires_grad=True)
teacher = torch.tensor([[2.0, 0.0, -torch.inf]])
theirs = kl_div(student.log_softmax(1), teacher.softmax(1), reduction="batchmean")
ours = kd(student, teacher, 1.0)
(gradient,) = torch.autograd.grad(ours, student)
print(f"torch's {theirs}, ours {ours:.4f}, gradient {gradient.tolist()}")

# sphinx_gallery_tags = ["classification", "language", "distributions"]
