"""`.item()` takes the number out of the graph (line 5 of item.py)"""


def distillation(student, teacher):
    return (student - teacher.detach()).square().mean().item()
