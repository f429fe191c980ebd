"""is 4 times the reference"""

from torch.nn import functional as F


def distillation(student, teacher):
    return F.kl_div(student.log_softmax(1), teacher.softmax(1), reduction="sum")
