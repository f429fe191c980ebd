r"""
Cox proportional hazards
========================

Survival analysis: an event raises its own risk score, and lowers those of all still at
risk.

Each event at time :math:`t_i`, with :math:`e_i = 1`, is a softmax cross entropy over
everybody who was still at risk. Who is censored, :math:`e_i = 0`, counts in the
denominators up to the last time seen, and in no numerator:

.. math::

   \ell = \frac{1}{\sum_i e_i} \sum_i e_i
   \left( \log \sum_{j:\, t_j \ge t_i} \exp r_j - r_i \right)
   \qquad
   \frac{\partial \ell}{\partial r_k} = \frac{1}{\sum_i e_i} \left(
   \sum_{i:\, t_i \le t_k} \frac{e_i \exp r_k}{\sum_{j:\, t_j \ge t_i} \exp r_j} - e_k
   \right)

The inner sums are cumulative once the times are sorted, and events at one time share
one sum (Breslow).

Source: D. R. Cox, *Regression Models and Life-Tables*, and the discussion by N. E.
Breslow, Journal of the Royal Statistical Society B 34 (1972), 187-220.
"""

import torch
from torch import Tensor


def log_cumsum_exp(x: Tensor) -> Tensor:
    """Add up ``exp(x)`` in the logarithm: over pairs, fours, eights, ..."""
    # torch.logcumsumexp takes the logarithm of its upstream gradient, and that is 0 for
    # the censored: in torch 2.13 a double backward through it is wrong.
    shift = 1
    while shift < len(x):
        late, early = x[shift:], x[:-shift]
        both = late - torch.nn.functional.logsigmoid(late - early)
        x = torch.cat([x[:shift], both])
        shift *= 2
    return x


def cox_ph(
    risk: Tensor, event: Tensor, time: Tensor, reduction: str = "mean"
) -> Tensor:
    """Negative logarithm of Cox's partial likelihood, with Breslow's treatment of ties.

    Args:
        risk: Tensor of shape (N,): logarithm of the relative hazard, higher is earlier.
        event: Tensor of shape (N,): 1 or ``True`` where the event was seen, 0 or
            ``False`` where watching ended before it (censored).
        time: Tensor of shape (N,): when the event came or watching ended, in any order.
        reduction: ``"mean"`` over the events, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``, 0 for the censored; 0 with
        gradient 0 where there is no event.

    Raises:
        ValueError: The shapes do not fit, or ``reduction`` is not one of these.

    >>> risk = torch.zeros(3, requires_grad=True)
    >>> event, time = torch.tensor([1, 0, 1]), torch.tensor([1.0, 2.0, 3.0])
    >>> loss = cox_ph(risk, event, time, reduction="none")
    >>> loss.detach()  # one of three at risk, censored, one of one
    tensor([1.0986, 0.0000, 0.0000])
    >>> loss.sum().backward()
    >>> risk.grad  # 1/3 - 1, 1/3, 1/3 + 1 - 1
    tensor([-0.6667,  0.3333,  0.3333])

    >>> risk = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(cox_ph, (risk, event, time))
    True
    >>> torch.autograd.gradgradcheck(cox_ph, (risk, event, time))
    True
    """
    if risk.dim() != 1 or not risk.shape == event.shape == time.shape:
        raise ValueError(
            f"risk, event and time must have the same shape (N,), got "
            f"{tuple(risk.shape)}, {tuple(event.shape)} and {tuple(time.shape)}"
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    order = torch.argsort(time, descending=True)
    log_at_risk = log_cumsum_exp(risk[order])
    # Of those with the same time, the last in order has all of them in its sum.
    last = torch.searchsorted(-time[order], -time, right=True) - 1
    loss = event.to(risk.dtype) * (log_at_risk[last] - risk)
    if reduction == "none":
        return loss
    # float16 ends at 65,504, which the losses of 10,000 events add up to.
    total = loss.sum(dtype=torch.promote_types(loss.dtype, torch.float32))
    if reduction == "mean":
        total = total / event.sum().clamp(min=1)
    return total.to(loss.dtype)


# %%
# Whoever lives longer has the larger gradient
# --------------------------------------------
# All risks are 0, nobody differs yet. An event has a negative gradient of its own,
# which raises its risk, and a positive share of that of each event before it. The
# censored have the shares alone.

import matplotlib.pyplot as plt

time = torch.arange(1.0, 41.0)
event = torch.rand(40) < 0.5
gradient = torch.func.grad(cox_ph)(torch.zeros(40), event, time, "sum")

fig, ax = plt.subplots()
ax.plot(time[event], gradient[event], "o", label="event")
ax.plot(time[~event], gradient[~event], "s", label="censored")
ax.set(xlabel="time", ylabel="gradient of the risk score")
ax.set_title("Each event passes a gradient to all who outlive it")
ax.legend(loc="upper left")

# %%
# Coefficients from a study that ended early
# ------------------------------------------
# The hazard grows with the first covariate and falls with the second; about half of the
# events are not seen. Leaving the censored out, or taking them for events, shrinks both
# effects.

x = torch.randn(1000, 2)
hazard = torch.exp(x @ torch.tensor([1.0, -0.5]))
lifetime = torch.distributions.Exponential(hazard).sample()
end = 2 * torch.rand(1000)
time, event = torch.minimum(lifetime, end), lifetime <= end

print(f"{event.float().mean():.0%} of the events seen; true: 1.00, -0.50")
for name, rows, seen in (
    ("Cox", slice(None), event),
    ("censored left out", event, event),
    ("taken for events", slice(None), torch.ones(1000)),
):
    weights = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        cox_ph(x[rows] @ weights, seen[rows], time[rows]).backward()
        optimizer.step()
    print(f"{name:17}: {weights[0]:.2f}, {weights[1]:.2f}")

# %%
# NaN in small batches, and sums over rows as they come
# -----------------------------------------------------
# A batch without any event divides 0 by 0; here the count of events is at least 1, so
# such a batch has loss 0 and gradient 0. A cumulative sum over the rows as they come is
# right only while they are sorted from the last time to the first and no times are
# equal, and nothing fails when they are not.
#
# The batch stands for everybody at risk, so the loss depends on who is in it: make it
# large, or give each one some events. One row alone always costs 0.

for name, rows in {
    "sorted": time.argsort(descending=True),
    "shuffled": torch.randperm(1000),
    "no event": ~event,
    "one row": event.nonzero()[:1, 0],
}.items():
    risk, seen = x[rows, 0], event[rows]
    as_they_come = (torch.logcumsumexp(risk, 0) - risk)[seen].mean()
    print(f"{name:8}: {cox_ph(risk, seen, time[rows]):.3f}", end=", ")
    print(f"as they come {as_they_come:.3f}")

# %%
# Use it when events come late or never and their order is to be predicted; it says
# nothing of the time itself, and any change of the times that keeps their order keeps
# the loss. Rather :doc:`/examples/probabilistic/gaussian_nll` of the logarithm of the
# time when all events are seen, :doc:`/examples/ranking/ranknet` when pairs are to be
# ordered. With many equal times Efron's form is nearer to the truth than Breslow's,
# which is here.

cubed = cox_ph(x[:, 0], event, time**3)
torch.testing.assert_close(cubed, cox_ph(x[:, 0], event, time))

# sphinx_gallery_tags = ["ranking", "missing labels"]
