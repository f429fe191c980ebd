"""The square has been taken of each part"""


def slope(w):
    return 2 * 9 * w
