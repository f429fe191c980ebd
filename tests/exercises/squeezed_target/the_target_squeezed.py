"""Every prediction is compared with every target"""


def squared_error(prediction, target):
    return (prediction - target.squeeze()).square().mean()
