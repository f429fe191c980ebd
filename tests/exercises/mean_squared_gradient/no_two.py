"""The 2 is missing"""


def gradient(prediction, target):
    return (prediction - target) / prediction.numel()
