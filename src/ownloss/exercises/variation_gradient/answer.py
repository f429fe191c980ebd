"""The gradient of a squared coefficient of variation.

With m for the mean and v for the variance, v / m² changes by v' / m² - 2 v m' / m³. By
one load, m' is 1 / K, and v' is 2 (load - m) / K: what the mean inside adds is a sum of
all residuals, which is 0.
"""


def gradient(load):
    mean = load.mean()
    residual = load - mean
    variance = residual.square().mean()
    return 2 * (residual - variance / mean) / (len(load) * mean**2)
