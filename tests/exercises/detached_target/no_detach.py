"""The teacher gets a gradient, too"""


def distillation(student, teacher):
    return (student - teacher).square().mean()
