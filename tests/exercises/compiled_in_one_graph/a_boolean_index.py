"""an index with a boolean mask"""


def masked_error(prediction, target, mask):
    error = (prediction[mask] - target[mask]).abs()
    return error.sum() / mask.sum().clamp(min=1)
