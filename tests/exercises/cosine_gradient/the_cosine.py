"""wrong sign"""


def gradient(x, y):
    length = x.norm(dim=1, keepdim=True)
    u, v = x / length, y / y.norm(dim=1, keepdim=True)
    cosine = (u * v).sum(1, keepdim=True)
    return (v - cosine * u) / length / len(x)
