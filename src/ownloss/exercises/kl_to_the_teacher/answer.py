"""The divergence of a student from its teacher.

`kl_div(input, target)` takes the log of p first and q second: the other order than
KL(q, p) is written. Its `"mean"` divides by the number of entries, which is C times too
much; `"batchmean"` divides by the number of samples.
"""

from torch.nn import functional as F


def distillation(student, teacher):
    p, q = student.log_softmax(1), teacher.softmax(1)
    return F.kl_div(p, q, reduction="batchmean")
