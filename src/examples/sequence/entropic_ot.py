r"""
Entropic transport
==================

Optimal transport: the gradient with respect to the cost is the transport plan, without
unrolling.

The plan :math:`P` moves weights :math:`a` to weights :math:`b`, cheaply and blurred:

.. math::

   \ell = \min_{P 1 = a, \, P^\top 1 = b} \;
   \sum_{ij} P_{ij} \left( C_{ij} + \epsilon \log \frac{P_{ij}}{a_i b_j} \right)
   = \sum_i a_i f_i + \sum_j b_j g_j

.. math::

   \frac{\partial \ell}{\partial C_{ij}} = P_{ij}
   = a_i b_j \, e^{(f_i + g_j - C_{ij}) / \epsilon}
   \qquad \frac{\partial \ell}{\partial (a_i, b_j)} = (f_i, g_j)

Sinkhorn's iteration finds :math:`f` and :math:`g`, in logarithms, where a small
:math:`\epsilon` does not underflow. At the minimum a change of the plan does not count,
so backward needs the end of the iteration and none of its steps.

Source: M. Cuturi, *Sinkhorn Distances*, NeurIPS 2013; with this entropy, J. Feydy et
al., *Interpolating between Optimal Transport and MMD*, AISTATS 2019, section 3.
"""

import torch
from torch import Tensor


def log_sum_exp(x: Tensor, dim: int) -> Tensor:
    """``x.logsumexp(dim, keepdim=True)`` in the memory of x."""
    top = x.amax(dim, keepdim=True)
    return x.sub_(top).exp_().sum(dim, keepdim=True).log_().add_(top)


class EntropicOT(torch.autograd.Function):
    @staticmethod
    def forward(
        cost: Tensor, a: Tensor, b: Tensor, reg: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        if min(a.min(), b.min()) < 0:
            raise ValueError(f"a and b must not be negative, got {a} and {b}")
        kernel = -cost / reg
        log_a, log_b = a.log().unsqueeze(-1), b.log().unsqueeze(-2)
        tolerance = 2 * torch.finfo(cost.dtype).eps * (1 + kernel.abs().max())
        v, work = torch.zeros_like(log_b), torch.empty_like(kernel)
        for _ in range(10_000):
            u = -log_sum_exp(work.copy_(kernel).add_(v + log_b), -1)
            before, v = v, -log_sum_exp(work.copy_(kernel).add_(u + log_a), -2)
            off = (b * (v - before).squeeze(-2).abs()).sum(-1).max()
            if not off > tolerance:
                break
        else:
            raise RuntimeError(f"after 10000 steps {off:.0e} off; raise reg from {reg}")
        plan = kernel.add_(u + log_a).add_(v + log_b).exp_()
        f, g = reg * u.squeeze(-1), reg * v.squeeze(-2)
        return (a * f).sum(-1) + (b * g).sum(-1), plan, f, g

    @staticmethod
    def setup_context(ctx, inputs: tuple, output: tuple[Tensor, ...]) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*output[1:])

    @staticmethod
    def backward(
        ctx, grad_output: Tensor | None, *second: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        if any(gradient is not None for gradient in second):
            raise NotImplementedError("entropic_ot has no second derivative")
        if grad_output is None:
            return (None,) * 4
        plan, f, g = ctx.saved_tensors
        upstream = grad_output.unsqueeze(-1)
        return upstream.unsqueeze(-1) * plan, upstream * f, upstream * g, None

    @staticmethod
    def vmap(
        info, in_dims: tuple, cost: Tensor, a: Tensor, b: Tensor, reg: float
    ) -> tuple:
        mapped = [
            x.expand(info.batch_size, *x.shape) if d is None else x.movedim(d, 0)
            for x, d in zip((cost, a, b), in_dims, strict=False)
        ]
        return EntropicOT.apply(*mapped, reg), (0, 0, 0, 0)


def entropic_ot(cost: Tensor, a: Tensor, b: Tensor, reg: float) -> Tensor:
    """Cost of the best plan, plus ``reg`` times its divergence from a times b.

    Args:
        cost: Tensor of shape (..., N, M), what a unit of weight pays from i to j.
        a: Weights of the sources, (..., N), not negative; divided by their sum.
        b: Weights of the targets, (..., M), likewise.
        reg: How blurred the plan is; positive, in the unit of the cost.

    Returns:
        A tensor of shape (...), a scalar for one problem; differentiable once.

    Raises:
        ValueError: Shapes do not fit, a weight is negative or ``reg`` not positive.
        RuntimeError: 10 000 steps do not converge to the precision of the dtype.

    >>> cost = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    >>> half = torch.tensor([0.5, 0.5], dtype=torch.float64)
    >>> reg = 1 / torch.tensor(3.0).log().item()  # exp(-1 / reg) is 1/3
    >>> loss = entropic_ot(cost.requires_grad_(), half, half, reg)
    >>> print(f"{loss.item():.4f}")  # reg * log(3/2)
    0.3691
    >>> loss.backward()
    >>> cost.grad  # three times as much stays as moves
    tensor([[0.3750, 0.1250],
            [0.1250, 0.3750]], dtype=torch.float64)

    >>> a, b = (torch.tensor(w).double().requires_grad_() for w in ([0.3, 0.7], [2, 1]))
    >>> torch.autograd.gradcheck(entropic_ot, (cost, a, b, 0.5))
    True
    """
    fits = a.shape == cost.shape[:-1] and b.shape == cost.shape[:-2] + cost.shape[-1:]
    if cost.ndim < 2 or not fits or 0 in cost.shape:
        raise ValueError(
            f"cost, a and b must have the shapes (..., N, M), (..., N) and (..., M), "
            f"not empty, got {tuple(cost.shape)}, {tuple(a.shape)} and {tuple(b.shape)}"
        )
    if not 0 < reg < torch.inf:
        raise ValueError(f"reg must be positive and finite, got {reg}")
    a, b = (weight / weight.sum(-1, keepdim=True) for weight in (a, b))
    return EntropicOT.apply(cost, a, b, reg)[0]


# %%
# The gradient is a row of shares, the sharper the smaller reg
# ------------------------------------------------------------
# Where the weight in the middle of 41 places goes. Without the entropy it would stay,
# and the costs beside it would have no gradient.

import matplotlib.pyplot as plt

place = torch.linspace(0, 1, 41, dtype=torch.float64)
cost = (place.unsqueeze(1) - place).square().requires_grad_()
even = torch.full_like(place, 1 / 41)

fig, ax = plt.subplots()
for reg in (0.1, 0.01, 0.001):
    (plan,) = torch.autograd.grad(entropic_ot(cost, even, even, reg), cost)
    ax.plot(place, plan[20] / even[20], label=f"reg = {reg}")
ax.set(xlabel="place that the weight goes to", ylabel="gradient, share of the weight")
ax.set_title("The smaller reg is, the fewer places share the weight")
ax.legend()

# %%
# Why is it not zero for equal clouds?
# ------------------------------------
# Entropic transport is biased: the plan is blurred, so a cloud is some way from itself,
# and the least loss is that of a shrunken copy. The Sinkhorn divergence removes both:
# take off half the loss of each cloud to itself. A smaller ``reg`` has less of this
# bias, takes more steps in the log domain (``logsumexp``), and asks for float64.


def blurred(x, y, reg=0.1):
    return entropic_ot((x.unsqueeze(1) - y).square(), even, even, reg)


losses = {
    "reg = 0.1": blurred,
    "reg = 0.001": lambda x, y: blurred(x, y, 0.001),
    "divergence": lambda x, y: blurred(x, y) - (blurred(x, x) + blurred(y, y)) / 2,
}
for name, loss in losses.items():
    x = 0.5 + 0.1 * (place - 0.5)
    for _ in range(30):
        x = x - 20 * torch.func.grad(loss)(x, place)
    print(f"{name}: equal clouds {loss(place, place):.4f}, ", end="")
    print(f"fitted spread {x.std() / place.std():.2f}")

# %%
# The memory of the backward by hand
# ----------------------------------
# Autograd through 100 steps keeps tensors of each, and finds the same gradient.


def unrolled(cost, a, b, reg):
    g = torch.zeros_like(b)
    for _ in range(100):
        f = -reg * ((g - cost) / reg + b.log()).logsumexp(1)
        g = -reg * ((f - cost.T) / reg + a.log()).logsumexp(1)
    return a @ f + b @ g


for loss in (entropic_ot, unrolled):
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, kept.append):
        loss(cost, even, even, 0.1)
    print(f"{loss.__name__} keeps {sum(x.nbytes for x in kept):,} bytes, ", end="")
    gradient = torch.func.grad(loss)(cost, even, even, 0.1)
    print(f"first gradient {gradient[0, 0]:.8f}")

# %%
# Use it to compare clouds of points or histograms; rather
# :doc:`/examples/sequence/assignment` when each thing is matched with one other,
# :doc:`/examples/sequence/sliced_wasserstein` when there are many points,
# :doc:`/examples/sequence/mmd_rbf` when no plan is needed.

# sphinx_gallery_tags = ["distribution matching", "by hand"]
