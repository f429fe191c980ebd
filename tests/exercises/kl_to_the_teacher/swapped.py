"""The two are swapped"""

from torch.nn import functional as F


def distillation(student, teacher):
    p, q = student.softmax(1), teacher.log_softmax(1)
    return F.kl_div(q, p, reduction="batchmean")
