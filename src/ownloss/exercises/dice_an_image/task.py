"""Dice for each image.

This loss takes the overlap over the whole batch, so large objects hide small ones.
Repair it: the loss of each image first, then the mean over the images.

    overlap of an image = (2 * sum(p * t) + 1) / (sum(p) + sum(t) + 1)
    loss = mean over the images of 1 - overlap

p is `probability`, t is `target`, both of shape (N, H, W); the sums run over the pixels
of one image. The 1 above and below lets an empty image that is predicted as empty cost
nothing.
"""


def dice_loss(probability, target):
    both = (probability * target).sum()
    return 1 - (2 * both + 1) / (probability.sum() + target.sum() + 1)
