r"""
ORPO
====

The chosen answer gets the gradient of its likelihood, and one more by its odds.

With the mean log-probabilities per token :math:`c` of the preferred answer and
:math:`r` of the other, and the log-odds
:math:`o(x) = \log \frac{e^x}{1 - e^x} = x - \log(1 - e^x)`:

.. math::

   \ell = -c - \beta \log \sigma\big(o(c) - o(r)\big)
   \qquad
   \frac{\partial o}{\partial x} = \frac{1}{1 - e^x}

Source: J. Hong, N. Lee and J. Thorne, *ORPO: Monolithic Preference Optimization without
Reference Model*, EMNLP 2024, equations 4, 6 and 7; their lambda is ``beta`` here, as in
TRL.
"""

import math

import torch
from torch import Tensor


def _log1mexp(x: Tensor) -> Tensor:
    """log(1 - exp(x)) for x < 0, without cancellation at either end."""
    # A sure answer's log-probability may round to 0, where the slope is infinite.
    x = x.clamp(max=-torch.finfo(x.dtype).tiny)
    near = x > -math.log(2)
    # The branch that is not taken gets a harmless input, or its gradient would be NaN.
    small = (-torch.expm1(x.masked_fill(~near, -0.5))).log()
    large = torch.log1p(-x.masked_fill(near, -1.0).exp())
    return torch.where(near, small, large)


def orpo(chosen: Tensor, rejected: Tensor, beta: float = 0.1) -> Tensor:
    """Odds ratio preference optimization, the mean over the pairs.

    Args:
        chosen: Log-probabilities of the preferred answers, each the mean over the
            answer's own tokens; below 0, of any shape, usually (N,).
        rejected: Those of the other answers; the same shape.
        beta: Weight of the odds ratio beside the likelihood; 0 or more.

    Returns:
        A scalar; 0 where there are no pairs.

    Raises:
        ValueError: The shapes differ.

    >>> chosen = torch.tensor([0.5]).log().requires_grad_()
    >>> rejected = torch.tensor([0.5]).log().requires_grad_()
    >>> loss = orpo(chosen, rejected, beta=1.0)
    >>> print(f"{loss.item():.4f}")  # log 2 for the likelihood, log 2 for equal odds
    1.3863
    >>> loss.backward()
    >>> chosen.grad, rejected.grad  # the odds have the slope 1 / (1 - 0.5) = 2
    (tensor([-2.]), tensor([1.]))

    >>> c, r = torch.tensor([[-1.0, -0.2], [-1.5, -0.1]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(orpo, (c.requires_grad_(), r.requires_grad_()))
    True
    """
    if chosen.shape != rejected.shape:
        raise ValueError(
            f"chosen and rejected must have the same shape, got "
            f"{tuple(chosen.shape)} and {tuple(rejected.shape)}"
        )
    log_odds_ratio = chosen - rejected - _log1mexp(chosen) + _log1mexp(rejected)
    loss = -chosen + beta * torch.nn.functional.softplus(-log_odds_ratio)
    return loss.mean() if loss.numel() else loss.sum()


# %%
# Why does it need no reference?
# ------------------------------
# The likelihood of the chosen answer keeps the model where it should be, and its
# gradient does not fade: it is -1 for every pair. The odds ratio adds a gradient that
# fades when the chosen answer is ahead. So both answers cannot become unlikely
# together, which a loss of their difference alone allows.

import matplotlib.pyplot as plt

chosen = torch.linspace(-4, -0.05, 160, requires_grad=True)
rejected = torch.full((160,), -1.5)
fig, ax = plt.subplots()
for beta, style in ((0.1, "C1"), (1.0, "C1:"), (0.0, "C2--")):
    loss = 160 * orpo(chosen, rejected, beta)
    (gradient,) = torch.autograd.grad(loss, chosen)
    ax.plot(chosen.detach(), gradient, style, label=f"beta {beta}")
ax.set(xlabel="chosen, nats per token (rejected -1.5)", ylabel="gradient by chosen")
ax.set_title("The odds ratio adds to the likelihood's gradient of -1")
ax.legend()

# %%
# It takes means, not sums
# ------------------------
# The sum over an answer of 200 tokens is about -200. Its probability is then 0 to
# float32, 1 - p is 1, and the odds are the probability: the odds ratio is a difference
# of sums, of hundreds of nats, and pairs are settled by their lengths.

pair = torch.tensor([-1.1]), torch.tensor([-0.9])
for name, tokens in {"means": 1, "sums over 200 tokens": 200}.items():
    chosen, rejected = (tokens * log_prob for log_prob in pair)
    odds = orpo(chosen, rejected, beta=1.0) - orpo(chosen, rejected, beta=0.0)
    print(f"{name}: the odds ratio's part is {odds:.2f}")

# %%
# Use it when a model that has not been fine-tuned learns from pairs in one go; rather
# :doc:`/examples/language/dpo` when it has been, and should stay near. At its best the
# loss is not 0: the negative log-likelihood is in it. With log(1 - exp(x)) as it is
# written, the probability of a sure answer rounds to 1, and its odds are infinite.

sure, other = torch.tensor([-1e-9]), torch.tensor([-9.0])
print(f"as written: {(sure - (1 - sure.exp()).log()).item()}; ", end="")
print(f"here: {(sure - _log1mexp(sure)).item():.2f}")
print(f"a settled pair at -1.5 costs {orpo(torch.tensor([-1.5]), other):.3f}")

# sphinx_gallery_tags = ["language", "preferences"]
