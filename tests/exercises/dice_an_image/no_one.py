"""The 1 is missing above and below"""


def dice_loss(probability, target):
    p, t = probability.flatten(1), target.flatten(1)
    return (1 - 2 * (p * t).sum(1) / (p.sum(1) + t.sum(1))).mean()
