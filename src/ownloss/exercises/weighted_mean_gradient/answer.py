"""The gradients of a weighted mean.

A prediction stands in one term of the numerator. A weight stands in the numerator and
in the denominator: by the quotient rule its derivative is (r² - loss) / sum(weight). A
sample that is worse than the mean raises the loss if it counts more.
"""


def gradients(prediction, target, weight):
    residual = prediction - target
    total = weight.sum()
    loss = (weight * residual**2).sum() / total
    return 2 * weight * residual / total, (residual**2 - loss) / total
