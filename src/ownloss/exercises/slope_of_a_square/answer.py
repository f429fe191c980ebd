"""The slope of a square.

The outer function is a square, whose slope is twice what is squared: 2 (3 w - 4). The
inner one, 3 w - 4, has the slope 3. The chain rule multiplies them.
"""


def slope(w):
    return 2 * (3 * w - 4) * 3
