"""The gradients of a weighted mean.

Derive the gradients of this loss with respect to the predictions and to the weights,
and return both, in this order.

    loss = sum(weight * (prediction - target)²) / sum(weight)

All three arguments have shape (N,), and so have both gradients.
Write the formulas: no autograd.
"""


def gradients(prediction, target, weight):
    raise NotImplementedError  # yours to write
