"""The 1 is added below alone"""


def dice_loss(probability, target):
    both = (probability * target).sum((1, 2))
    area = probability.sum((1, 2)) + target.sum((1, 2))
    return (1 - 2 * both / (area + 1)).mean()
