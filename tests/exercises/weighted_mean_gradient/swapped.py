"""The two gradients are swapped"""


def gradients(prediction, target, weight):
    r = prediction - target
    w = weight.sum()
    loss = (weight * r * r).sum() / w
    return (r * r - loss) / w, 2 * weight * r / w
