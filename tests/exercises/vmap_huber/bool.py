"""an `if`, `while` or `bool` asks for the value of a tensor"""


def huber(prediction, target):
    r = prediction - target
    small = bool(r.abs() <= 1)
    return small * r**2 / 2 + (not small) * (r.abs() - 0.5)
