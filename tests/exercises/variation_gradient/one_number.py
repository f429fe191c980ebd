"""`gradient` returned a tensor of shape () (one number"""


def gradient(load):
    m, v = load.mean(), load.var(correction=0)
    return -2 * v / m**3
