"""`kl_div` takes the log of the student's probabilities first"""

from torch.nn import functional as F


def distillation(student, teacher):
    return F.kl_div(student.softmax(1), teacher.softmax(1), reduction="batchmean")
