"""Dice for each image.

`sum((1, 2))` leaves one number for each image. The quotient is taken for each, and the
mean last: a mean of quotients is not the quotient of the sums.
"""


def dice_loss(probability, target):
    both = (probability * target).sum((1, 2))
    area = probability.sum((1, 2)) + target.sum((1, 2))
    return (1 - (2 * both + 1) / (area + 1)).mean()
