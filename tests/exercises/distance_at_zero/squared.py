"""The root is missing"""


def distance(prediction, target):
    return (prediction - target).square().sum(1).mean()
