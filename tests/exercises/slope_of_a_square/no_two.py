"""The slope of the square is missing"""


def slope(w):
    return (3 * w - 4) * 3
