"""A student that learns from its teacher.

A student is trained to say what a teacher says. The teacher is trained elsewhere, and
must get no gradient from this loss; the student must get the whole one. This loss has
the right value, and nothing learns. Repair it.

    loss = mean over all entries of (student - teacher)²

`student` and `teacher` have shape (N, D), and both require a gradient when they come.
"""

import torch


def distillation(student, teacher):
    return (student.detach() - teacher).square().mean().item()
