"""
Shifted
=======

A line beside itself has the same slope.
"""

import torch


def shifted(x):
    """A line beside itself has the same slope.

    >>> shifted(torch.ones(2)).tolist()
    [3.0, 3.0]
    """
    return 2 * x + 1


# %%
# A line and its slope
# --------------------
# Drawn by `torch.autograd.grad <https://docs.pytorch.org/docs/stable/>`_ of
# :func:`torch.autograd.grad`.

import matplotlib.pyplot as plt

x = torch.linspace(-1, 1, 5, requires_grad=True)
(slope,) = torch.autograd.grad(shifted(x).sum(), x)
fig, ax = plt.subplots()
ax.plot(x.detach(), slope, label="slope")
ax.set(xlabel="x", ylabel="slope", title="Shifted: the slope")
print(slope.tolist())
