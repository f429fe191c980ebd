"""
Square
======

The slope of a square grows with its residual.
"""

import torch


def square(x):
    """The slope of a square grows with its residual.

    >>> square(torch.ones(2)).tolist()
    [1.0, 1.0]
    """
    return x**2


# %%
# A line and its slope
# --------------------
# Drawn by `torch.autograd.grad <https://docs.pytorch.org/docs/stable/>`_ of
# :func:`torch.autograd.grad`.

import matplotlib.pyplot as plt

x = torch.linspace(-1, 1, 5, requires_grad=True)
(slope,) = torch.autograd.grad(square(x).sum(), x)
fig, ax = plt.subplots()
ax.plot(x.detach(), slope, label="slope")
ax.set(xlabel="x", ylabel="slope", title="Square: the slope")
print(slope.tolist())

# sphinx_gallery_tags = ["regression", "numbers"]
