"""Every prediction is compared with every target"""


def squared_error(prediction, target):
    return ((prediction - target) ** 2).sum(dim=1).mean()
