"""Every prediction is compared with every target"""


def squared_error(prediction, target):
    return (prediction.T - target.unsqueeze(1)).square().mean()
