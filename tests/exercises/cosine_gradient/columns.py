"""`gradient` raises"""


def gradient(x, y):
    u, v = x / x.norm(dim=1), y / y.norm(dim=1)
    return -(v - (u * v).sum(1) * u) / x.norm(dim=1) / len(x)
