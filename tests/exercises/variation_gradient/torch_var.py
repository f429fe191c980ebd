"""This is the gradient with a variance over K - 1"""


def gradient(load):
    k, m, v = load.numel(), load.mean(), load.var()
    return 2 * (load - m) / (k - 1) / m**2 - 2 * v / m**3 / k
