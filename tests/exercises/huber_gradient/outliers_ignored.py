"""Beyond delta the gradient is 0"""


def gradient(prediction, target, delta):
    r = prediction - target
    return r * (r.abs() <= delta) / r.numel()
