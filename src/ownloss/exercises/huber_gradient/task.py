"""The gradient of Huber's loss.

Derive the gradient of this loss with respect to the prediction, and return it.

    r = prediction - target
    loss = mean over all entries of
        r² / 2                      where |r| <= delta
        delta * (|r| - delta / 2)   elsewhere

`prediction` and `target` have the same shape, such as (N, D); `delta` is a positive
number. The gradient has the shape of `prediction`.
Write the formula: no autograd.
"""


def gradient(prediction, target, delta):
    raise NotImplementedError  # yours to write
