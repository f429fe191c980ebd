"""If all of `mask` is False the loss is NaN"""


def masked_error(prediction, target, mask):
    return (prediction[mask] - target[mask]).square().mean()
