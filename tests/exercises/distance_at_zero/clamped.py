"""Where two of three predictions are perfect: the loss is 0.95617, the"""


def distance(prediction, target):
    squares = (prediction - target).square().sum(1)
    return squares.clamp(min=0.1).sqrt().mean()
