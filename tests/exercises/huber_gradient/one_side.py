"""Only one side is clamped"""


def gradient(prediction, target, delta):
    residual = prediction - target
    return residual.clamp(max=delta) / residual.numel()
