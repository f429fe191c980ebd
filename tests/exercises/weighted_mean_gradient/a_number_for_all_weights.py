"""`gradients` returned a tensor of shape () (one number"""


def gradients(prediction, target, weight):
    r = prediction - target
    loss = (weight * r**2).sum() / weight.sum()
    return 2 * weight * r / weight.sum(), -loss / weight.sum()
