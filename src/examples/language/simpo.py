r"""
SimPO
=====

The mean log-probability per token is the reward, so no reference model gets involved.

With the mean log-probabilities per token :math:`c` of the preferred answer and
:math:`r` of the other, the scale :math:`\beta` and the margin :math:`\gamma`:

.. math::

   \ell = -\log \sigma\big(\beta (c - r) - \gamma\big)
   \qquad
   \frac{\partial \ell}{\partial c} = -\beta \, \sigma\big(\gamma - \beta (c - r)\big)
   = -\frac{\partial \ell}{\partial r}

Source: Y. Meng, M. Xia and D. Chen, *SimPO: Simple Preference Optimization with a
Reference-Free Reward*, NeurIPS 2024, equation 6.
"""

import torch
from torch import Tensor


def simpo(
    chosen: Tensor, rejected: Tensor, beta: float = 2.0, gamma: float = 0.5
) -> Tensor:
    """Simple preference optimization, the mean over the pairs.

    Args:
        chosen: Log-probabilities of the preferred answers, each the mean over the
            answer's own tokens; any shape, usually (N,).
        rejected: Those of the other answers; the same shape.
        beta: What their difference is multiplied by; positive.
        gamma: By how much beta times the difference should be ahead; 0 or more.

    Returns:
        A scalar; 0 where there are no pairs.

    Raises:
        ValueError: The shapes differ.

    >>> chosen = torch.tensor([-1.0, -0.75], requires_grad=True)
    >>> rejected = torch.tensor([-0.75, -1.0], requires_grad=True)
    >>> loss = simpo(chosen, rejected)
    >>> print(f"{loss.item():.4f}")  # (log(1 + e) + log 2) / 2
    1.0032
    >>> loss.backward()
    >>> chosen.grad, rejected.grad  # 2 / 2 times sigmoid(1) and sigmoid(0)
    (tensor([-0.7311, -0.5000]), tensor([0.7311, 0.5000]))

    >>> c, r = torch.tensor([[-1.0, -2.0], [-1.5, -1.0]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(simpo, (c.requires_grad_(), r.requires_grad_()))
    True
    """
    if chosen.shape != rejected.shape:
        raise ValueError(
            f"chosen and rejected must have the same shape, got "
            f"{tuple(chosen.shape)} and {tuple(rejected.shape)}"
        )
    margin = beta * (chosen - rejected) - gamma
    loss = torch.nn.functional.softplus(-margin)
    return loss.mean() if loss.numel() else loss.sum()


# %%
# A sum of log-probabilities prefers what is short
# ------------------------------------------------
# Without a reference, nothing takes the length away: each token makes an answer less
# likely, so by the sum a long answer loses to a short one at the same quality per
# token. The mean judges the quality. DPO may use the sum because it subtracts the
# reference's, which has the same length in it.

import matplotlib.pyplot as plt

lengths = torch.arange(1, 41)
sums = -0.5 * lengths  # each token has a log-probability of -0.5
other = torch.full((40,), -0.5 * 20)
fig, ax = plt.subplots()
by_mean = torch.vmap(simpo)(sums / lengths, other / 20)
ax.plot(lengths, by_mean, label="SimPO, mean per token")
ax.plot(lengths, torch.vmap(simpo)(sums, other), "C2--", label="the same with sums")
ax.set(xlabel="tokens of the chosen answer, 20 in the rejected", ylabel="loss")
ax.set_title("At equal quality, the mean does not see the length")
ax.legend()

# %%
# Divide by the answer's own tokens
# ---------------------------------
# A mean over the padded length makes it a sum again, scaled by a constant. Here the
# chosen answer is the better one per token, and padding makes it the worse one.

log_prob = torch.tensor([[-0.5] * 8, [-1.0] * 2 + [0.0] * 6])
mask = torch.tensor([[1] * 8, [1] * 2 + [0] * 6])
means = (log_prob * mask).sum(1) / mask.sum(1)
padded = (log_prob * mask).mean(1)
for name, (chosen, rejected) in {"own tokens": means, "padded length": padded}.items():
    print(f"{name}: {chosen:.2f} against {rejected:.2f}: ", end="")
    print(f"loss {simpo(chosen, rejected):.3f}")

# %%
# Use it when there are pairs and no memory for a reference model; rather
# :doc:`/examples/language/dpo` when the model must stay near where it started. Nothing
# here holds it: the learning rate does. ``beta`` is 2 and more because its unit is
# nats per token; with DPO's 0.1 the gradient is a twentieth. Two answers that are
# equally likely cost log(1 + exp(gamma)), not log 2. The loss fades and never stops: at
# gamma / beta nats per token the margin is met, with half of the largest gradient.

for ahead in (0.0, 0.25, 2.0):
    pair = torch.tensor([[ahead - 1], [-1.0]])
    gradient, loss = torch.func.grad_and_value(simpo)(*pair)
    print(f"{ahead} nats ahead: loss {loss:.3f}, gradient {gradient.item():.3f}")

# sphinx_gallery_tags = ["language", "preferences"]
