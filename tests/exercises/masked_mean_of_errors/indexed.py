"""Where no entry counts"""


def masked_error(prediction, target, mask):
    return (prediction[mask] - target[mask]).square().mean()
