"""The second term of the quotient rule has the wrong sign"""


def gradient(load):
    k, m, v = len(load), load.mean(), load.var(correction=0)
    return 2 * (load - m) / (k * m**2) + 2 * v / (k * m**3)
