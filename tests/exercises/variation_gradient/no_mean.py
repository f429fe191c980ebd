"""The gradient of `load` is 4x too large"""


def gradient(load):
    m, v = load.mean(), load.var(correction=0)
    return 2 * (load - m) / m**2 - 2 * v / m**3
