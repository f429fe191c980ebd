"""The gradient of Huber's loss.

Within delta the derivative of r²/2 is r. Beyond, that of delta * |r| is delta with the
sign of r. So the gradient is the residual, clamped to [-delta, delta], and the mean
divides it by the number of entries.
"""


def gradient(prediction, target, delta):
    residual = prediction - target
    return residual.clamp(-delta, delta) / residual.numel()
