"""The gradient of the cosine distance.

With unit vectors u = x / |x| and v = y / |y| the cosine is u · v. Making x longer does
not change it, so the part of v along u drops out: the derivative of the cosine is
(v - cosine * u) / |x|. The loss takes it with a minus, and the mean divides by N.
"""


def gradient(x, y):
    length = x.norm(dim=1, keepdim=True)
    u, v = x / length, y / y.norm(dim=1, keepdim=True)
    cosine = (u * v).sum(1, keepdim=True)
    return -(v - cosine * u) / length / len(x)
