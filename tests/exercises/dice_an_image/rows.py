"""The sums run over one row of pixels"""


def dice_loss(probability, target):
    both = (probability * target).sum(-1)
    area = probability.sum(-1) + target.sum(-1)
    return (1 - (2 * both + 1) / (area + 1)).mean()
