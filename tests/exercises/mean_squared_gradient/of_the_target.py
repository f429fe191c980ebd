"""This is the gradient with respect to the target"""


def gradient(prediction, target):
    return -2 * (prediction - target) / prediction.numel()
