"""The gradient of the prediction lacks its weight."""


def gradients(prediction, target, weight):
    r = prediction - target
    v = weight.sum()
    u = (weight * r**2).sum()
    return 2 * r / v, (r**2 * v - u) / v**2
