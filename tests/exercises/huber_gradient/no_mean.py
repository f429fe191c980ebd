"""is 6x too large"""


def gradient(prediction, target, delta):
    return (prediction - target).clamp(-delta, delta)
