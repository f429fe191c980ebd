r"""
Flow matching
=============

A network learns the velocity from noise to data, by a plain squared error.

Between noise :math:`x_0` at :math:`t = 0` and data :math:`x_1` at :math:`t = 1` lies
:math:`x_t`, and the target is the derivative of that path:

.. math::

   x_t = (1 - t) \, x_0 + t \, x_1
   \qquad
   \ell = \frac{1}{D} \big\lVert v(x_t, t) - (x_1 - x_0) \big\rVert^2
   \qquad
   \frac{\partial \ell}{\partial v} = \frac{2}{D} \big(v - (x_1 - x_0)\big)

Source: Y. Lipman et al., *Flow Matching for Generative Modeling*, ICLR 2023, equation
23 with :math:`\sigma_\text{min} = 0`; X. Liu et al., *Flow Straight and Fast*, ICLR
2023, equation 1.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def flow_matching(
    model: Callable[[Tensor, Tensor], Tensor], data: Tensor, noise: Tensor, t: Tensor
) -> Tensor:
    """Squared error of a velocity on the straight path from noise to data, the mean.

    Args:
        model: Called as ``model(x, t)`` with ``x`` of shape (N, ...) and ``t`` of shape
            (N,); gives a velocity of the shape of ``x``.
        data: Tensor of shape (N, ...).
        noise: Tensor of the same shape, usually standard normal.
        t: The time of each sample, in [0, 1], of shape (N,): 0 is noise, 1 is data.

    Returns:
        A scalar: the mean over samples and elements.

    Raises:
        ValueError: The shapes do not fit.

    >>> data, noise = torch.tensor([[4.0], [2.0]]), torch.tensor([[0.0], [0.0]])
    >>> slope = torch.tensor(1.0, requires_grad=True)
    >>> t = torch.tensor([0.5, 0.5])
    >>> loss = flow_matching(lambda x, t: slope * x, data, noise, t)
    >>> loss.item()  # x is 2 and 1, the velocity should be 4 and 2: (4 + 1) / 2
    2.5
    >>> loss.backward()
    >>> slope.grad  # 2 * (-2 * 2 - 1 * 1) / 2
    tensor(-5.)

    >>> def model(x, t):
    ...     return torch.sin(x) * t[:, None]
    >>> x, z = torch.tensor([[[0.5, -1.0]], [[2.0, 1.0]]]).double().requires_grad_()
    >>> u = torch.tensor([0.3], dtype=torch.float64)
    >>> torch.autograd.gradcheck(lambda x, z: flow_matching(model, x, z, u), (x, z))
    True
    """
    if data.shape != noise.shape or t.shape != data.shape[:1] or data.ndim == 0:
        raise ValueError(
            "data, noise and t must have the shapes (N, ...), (N, ...) and (N,), got "
            f"{tuple(data.shape)}, {tuple(noise.shape)} and {tuple(t.shape)}"
        )
    share = t.reshape(-1, *[1] * (data.ndim - 1))  # (N,) would meet the last dimension
    velocity = model((1 - share) * noise + share * data, t)
    if velocity.shape != data.shape:
        raise ValueError(
            f"model(x, t) and data must have the same shape, got "
            f"{tuple(velocity.shape)} and {tuple(data.shape)}"
        )
    return (velocity - (data - noise)).square().mean()


# %%
# Data minus noise, or noise minus data?
# --------------------------------------
# The target is the derivative of the path. With x_t = (1 - t) x_0 + t x_1 it is
# x_1 - x_0, and whether that is data - noise or noise - data depends on which end is
# t = 0. Here t = 0 is noise, so it is data - noise, and the sampler must integrate in
# the same convention, from 0 to 1, adding the velocity. Code with noise at t = 1 has
# the opposite sign and goes from 1 to 0. A mixture of the two gives noise:

import matplotlib.pyplot as plt

network = torch.nn.Sequential(
    torch.nn.Linear(3, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2)
)


def model(x, t):
    return network(torch.cat([x, t[:, None]], 1))


def ring(count):
    angle = 2 * torch.pi * torch.rand(count)
    return 2 * torch.stack([angle.cos(), angle.sin()], 1)


optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
for step in range(601):
    loss = flow_matching(model, ring(256), torch.randn(256, 2), torch.rand(256))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 200 == 0:
        print(f"step {step}: loss {loss:.2f}")

fig, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for ax, name, sign in zip(axes, ("as trained", "opposite sign"), (1, -1), strict=True):
    x = torch.randn(500, 2)
    for step in range(20):
        x = x + sign * model(x, torch.full((500,), step / 20)).detach() / 20
    ax.plot(*x.T, ".", label="samples")
    ax.plot(*ring(200).T, "C2.", markersize=1, label="data")
    ax.set(title=name, xlim=(-5, 5), ylim=(-5, 5), aspect="equal")
axes[0].legend()
fig.suptitle("The sampler has to integrate what was trained")

# %%
# The loss does not go to 0
# -------------------------
# At one point x_t many pairs of noise and data pass, with different velocities. The
# network can only learn their mean; their variance stays in the loss, as printed above.
# So a plateau is no failure. What is left depends on the data and on t: compare runs on
# the same data at the same times, and look at samples.

for t in (0.02, 0.5, 0.98):
    given = ring(5000), torch.randn(5000, 2), torch.full((5000,), t)
    print(f"t = {t}: loss {flow_matching(model, *given):.2f}")

# %%
# t has to be (N, 1, 1, 1)
# ------------------------
# Against images of shape (N, C, H, W), a t of shape (N,) is broadcast along the last
# dimension: an error if the width is not N, and silent if it is. This loss takes t as
# (N,) and shapes it for the path; the model still has to do so for itself.

image, t = torch.ones(4, 1, 2, 4), torch.tensor([0.0, 0.25, 0.5, 1.0])
print("(N,) makes columns:   ", (t * image)[1, 0, 0].tolist())
print("(N, 1, 1, 1), samples:", (t.reshape(-1, 1, 1, 1) * image)[1, 0, 0].tolist())

# %%
# Use it when samples should come in few steps along nearly straight paths; rather
# :doc:`/examples/generative/min_snr` when a diffusion model that predicts noise is
# there already, and :doc:`/examples/generative/elbo` when latents are wanted.
# ``torch.rand(N)`` draws t uniformly; a logit-normal t, ``torch.randn(N).sigmoid()``,
# gives the ends less weight.

# sphinx_gallery_tags = ["generative", "numbers"]
