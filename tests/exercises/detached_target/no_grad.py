"""No gradient reaches `student`"""

import torch


def distillation(student, teacher):
    with torch.no_grad():
        loss = (student - teacher).square().mean()
    return loss
