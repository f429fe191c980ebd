"""an outlier is ignored"""


def huber(prediction, target):
    r = prediction - target
    return r.clamp(-1, 1).square() / 2
