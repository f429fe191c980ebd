r"""
Concordance
===========

The gradient asks predictions to agree with the target, and to be spread as widely.

With the squared error :math:`\mathrm{MSE}` of the batch, and the means and variances
(over N) of prediction :math:`x` and target :math:`y`:

.. math::

   L = 1 - \frac{2 \operatorname{cov}(x, y)}
   {\sigma_x^2 + \sigma_y^2 + (\mu_x - \mu_y)^2}
   = \frac{\mathrm{MSE}}{\sigma_x^2 + \sigma_y^2 + (\mu_x - \mu_y)^2}

One minus the concordance correlation coefficient, so it is 0 for a perfect agreement, 1
without any, and 2 where the prediction mirrors the target.

Source: L. I.-K. Lin, *A Concordance Correlation Coefficient to Evaluate
Reproducibility*, Biometrics 45 (1989), 255-268.
"""

import torch
from torch import Tensor


def concordance(prediction: Tensor, target: Tensor) -> Tensor:
    """One minus the concordance correlation coefficient over all entries.

    Args:
        prediction: Tensor of any shape; all its entries are one sample.
        target: Tensor of the same shape, in the same unit.

    Returns:
        A scalar from 0 to 2; NaN where there is no entry.

    Raises:
        ValueError: The shapes differ.

    >>> prediction = torch.tensor([0.0, 2.0], requires_grad=True)
    >>> loss = concordance(prediction, torch.tensor([1.0, 3.0]))
    >>> loss.detach()  # error 1, variances 1 and 1, means 1 apart: 1 / (1 + 1 + 1)
    tensor(0.3333)
    >>> loss.backward()
    >>> prediction.grad  # (3 * (-1, -1) - 1 * (-2, 0)) / 9
    tensor([-0.1111, -0.3333])

    >>> x, y = torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, 3.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(concordance, (x.requires_grad_(), y))
    True
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction and target must have the same shape, got "
            f"{tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    error = ((prediction - target) ** 2).mean()
    apart = (prediction.mean() - target.mean()) ** 2
    spread = prediction.var(correction=0) + target.var(correction=0) + apart
    return error / spread.clamp(min=torch.finfo(spread.dtype).tiny)


# %%
# Squared error is cautious, concordance is not
# ---------------------------------------------
# The target is half signal, half noise. The line with the least squared error has the
# slope 1, and its predictions are less spread than the targets: high ones are predicted
# too low, low ones too high. Concordance is best for a steeper line, whose predictions
# are spread as widely as the targets. Ratings of emotion are often judged by it.

import matplotlib.pyplot as plt

signal = torch.randn(400)
target = 5 + signal + torch.randn(400)
fig, ax = plt.subplots()
ax.plot(signal, target, "C5.", alpha=0.4, label="target")
for style, loss in (("C0-", concordance), ("C2--", torch.nn.functional.mse_loss)):
    line = torch.tensor([0.1, 0.0], requires_grad=True)
    optimizer = torch.optim.Adam([line], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss(line[0] * signal + line[1], target).backward()
        optimizer.step()
    prediction = (line[0] * signal + line[1]).detach()
    spread = prediction.std() / target.std()
    ax.plot(signal, prediction, style, label=loss.__name__)
    print(f"{loss.__name__}: {spread:.2f} of the target's spread, ", end="")
    print(f"CCC {1 - concordance(prediction, target):.3f}, ", end="")
    print(f"squared error {((prediction - target) ** 2).mean():.2f}")
ax.set(xlabel="signal", ylabel="target and prediction")
ax.set_title("Concordance draws the steeper line")
ax.legend()

# %%
# Correlation would forgive a wrong scale and a wrong zero
# --------------------------------------------------------
# Pearson's correlation is the same for a prediction, for ten times it and for one that
# is off by 100. Concordance is never larger, and equal only if means and spreads agree.

for name, changed in {
    "prediction": prediction,
    "times ten": 10 * prediction,
    "plus 100": prediction + 100,
}.items():
    r = torch.corrcoef(torch.stack([changed, target]))[0, 1]
    print(f"{name:10}: r = {r:.3f}, CCC = {1 - concordance(changed, target):.3f}")

# %%
# It belongs to the batch, not to a sample
# ----------------------------------------
# Means and variances are the batch's, so losses of small batches do not average to that
# of the whole, and a batch of one has loss 1 whatever is predicted, and no gradient. A
# constant prediction costs 1 as well; but its gradient is not 0, so training leaves it.
# The loss has no unit: multiply prediction and target by 10 and it stays the same.
#
# Use it when ratings are judged by CCC, or when predictions that shrink to the mean are
# useless to you, with batches of a hundred and more; rather
# :func:`torch.nn.functional.mse_loss` when each error has its price, since concordance
# pays for the wider spread with a larger squared error, as printed above. Several
# dimensions, such as arousal and valence, have a coefficient each: take the mean of the
# losses of the columns, ``torch.vmap(concordance, in_dims=1)(prediction, target)``.

for size in (1, 20, 400):
    parts = zip(prediction.split(size), target.split(size), strict=True)
    mean = torch.stack([concordance(*part) for part in parts]).mean()
    print(f"batches of {size}: {mean:.3f}")
slope = torch.func.grad(concordance)(torch.full((400,), 5.0), target)
print(f"a constant has a gradient of up to {slope.abs().max():.4f}")

# sphinx_gallery_tags = ["regression", "numbers", "metric"]
