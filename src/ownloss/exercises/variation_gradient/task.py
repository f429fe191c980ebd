"""The gradient of a squared coefficient of variation.

Derive the gradient of this loss with respect to the load, and return it.

    loss = variance(load) / mean(load)²

It is small where all experts of a model get the same load. `load` has shape (K,) and
is positive; the variance is the mean of (load - mean)².
"""


def gradient(load):
    raise NotImplementedError  # yours to write
