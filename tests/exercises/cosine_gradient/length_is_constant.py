"""|x| is treated as a constant"""


def gradient(x, y):
    lengths = x.norm(dim=1, keepdim=True) * y.norm(dim=1, keepdim=True)
    return -y / lengths / len(x)
