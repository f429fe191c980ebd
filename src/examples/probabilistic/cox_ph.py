r"""
Cox proportional hazards
========================

Whoever has an event is pulled up, and all who were at risk then share the push down.

In survival analysis each event competes with everybody who is still at risk at its
time: a softmax cross entropy with one row for each event.
Who is censored stands in the denominators as long as known to be at risk, and in no
numerator:

.. math::

   \ell = \frac{1}{\sum_i e_i} \sum_i e_i
   \left( \log \sum_{j:\, t_j \ge t_i} \exp r_j - r_i \right)
   \qquad
   \frac{\partial \ell}{\partial r_k} = \frac{1}{\sum_i e_i} \left(
   \sum_{i:\, t_i \le t_k} \frac{e_i \exp r_k}{\sum_{j:\, t_j \ge t_i} \exp r_j} - e_k
   \right)

The inner sums are cumulative once the times are sorted, and events at one time share
one sum (Breslow); autograd does the rest.

Source: D. R. Cox, *Regression Models and Life-Tables*, and the discussion by N. E.
Breslow, Journal of the Royal Statistical Society B 34 (1972), 187-220.
"""

import torch


def log_cumsum_exp(x):
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


def cox_ph(risk, event, time, reduction="mean"):
    """Negative logarithm of Cox's partial likelihood, with Breslow's treatment of ties.

    Args:
        risk: Tensor of shape (N,): logarithm of the relative hazard, higher is earlier.
        event: Tensor of shape (N,): 1 or ``True`` where the event was seen, 0 or
            ``False`` where watching ended before it (censored).
        time: Tensor of shape (N,): when the event came or watching ended. Only the
            order of the times matters, and the rows need not be sorted.
        reduction: ``"mean"`` over the events, ``"sum"`` or ``"none"``.

    Returns:
        A scalar, or a tensor of shape (N,) with ``"none"``, 0 for the censored. Without
        any event all of it is 0, and so is the gradient.

    Raises:
        ValueError: The shapes are not one (N,), or ``reduction`` is not one of these.

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
    event = event.to(risk.dtype)
    loss = event * (log_at_risk[last] - risk)
    if reduction == "mean":
        return loss.sum() / event.sum().clamp(min=1)
    return loss if reduction == "none" else loss.sum()


# %%
# Who lives longer is pushed down more
# ------------------------------------
# All risks are zero, nobody differs yet.
# An event pulls its own row up and pushes down everybody still at risk.
# The censored are pushed as long as they are watched, and push nobody.

import matplotlib.pyplot as plt

time = torch.arange(1.0, 41.0)
event = torch.rand(40) < 0.5
slope = torch.func.grad(cox_ph)
gradient = slope(torch.zeros(40), event, time, "sum")
mistaken = slope(torch.zeros(40), torch.ones(40), time, "sum")

fig, ax = plt.subplots()
ax.plot(time[event], gradient[event], "o", label="event")
ax.plot(time[~event], gradient[~event], "s", label="censored")
ax.plot(time, mistaken, "--", label="all taken for events")
ax.set(xlabel="time", ylabel="gradient in the risk")
ax.set_title("Only events pull up; survivors are pushed down")
ax.legend(loc="upper left")

print(f"all pulls sum to {gradient.sum().abs():.4f}")

# %%
# The definition, row by row
# --------------------------
# One log-sum over everybody at risk for each event, with ties.

time = torch.tensor([3.0, 1.0, 3.0, 2.0, 3.0, 1.0])
event = torch.tensor([1, 1, 1, 0, 0, 1])
risk = torch.tensor([0.5, -1.0, 2.0, 0.3, 1.0, 0.0])
rows = [risk[time >= time[i]].logsumexp(0) - risk[i] for i in range(6) if event[i]]
print(f"by definition {sum(rows) / 4:.6f}, sorted {cox_ph(risk, event, time):.6f}")

# %%
# Coefficients from a study that ended early
# ------------------------------------------
# The hazard grows with the first covariate and falls with the second; about half of the
# events are not seen.
# Leaving the censored out or taking them for events shrinks both effects.

x = torch.randn(1000, 2)
hazard = torch.exp(x @ torch.tensor([1.0, -0.5]))
lifetime = torch.distributions.Exponential(hazard).sample()
end = 2 * torch.rand(1000)
time, event = torch.minimum(lifetime, end), lifetime <= end


def fit(x, event, time):
    weights = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        cox_ph(x @ weights, event, time).backward()
        optimizer.step()
    return ", ".join(f"{weight:.2f}" for weight in weights.tolist())


print(f"{event.float().mean():.0%} of the events seen; true: 1.00, -0.50")
print(f"Cox:                {fit(x, event, time)}")
print(f"censored left out:  {fit(x[event], event[event], time[event])}")
print(f"taken for events:   {fit(x, torch.ones(1000), time)}")

# %%
# The usual mistake: a cumulative sum over rows as they come
# ----------------------------------------------------------
# It is right only while the rows are sorted from the last time to the first, and no two
# times are equal.
# A data loader that shuffles is enough to make it meaningless.


def rows_as_they_come(risk, event, time):
    return (torch.logcumsumexp(risk, 0) - risk)[event].mean()


backwards = time.argsort(descending=True)
for name, rows in {"sorted": backwards, "shuffled": torch.randperm(1000)}.items():
    inputs = x[rows, 0], event[rows], time[rows]
    print(f"{name}: as they come {rows_as_they_come(*inputs):.4f}", end=", ")
    print(f"by time {cox_ph(*inputs):.4f}")

# %%
# Take it where events come late or never and their order is to be predicted.
# It says nothing of the time itself, since only the order counts.
# A batch stands for everybody at risk, so make it large: one row alone learns nothing.

print(f"with times cubed: {cox_ph(x[:, 0], event, time**3):.4f}")
print(f"of one row alone: {cox_ph(x[:1, 0], event[:1], time[:1]):.4f}")
