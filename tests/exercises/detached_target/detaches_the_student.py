"""No gradient reaches `student`"""


def distillation(student, teacher):
    return (student.detach() - teacher).square().mean()
