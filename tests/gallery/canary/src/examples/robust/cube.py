"""
Cube
====

The slope of a cube grows faster.
"""

import torch


def cube(x):
    """The slope of a cube grows faster.

    >>> cube(torch.ones(2)).tolist()
    [1.0, 1.0]
    """
    return x**3


# %%
# A line and its slope
# --------------------
# Drawn by `torch.autograd.grad <https://docs.pytorch.org/docs/stable/>`_ of
# :func:`torch.autograd.grad`.

import matplotlib.pyplot as plt

x = torch.linspace(-1, 1, 5, requires_grad=True)
(slope,) = torch.autograd.grad(cube(x).sum(), x)
fig, ax = plt.subplots()
ax.plot(x.detach(), slope, label="slope")
ax.set(xlabel="x", ylabel="slope", title="Cube: the slope")
print(slope.tolist())
