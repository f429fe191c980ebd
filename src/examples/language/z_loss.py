r"""
Z-loss
======

It pulls all logits of a row alike, in the one direction that cross entropy cannot feel.

Cross entropy does not change when a number is added to all logits of a row, so nothing
keeps them from drifting. The z-loss holds the logarithm of the sum of the exponentials,
:math:`\log Z`, near zero:

.. math::

   \ell = (\log Z)^2
   \qquad
   \log Z = \log \sum_c e^{z_c}
   \qquad
   \frac{\partial \ell}{\partial z_c} = 2 \log Z \cdot \text{softmax}(z)_c

Source: A. Chowdhery et al., *PaLM: Scaling Language Modeling with Pathways*,
arXiv:2204.02311 (2022), section 5, where it is added with a weight of 0.0001.
"""

import torch


def z_loss(logits):
    """Squared log-partition function, the mean over the rows.

    Args:
        logits: Tensor of shape (..., C): any rows, each of C classes.

    Returns:
        A scalar; NaN where there are no rows.

    Raises:
        ValueError: There is no class.

    >>> logits = torch.tensor([[2.0, 4.0], [1.0, 1.0]]).log().requires_grad_()
    >>> loss = z_loss(logits)
    >>> print(f"{loss.item():.4f}")  # (log(6)**2 + log(2)**2) / 2
    1.8454
    >>> loss.backward()
    >>> logits.grad  # log 6 * (1/3, 2/3), and log 2 * (1/2, 1/2)
    tensor([[0.5973, 1.1945],
            [0.3466, 0.3466]])

    >>> x = torch.tensor([[0.0, 1.0], [-3.0, 2.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(z_loss, x.requires_grad_())
    True
    """
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(
            f"logits must have shape (..., C) with C of 1 or more, got "
            f"{tuple(logits.shape)}"
        )
    return logits.logsumexp(-1).square().mean()


# %%
# A shift is felt by the z-loss alone
# -----------------------------------
# The same number is added to both logits of a row. Cross entropy is flat: its gradient
# along that direction is zero. The z-loss is a parabola around the shift that makes
# the exponentials add up to one.

import matplotlib.pyplot as plt
from torch.nn.functional import cross_entropy

shift = torch.linspace(-4, 4, 201, requires_grad=True)
rows = torch.tensor([1.0, -1.0]) + shift.unsqueeze(1)
first = torch.zeros(201, dtype=torch.int64)

loss = torch.vmap(z_loss)(rows)
(gradient,) = torch.autograd.grad(loss.sum(), shift, retain_graph=True)
rival = cross_entropy(rows, first, reduction="none")
(rival_gradient,) = torch.autograd.grad(rival.sum(), shift)

fig, ax = plt.subplots()
ax.plot(shift.detach(), loss.detach(), label="z-loss")
ax.plot(shift.detach(), gradient, label="its gradient")
ax.plot(shift.detach(), rival_gradient, "C2--", label="gradient of cross entropy")
ax.set(xlabel="what is added to all logits", ylabel="loss and gradient", ylim=(-6, 10))
ax.set_title("Along a shift cross entropy has no gradient, the z-loss has")
ax.legend()

assert rival_gradient.abs().max() < 1e-6

# %%
# Drifting logits cost digits
# ---------------------------
# bfloat16 keeps eight binary digits. The farther the logits have drifted, the coarser
# is what is left of their differences, and cross entropy is of something else.

logits = torch.tensor([[0.3, -0.5, 0.9]])
for drift in (0.0, 10.0, 100.0, 1000.0):
    short = (logits + drift).bfloat16().float()
    print(f"drift {drift:6.0f}: cross entropy {cross_entropy(short, first[:1]):.3f}")

# %%
# A small weight brings them back
# -------------------------------
# Three classes are fitted from logits that have drifted to 50. With the z-loss added
# the probabilities end where they end without it, and the drift is gone.

counts = torch.tensor([0.2, 0.3, 0.5]).unsqueeze(0)


def fit(weight):
    logits = torch.full((1, 3), 50.0, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=1.0)
    for _ in range(400):
        optimizer.zero_grad()
        (cross_entropy(logits, counts) + weight * z_loss(logits)).backward()
        optimizer.step()
    p = ", ".join(f"{p:.3f}" for p in logits.softmax(1)[0].tolist())
    print(f"weight {weight}: probabilities {p}, log Z {logits.logsumexp(1).item():.2f}")


fit(weight=0.0)
fit(weight=0.03)

# %%
# The usual mistakes: squared too late, and a sum that overflows
# --------------------------------------------------------------
# The square of the mean lets two rows hide each other: one drifts up, one down.
# The sum of the exponentials, written as it is read, is infinite from 89 on.


def squared_too_late(logits):
    return logits.logsumexp(-1).mean().square()


def overflows(logits):
    return logits.exp().sum(-1).log().square().mean()


for drift in (5.0, 100.0):
    rows = torch.tensor([[drift], [-drift]], requires_grad=True)
    for loss in (z_loss, squared_too_late, overflows):
        value = loss(rows)
        (gradient,) = torch.autograd.grad(value, rows)
        slope = gradient[0].item()
        print(f"drift {drift:3.0f}, {loss.__name__}: {value:.0f}, gradient {slope:.0f}")

# %%
# Take it beside cross entropy, with a small weight, where logits are kept in few digits
# or a log Z of zero saves the normalisation later. Leave it out where logits are used
# for ratios alone and float32 is at hand. It is no loss to learn from: it is content
# with any probabilities, as long as they add up to one. Autograd does the work here.

p = torch.tensor([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]])
assert z_loss(p.log()) < 1e-12
