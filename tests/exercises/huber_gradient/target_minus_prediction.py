"""wrong sign"""


def gradient(prediction, target, delta):
    return (target - prediction).clamp(-delta, delta) / prediction.numel()
