"""No gradient reaches `student`"""


def distillation(student, teacher):
    loss = (student - teacher).square().mean()
    return loss.detach().requires_grad_()
