"""gradient"""


def dice_loss(probability, target):
    predicted = (probability > 0.5).float()
    both = (predicted * target).sum((1, 2))
    area = predicted.sum((1, 2)) + target.sum((1, 2))
    return (1 - (2 * both + 1) / (area + 1)).mean()
