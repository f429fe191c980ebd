"""If all of `mask` is False the loss is NaN: `div` (line 6 of empty.py)"""


def masked_error(prediction, target, mask):
    error = ((prediction - target) * mask).abs()
    return error.sum() / mask.sum()
