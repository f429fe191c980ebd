"""The gradient of the prediction is divided by the number of samples"""


def gradients(prediction, target, weight):
    r = prediction - target
    loss = (weight * r**2).sum() / weight.sum()
    return 2 * weight * r / len(r), (r**2 - loss) / weight.sum()
