"""The mean is over all entries, and this is divided by the number of samples alone."""


def gradient(prediction, target):
    n = prediction.shape[0]
    return 2 / n * (prediction - target)
