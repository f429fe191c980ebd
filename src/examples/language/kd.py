r"""
Distillation
============

The student is pulled to all probabilities of the teacher, not to its best class alone.

A temperature :math:`T` softens both, so that small probabilities are heard, too:

.. math::

   \ell = T^2 \sum_c p_c \log \frac{p_c}{q_c}
   \qquad
   p = \text{softmax}(\text{teacher} / T)
   \qquad
   q = \text{softmax}(\text{student} / T)

.. math::

   \frac{\partial \ell}{\partial \text{student}_c} = T \, (q_c - p_c)

The factor :math:`T^2` keeps the pull from fading as :math:`T` grows: for a large one it
becomes the difference of the centred logits, divided by the number of classes.

Source: G. Hinton, O. Vinyals and J. Dean, *Distilling the Knowledge in a Neural
Network*, arXiv:1503.02531 (2015), section 2.
"""

import torch


def kd(student, teacher, temperature=3.0, reduction="mean"):
    """Divergence of the student's probabilities from the teacher's, both softened.

    Args:
        student: Logits of shape (N, C).
        teacher: Logits of the same shape. They get a gradient, too, if they need one.
        temperature: What both are divided by; positive.
        reduction: ``"mean"`` over the rows, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``.

    Raises:
        ValueError: The shapes do not fit, or ``temperature`` or ``reduction`` is not
            one of these.

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
    loss = temperature**2 * (log_p.exp() * (log_p - log_q)).sum(1)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# The pull ends where the teacher is
# ----------------------------------
# Two classes; the teacher's logits differ by 4, the student's by what the axis says.
# Cross entropy with the teacher's best class never stops pulling to the right.
# Distillation stops where the student says what the teacher says.
#
# .. draggable-figure:: kd([along(-4, 12, 0, name="margin of the student"), 0.0],
#    [4.0, 0.0], temperature=slider(1, 10, 3))
#
#    Lower the temperature to 1: a student that is too sure, on the right, is hardly
#    pulled back. At the teacher's margin of 4 the pull is zero at any temperature.

import matplotlib.pyplot as plt
from torch.nn.functional import cross_entropy, kl_div

margin = torch.linspace(-6, 14, 201, requires_grad=True)
student = torch.stack([margin, torch.zeros_like(margin)], dim=1)
teacher = torch.tensor([[4.0, 0.0]]).expand_as(student)

loss = kd(student, teacher, reduction="none")
(gradient,) = torch.autograd.grad(loss.sum(), margin, retain_graph=True)
hard = cross_entropy(student, teacher.argmax(1), reduction="sum")
(hard_gradient,) = torch.autograd.grad(hard, margin)

fig, ax = plt.subplots()
ax.plot(margin.detach(), loss.detach(), label="distillation, T = 3")
ax.plot(margin.detach(), gradient, label="its gradient")
ax.plot(margin.detach(), hard_gradient, "C2--", label="gradient of cross entropy")
ax.set(xlabel="margin of the student's first class", ylabel="loss and gradient")
ax.set(ylim=(-2.5, 4))
ax.set_title("At the teacher's margin of 4 the pull is gone, and beyond it returns")
ax.legend(loc="lower right")

agrees = kd(teacher, teacher, reduction="none")
assert torch.equal(agrees, torch.zeros(201))

# %%
# Three points teach a student five classes
# -----------------------------------------
# Teacher and student are linear layers. A class label says which of five is largest,
# the teacher's logits say where all borders lie. Three points in a plane fix them.

_ = torch.manual_seed(0)
oracle = torch.nn.Linear(2, 5)
few, many = 3 * torch.randn(3, 2), 3 * torch.randn(1000, 2)
with torch.no_grad():
    answers, truth = oracle(few), oracle(many).argmax(1)


def agreement(loss, target):
    pupil = torch.nn.Linear(2, 5)
    optimizer = torch.optim.Adam(pupil.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss(pupil(few), target).backward()
        optimizer.step()
    return (pupil(many).argmax(1) == truth).float().mean().item()


print(f"from three labels:  {agreement(cross_entropy, answers.argmax(1)):.0%} agree")
print(f"from three answers: {agreement(kd, answers):.0%} agree")

# %%
# The usual mistakes: no square of T, and the mean over everything
# ----------------------------------------------------------------
# Without the factor the pull fades with the square of T, and the weight that balanced
# it against another loss is wrong at the next T. A mean over everything also divides
# by the number of classes: for ``kl_div`` that is ``"mean"``, ours is ``"batchmean"``.

student = torch.linspace(-1, 1, 20).reshape(2, 10).requires_grad_()
teacher = student.detach().sin().flip(1) * 4


def without_square(student, teacher, temperature):
    q, p = (student / temperature).log_softmax(1), (teacher / temperature).softmax(1)
    return kl_div(q, p, reduction="batchmean")


def mean_over_everything(student, teacher, temperature):
    q, p = (student / temperature).log_softmax(1), (teacher / temperature).softmax(1)
    return temperature**2 * kl_div(q, p, reduction="none").mean()


print("pull at T =               1       3      10")
for loss in (kd, without_square, mean_over_everything):
    values = [loss(student, teacher, temperature) for temperature in (1, 3, 10)]
    pulls = [torch.autograd.grad(value, student)[0].norm() for value in values]
    print(f"{loss.__name__:20}", *(f"{pull:7.4f}" for pull in pulls))

# %%
# Take it to train a small model on the answers of a large one, or of several.
# Take cross entropy where there are labels and no teacher, or add the two; T is chosen
# on data that were held back. Run the teacher under ``torch.no_grad``: it would get a
# gradient, too. Autograd does the work here.

torchs = 3.0**2 * without_square(student, teacher, 3.0)
torch.testing.assert_close(kd(student, teacher), torchs)
