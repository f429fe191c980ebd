"""The sum is divided by the number of all entries"""


def masked_error(prediction, target, mask):
    return ((prediction - target).abs() * mask).mean()
