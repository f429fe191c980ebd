"""The gradient of a mean squared error.

Derive the gradient of this loss with respect to the prediction, and return it.

    loss = mean over all entries of (prediction - target)²

`prediction` and `target` have shape (N, D), and so has the gradient.
Write the formula: no autograd.
"""


def gradient(prediction, target):
    raise NotImplementedError  # yours to write
