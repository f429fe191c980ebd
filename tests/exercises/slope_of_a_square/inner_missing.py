"""The slope of the inner function is missing"""


def slope(w):
    return 2 * (3 * w - 4)
