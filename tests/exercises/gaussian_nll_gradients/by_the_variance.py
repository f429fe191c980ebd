"""The second is the gradient by the variance"""


def gradients(mean, log_var, target):
    var = log_var.exp()
    r = target - mean
    n = mean.numel()
    return -r / var / n, (1 / var - r**2 / var**2) / 2 / n
