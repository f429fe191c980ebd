r"""
Accumulation
============

Gradient accumulation: each backward adds to what the calls before it left in grad.

That is why training calls ``zero_grad``, and why a batch may be taken in parts: the
gradient of a sum is the sum of the gradients. With :math:`N` samples in all, in parts
:math:`P`, each part brings its own share of the mean:

.. math::

   \nabla \, \frac{1}{N} \sum_{i=1}^{N} \ell_i
   = \sum_{P} \nabla \, \frac{1}{N} \sum_{i \in P} \ell_i

Source: linearity of the derivative; A. Paszke et al., *PyTorch: An Imperative Style,
High-Performance Deep Learning Library*, NeurIPS 32 (2019).
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor


def accumulation(
    model: Callable[[Tensor], Tensor],
    loss: Callable[[Tensor, Tensor], Tensor],
    parts: Iterable[tuple[Tensor, Tensor]],
) -> Tensor:
    """Backward over a batch in parts; ``.grad`` ends as after the whole batch.

    Only one part's graph is in memory at a time. What ``.grad`` holds before is kept
    and added to: call ``zero_grad`` first.

    Args:
        model: Maps inputs to predictions, each sample by itself.
        loss: A function of prediction and target that sums over samples.
        parts: Pairs of inputs and target; the parts may differ in length.

    Returns:
        The mean loss over all samples, a scalar without a graph.

    Raises:
        ValueError: Inputs and target of a part differ in length, or no part has a
            sample.

    >>> weight = torch.tensor(1.0, requires_grad=True)
    >>> def model(inputs):
    ...     return weight * inputs
    >>> def squared(prediction, target):
    ...     return ((prediction - target) ** 2).sum()
    >>> inputs, target = torch.tensor([1.0, 2.0, 2.0]), torch.zeros(3)
    >>> parts = [(inputs[:2], target[:2]), (inputs[2:], target[2:])]
    >>> accumulation(model, squared, parts)  # (1 + 4 + 4) / 3
    tensor(3.)
    >>> weight.grad  # 2*1/3 + 2*4/3 from the first part, 2*4/3 from the second
    tensor(6.)
    >>> torch.autograd.grad(squared(model(inputs), target) / 3, weight)  # as a whole
    (tensor(6.),)
    """
    parts = list(parts)
    lengths = [(len(inputs), len(target)) for inputs, target in parts]
    if any(inputs != target for inputs, target in lengths):
        raise ValueError(
            f"inputs and target of a part must have the same length, got {lengths}"
        )
    samples = sum(length for length, _ in lengths)
    if samples == 0:
        raise ValueError("a mean needs at least one sample, got none in all parts")
    total = 0
    for inputs, target in parts:
        share = loss(model(inputs), target) / samples
        share.backward()
        total = total + share.detach()
    return total


# %%
# backward adds, and a step takes nothing away
# --------------------------------------------
# The loss is 3 w^2, so its derivative is 12 at w = 2. The last pass adds the derivative
# at the new w = 1 to that at the old one.

import matplotlib.pyplot as plt

w = torch.tensor(2.0, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=1 / 12)
calls = ["start", "backward", "backward", "zero_grad", "backward", "step", "backward"]
left_behind = []
for call in calls:
    if call == "backward":
        (3 * w**2).backward()
    elif call != "start":
        getattr(optimizer, call)()
    left_behind.append(w.grad if w.grad is None else w.grad.item())
print(left_behind)

fig, ax = plt.subplots()
bars = ax.bar(range(7), [height or 0 for height in left_behind], facecolor="C1")
ax.bar_label(bars, left_behind, padding=3)
ax.set(xticks=range(7), xticklabels=calls, ylim=(0, 28))
ax.set(xlabel="call, in this order", ylabel="w.grad")
ax.set_title("Only zero_grad empties what backward fills")

# %%
# Without zero_grad the weight swings for ever
# --------------------------------------------
# The sum of all gradients so far acts like a speed without friction. Nothing raises,
# and the loss falls at first. Each target is three times its input: the best is 3.

inputs = torch.tensor([1.0, 2.0])
fig, ax = plt.subplots()
for zero, name in ((True, "with zero_grad"), (False, "without zero_grad")):
    w = torch.tensor(0.0, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)
    weights = []
    for _ in range(40):
        if zero:
            optimizer.zero_grad()
        (w * inputs - 3 * inputs).square().mean().backward()
        optimizer.step()
        weights.append(w.item())
    print(f"{name}: {[round(weight, 2) for weight in weights[:6]]}")
    ax.plot(range(1, 41), weights, "o-", ms=4, label=name)
ax.set(xlabel="step", ylabel="weight; the best is 3", ylim=(-0.6, 8.5))
ax.set_title("Old gradients push the weight past its best value")
ax.legend(ncols=2)

# %%
# Only equal parts may be averaged
# --------------------------------
# Twelve samples in two parts. Where each part takes its own mean, a sample of the
# smaller part counts for more, and the gradient is right for two halves alone.

inputs = torch.linspace(0.1, 1.2, 12, dtype=torch.float64)
target = inputs**3
weight = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
(whole,) = torch.autograd.grad((weight * inputs - target).square().mean(), weight)
for lengths in ([6, 6], [9, 3], [11, 1]):
    parts = list(zip(inputs.split(lengths), target.split(lengths), strict=True))
    weight.grad = None
    accumulation(lambda x: weight * x, lambda p, t: (p - t).square().sum(), parts)
    means = torch.stack([(weight * x - t).square().mean() for x, t in parts])
    (of_means,) = torch.autograd.grad(means.mean(), weight)
    print(
        f"parts of {lengths}: {weight.grad / whole:.0%} of the gradient of the ", end=""
    )
    print(f"whole batch, by the mean of means {of_means / whole:.0%}")

# %%
# Use it when a batch does not fit into memory; not when samples meet within the model:
# :class:`torch.nn.BatchNorm1d` normalises each part by itself, and no sum of gradients
# mends that. A loss over pairs, such as :doc:`/examples/embedding/infonce`, does not
# divide into parts either.
