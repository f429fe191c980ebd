"""This is the absolute error; the task has squares."""


def squared_error(prediction, target):
    return (prediction.squeeze(1) - target).abs().mean()
