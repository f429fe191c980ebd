"""The gradient of the cosine distance.

Derive the gradient of this loss with respect to `x`, and return it.

    cosine = (x · y) / (|x| |y|), for each row
    loss = mean over the rows of 1 - cosine

`x` and `y` have shape (N, D), and no row is zero. The gradient has the shape of `x`.
Write the formula: no autograd.
"""


def gradient(x, y):
    raise NotImplementedError  # yours to write
