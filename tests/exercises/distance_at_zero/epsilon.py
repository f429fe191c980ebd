"""Almost right: the value is off by 0.014 %, as by an epsilon"""


def distance(prediction, target):
    squares = (prediction - target).square().sum(1)
    return (squares + 1e-3).sqrt().mean()
