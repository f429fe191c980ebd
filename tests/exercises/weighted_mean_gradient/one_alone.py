"""`gradients` returns 1 value; the task asks for the gradients of `prediction` and"""


def gradients(prediction, target, weight):
    return 2 * weight * (prediction - target) / weight.sum()
