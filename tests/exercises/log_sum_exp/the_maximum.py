"""This is the maximum alone."""


def log_sum_exp(x):
    return x.max(dim=1).values
