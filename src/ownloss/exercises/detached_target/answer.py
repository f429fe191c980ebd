"""A student that learns from its teacher.

`item` turns a tensor into a number that has forgotten how it was computed, so the loss
must stay a tensor. `detach` belongs to the one that is not to be moved: seen from
here, the teacher's output is a constant.
"""

import torch


def distillation(student, teacher):
    return (student - teacher.detach()).square().mean()
