r"""
Wasserstein distance in one dimension
=====================================

Sorted samples are paired by rank, and each gets a gradient towards its partner.

For :math:`N` samples each, sorted to :math:`x_{(1)} \le \dots \le x_{(N)}` and
:math:`y_{(1)} \le \dots \le y_{(N)}`:

.. math::

   L = \frac{1}{N} \sum_i \lvert x_{(i)} - y_{(i)} \rvert
   \qquad
   \frac{\partial L}{\partial x_{(i)}}
   = \frac{1}{N} \operatorname{sign}(x_{(i)} - y_{(i)})

With :math:`N` and :math:`M` samples it is the area between the two empirical
distribution functions, which is the same for :math:`N = M`.

Source: C. Villani, *Topics in Optimal Transportation*, AMS 2003, section 2.2: the
distance of order 1.
"""

import torch
from torch import Tensor


def wasserstein_1d(first: Tensor, second: Tensor) -> Tensor:
    """Wasserstein distance of order 1 between two samples of numbers.

    Args:
        first: Samples of shape (N,); one or more.
        second: Samples of shape (M,), in the same unit; one or more.

    Returns:
        A scalar in the unit of the samples; 0 or more.

    Raises:
        ValueError: A shape is not (N,), or a sample is empty.

    >>> first = torch.tensor([5.0, 1.0], requires_grad=True)
    >>> loss = wasserstein_1d(first, torch.tensor([2.0, 3.0]))
    >>> loss.item()  # 1 goes to 2 and 5 to 3: (1 + 2) / 2
    1.5
    >>> loss.backward()
    >>> first.grad
    tensor([ 0.5000, -0.5000])
    >>> wasserstein_1d(torch.tensor([0.0]), torch.tensor([1.0, 3.0])).item()
    2.0

    >>> x, y = torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.2, 4.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(wasserstein_1d, (x.requires_grad_(), y))
    True
    """
    if first.ndim != 1 or second.ndim != 1 or not len(first) or not len(second):
        raise ValueError(
            "first and second must have the shapes (N,) and (M,) with one sample or "
            f"more, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    first, second = first.sort().values, second.sort().values
    n, m = len(first), len(second)
    if n == m:
        return (first - second).abs().mean()
    # The quantile functions are steps: compare them on every piece between two jumps.
    jumps = torch.cat([torch.arange(n) * m, torch.arange(m) * n]).sort().values
    pieces = torch.diff(jumps, append=jumps.new_tensor([n * m]))
    width = (pieces.double() / (n * m)).to(first)
    jumps = jumps.to(first.device)
    return ((first[jumps // m] - second[jumps // n]).abs() * width).sum()


# %%
# Two samples that do not meet still have a gradient
# --------------------------------------------------
# A KL divergence of histograms is infinite where they do not overlap. This distance is
# then the shift itself, and its gradient has the same size near and far. So with a
# fixed step a sample ends up swinging around its partner: lower the learning rate.

import matplotlib.pyplot as plt

samples, target = torch.randn(200), torch.randn(200)
shifts = torch.linspace(-8, 8, 81, requires_grad=True)
loss = torch.stack([wasserstein_1d(samples + shift, target) for shift in shifts])
(gradient,) = torch.autograd.grad(loss.sum(), shifts)

fig, ax = plt.subplots()
ax.plot(shifts.detach(), loss.detach(), label="distance")
ax.plot(shifts.detach(), gradient, label="gradient by the shift")
ax.set(xlabel="shift between the two samples", ylabel="distance and gradient")
ax.set_title("The distance is the shift, and its gradient stays")
ax.legend()

for rate in (1.0, 0.1):
    moved = samples.clone().requires_grad_()
    optimizer = torch.optim.SGD([moved], lr=200 * rate)
    for _ in range(100):
        optimizer.zero_grad()
        wasserstein_1d(moved, target + 3).backward()
        optimizer.step()
    print(f"steps of {rate}: {wasserstein_1d(moved, target + 3):.3f} is left")

# %%
# Of two samples from one distribution it is not 0
# ------------------------------------------------
# It falls as one over the root of their number, so a small batch has a floor.

for count in (10, 1000, 100_000):
    print(f"{count} samples each: {wasserstein_1d(*torch.randn(2, count)):.4f}")

# %%
# Use it when two samples of one number each should be distributed alike; rather
# :doc:`/examples/sequence/sliced_wasserstein` when they are vectors,
# :doc:`/examples/sequence/entropic_ot` when the cost is another, and an ordinary loss
# when sample i belongs to target i: the order of the samples does not matter here.

# sphinx_gallery_tags = ["distribution matching", "no target"]
