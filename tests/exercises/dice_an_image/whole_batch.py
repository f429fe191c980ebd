"""The overlap is still that of the whole batch"""


def dice_loss(probability, target):
    p, t = probability.flatten(), target.flatten()
    return 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
