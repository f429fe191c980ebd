"""A factor 1 / |x| is missing"""


def gradient(x, y):
    x = x / x.norm(dim=1, keepdim=True)
    y = y / y.norm(dim=1, keepdim=True)
    cosine = (x * y).sum(1, keepdim=True)
    return (cosine * x - y) / len(x)
