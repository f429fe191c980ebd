"""The gradient of a mean squared error.

Each entry stands in one term of the sum, so its derivative is that of its own square,
2 r with r = prediction - target. The mean divides by the number of all entries, N D.
"""


def gradient(prediction, target):
    return 2 * (prediction - target) / prediction.numel()
