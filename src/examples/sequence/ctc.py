r"""
CTC
===

For labels without times: the gradient comes from all alignments, by their likelihood.

A path :math:`\pi` names a class or a blank in each frame, and spells what is left once
repeats are merged and blanks are dropped:

.. math::

   \ell = -\log \sum_{\pi \text{ spells the target}} \prod_t p_t(\pi_t)
   \qquad
   \frac{\partial \ell}{\partial \text{logits}_{tc}} = p_t(c) - q_t(c)

with :math:`p` the softmax and :math:`q_t(c)` the share of these paths that is at
:math:`c` in frame :math:`t`: the paths to there times the paths from there.

Source: A. Graves, S. Fernández, F. Gomez and J. Schmidhuber, *Connectionist Temporal
Classification*, ICML 2006, equations 5 to 16, here in log space.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad


def walk(paths: Tensor, states: Tensor, emitted: Tensor, inside: Tensor) -> Tensor:
    """Log-probability of the paths to each state, before each frame and after all."""
    # A path may stay, come one state on, or skip the blank between unequal labels.
    skip = (states[:, 2:] != states[:, :-2]) & (states[:, 2:] != states[:, :1])
    skip = pad(skip, (2, 0))[:, : states.shape[1]]
    before = []
    for t in range(len(emitted) + 1):
        one = pad(paths, (1, 0), value=-math.inf)[:, :-1]
        two = pad(paths, (2, 0), value=-math.inf)[:, :-2].masked_fill(~skip, -math.inf)
        before.append(paths.logaddexp(one).logaddexp(two))
        if t < len(emitted):
            paths = torch.where(inside[t], before[t] + emitted[t], paths)
    return torch.stack(before)


class CTC(torch.autograd.Function):
    """By hand, since a state out of reach is -inf, where ``logaddexp`` has NaN."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        logits: Tensor, states: Tensor, end: Tensor, inside: Tensor
    ) -> tuple[Tensor, Tensor]:
        log_p = logits.log_softmax(2)
        index = states.unsqueeze(1).expand(-1, log_p.shape[1], -1)
        emitted = log_p.gather(2, index).transpose(0, 1)
        start = torch.arange(states.shape[1], device=end.device).expand_as(end) == 0
        before = walk(  # both ways at once: backward variables start from the end
            torch.where(torch.cat([start, end.flip(1)]), 0.0, -math.inf).to(log_p),
            torch.cat([states, states.flip(1)]),
            torch.cat([emitted, emitted.flip(0, 2)], 1),
            torch.cat([inside, inside.flip(0)], 1),
        )
        before, after = before.chunk(2, 1)
        loss = -before[-1].masked_fill(~end, -math.inf).amax(1)
        q = (before[:-1] + emitted + after[:-1].flip(0, 2) + loss.unsqueeze(1)).exp()
        gradient = log_p.exp().scatter_add(2, index, -q.transpose(0, 1))
        moved = inside.transpose(0, 1) & ~loss.isinf()[:, None, None]
        return loss, gradient.masked_fill(~moved, 0.0)

    @staticmethod
    def setup_context(
        ctx, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]
    ) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(output[1])

    @staticmethod
    def backward(
        ctx, grad_output: Tensor | None, second: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        if second is not None:
            raise NotImplementedError("ctc has no second derivative")
        if grad_output is None:
            return None, None, None, None
        return grad_output[:, None, None] * ctx.saved_tensors[0], None, None, None


def ctc(
    logits: Tensor,
    target: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    blank: int = 0,
    reduction: str = "sum",
    zero_infinity: bool = False,
) -> Tensor:
    """Connectionist temporal classification, log-softmax included.

    Args:
        logits: Tensor of shape (N, T, C), with T frames of C classes.
        target: Labels without blanks, int64 in [0, C), padded to shape (N, S).
        input_lengths: Frames that count, int64 in [0, T], of shape (N,).
        target_lengths: Labels that count, int64 in [0, S], of shape (N,).
        blank: The class that means "no label".
        reduction: ``"sum"``, ``"none"``, or torch's ``"mean"`` of loss / labels.
        zero_infinity: Whether a target that does not fit into its frames costs 0. It
            costs inf otherwise, as in torch; its gradient is 0 in both cases.

    Returns:
        A scalar, or shape (N,) with ``"none"``, differentiable once.

    Raises:
        ValueError: A shape, a length, a label or an option does not fit.

    >>> logits, one = torch.zeros(1, 2, 2, requires_grad=True), torch.tensor([1])
    >>> loss = ctc(logits, torch.tensor([[1]]), 2 * one, one)
    >>> print(f"{loss.item():.4f}")  # of four paths 1-, -1 and 11 spell 1: log 4/3
    0.2877
    >>> loss.backward()
    >>> logits.grad[0, 0]  # two of the three start with the label: 1/2 - 2/3
    tensor([ 0.1667, -0.1667])

    >>> x = torch.linspace(-2, 2, 8).cos().double().reshape(1, 4, 2).requires_grad_()
    >>> torch.autograd.gradcheck(ctc, (x, torch.tensor([[1, 1]]), 4 * one, 2 * one))
    True
    """
    shapes = [tuple(x.shape) for x in (logits, target, input_lengths, target_lengths)]
    if [*map(len, shapes)] != [3, 2, 1, 1] or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(f"shapes must be (N, T, C), (N, S), (N,), (N,), got {shapes}")
    (_, T, C), (_, S) = shapes[:2]
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}"
        )
    for lengths, longest in ((input_lengths, T), (target_lengths, S)):
        if ((lengths < 0) | (lengths > longest)).any():
            raise ValueError(f"lengths must be 0 to {longest}, got {lengths.tolist()}")
    counts = torch.arange(S, device=target.device) < target_lengths.unsqueeze(1)
    wrong = counts & ((target < 0) | (target >= C) | (target == blank))
    if target.dtype != torch.int64 or blank not in range(C) or wrong.any():
        raise ValueError(f"labels must be int64 in [0, {C}), not {blank}; got {target}")
    label = target.masked_fill(~counts, blank)
    states = torch.stack([torch.full_like(label, blank), label], 2).flatten(1)
    states = pad(states, (0, 1), value=blank)
    end = torch.arange(2 * S + 1, device=target.device) == 2 * target_lengths[:, None]
    inside = torch.arange(T, device=end.device)[:, None, None] < input_lengths[:, None]
    loss = CTC.apply(logits, states, end, inside)[0]
    if zero_infinity:
        loss = torch.where(loss.isinf(), 0, loss)
    if reduction == "mean":
        loss = loss / target_lengths.clamp(min=1)
    return loss if reduction == "none" else getattr(loss, reduction)()


# %%
# Inf, then NaN: how many frames do the labels need?
# --------------------------------------------------
# At least as many as labels, plus one for each pair of equal neighbours, since a blank
# is compulsory only between repeats; not 2 L + 1. With fewer there is no alignment and
# the loss is inf. In torch the gradient of such a sample is NaN, and one of them
# poisons the batch; ``zero_infinity=True`` sets its loss and gradient to zero. Here the
# gradient is 0 in any case. Lengths are those after downsampling: better drop the
# samples from the data.

import matplotlib.pyplot as plt
from torch.nn.functional import cross_entropy, ctc_loss

three, frames = torch.zeros(1, 3, 6, requires_grad=True), torch.tensor([3])
for labels in ([1, 2, 3], [1, 1], [1, 1, 2], [1, 2, 3, 4]):
    case = torch.tensor([labels]), frames, torch.tensor([len(labels)])
    theirs = ctc_loss(three.log_softmax(2).transpose(0, 1), *case, reduction="sum")
    (gradient,) = torch.autograd.grad(theirs, three)
    (ours,) = torch.autograd.grad(ctc(three, *case), three)
    print(f"{labels} in 3 frames: {theirs:.2f}, zeroed ", end="")
    print(f"{ctc(three, *case, zero_infinity=True):.2f}; NaN in the gradient: ", end="")
    print(f"torch {gradient.isnan().any()}, here {ours.isnan().any()}")

# %%
# A label has a gradient where its alignments pass
# ------------------------------------------------
# All logits are zero. The second of three labels is raised where most alignments have
# it. Cross entropy on even thirds is as sure as if it had heard the borders.

logits, target = torch.zeros(1, 24, 4, requires_grad=True), torch.tensor([[1, 2, 3]])
lengths = torch.tensor([24]), torch.tensor([3])
(gradient,) = torch.autograd.grad(ctc(logits, target, *lengths), logits)
even = cross_entropy(logits[0], target[0].repeat_interleave(8), reduction="sum")
(rival,) = torch.autograd.grad(even, logits)

fig, ax = plt.subplots()
ax.plot(gradient[0, :, 1:], label=["CTC, label 1", "CTC, label 2", "CTC, label 3"])
ax.plot(rival[0, :, 2], "C1--", label="cross entropy on thirds, label 2")
ax.set(xlabel="frame", ylabel="gradient of the logit", ylim=(-0.9, 0.9))
ax.set_title("CTC raises each label where its alignments pass")
ax.legend(loc="upper center", ncols=2)

# %%
# CTC mean is smaller than expected
# ---------------------------------
# torch's ``"mean"``, its default, first divides each sample's loss by its number of
# labels. For the mean over sequences take the sum and divide it by the batch size.

log_p = logits.log_softmax(2).transpose(0, 1)
for reduction in ("mean", "sum"):
    theirs = ctc_loss(log_p, target, *lengths, reduction=reduction)
    ours = ctc(logits, target, *lengths, reduction=reduction)
    print(f"{reduction}: torch {theirs:.3f}, here {ours:.3f}")

# %%
# Use it when labels come in order at unknown times; rather
# :doc:`/examples/sequence/crf_nll` when each frame has a label,
# :doc:`/examples/sequence/soft_dtw` for two series of numbers. In production rather
# :func:`torch.nn.functional.ctc_loss`, whose kernels are faster; it wants log-softmax
# and (T, N, C). The backward here is by hand because autograd's would be NaN:

start, states = torch.eye(1, 7).log(), torch.tensor([[0, 1, 0, 2, 0, 3, 0]])
emitted = logits.log_softmax(2)[..., states[0]].transpose(0, 1)
paths = walk(start, states, emitted, torch.ones(24, 1, 1) > 0)
(plain,) = torch.autograd.grad(-paths[-1, 0, -1], logits)
print(f"NaN by autograd: {plain.isnan().any()}, by hand: {gradient.isnan().any()}")

# sphinx_gallery_tags = ["audio", "sequences", "classes", "by hand"]
