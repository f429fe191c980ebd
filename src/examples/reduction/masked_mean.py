r"""
Masked mean
===========

Padding and other masked entries get no gradient, and do not dilute that of the rest.

With the loss :math:`\ell_i` of each element and a mask :math:`m_i` of zeros and ones,
or weights of 0 and more:

.. math::

   L = \frac{\sum_i m_i \, \ell_i}{\sum_i m_i}
   \qquad
   \frac{\partial L}{\partial \ell_i} = \frac{m_i}{\sum_j m_j}

Source: the weighted mean that ``torch.nn.functional.cross_entropy`` takes with its
``weight`` and ``ignore_index``, for any loss.
"""

import torch
from torch import Tensor


def masked_mean(
    loss: Tensor, mask: Tensor, dim: int | tuple[int, ...] | None = None
) -> Tensor:
    """Mean over what counts: padding, missing labels and sample weights.

    Args:
        loss: A loss per element, of any shape, as ``reduction="none"`` gives it.
        mask: Tensor of the same shape: True or 1 where an element counts, False or 0
            where not, or weights of 0 and more.
        dim: What to average over; everything where it is None.

    Returns:
        The mean, in the dtype of ``loss``, without the dimensions in ``dim``; 0, with
        gradient 0, where nothing counts.

    Raises:
        ValueError: The shapes differ.

    >>> loss = torch.tensor([[1.0, 3.0], [torch.nan, 8.0]], requires_grad=True)
    >>> mask = torch.tensor([[True, True], [False, True]])
    >>> mean = masked_mean(loss, mask)
    >>> mean.item()  # (1 + 3 + 8) / 3
    4.0
    >>> mean.backward()
    >>> loss.grad * 3
    tensor([[1., 1.],
            [0., 1.]])
    >>> masked_mean(loss, mask, dim=1).tolist()  # of each row
    [2.0, 8.0]

    >>> x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(masked_mean, (x, torch.tensor([True, False, True])))
    True
    """
    if loss.shape != mask.shape:
        raise ValueError(
            f"loss and mask must have the same shape, got "
            f"{tuple(loss.shape)} and {tuple(mask.shape)}"
        )
    kept = loss.masked_fill(mask == 0, 0)  # times 0 would not do: NaN * 0 is NaN
    # float16 ends at 65,504, which the losses of 10,000 tokens add up to.
    wide = torch.promote_types(loss.dtype, torch.float32)
    total = (kept * mask).sum(dim, dtype=wide)
    weight = mask.sum(dim, dtype=wide)
    return (total / weight.masked_fill(weight == 0, 1)).to(loss.dtype)


# %%
# Padding must not change the gradient
# ------------------------------------
# Five tokens count, and the batch is padded to some length. ``(loss * mask).mean()``
# divides by that length: one long sequence in the batch, and every other token learns
# more slowly. The masked mean divides by five. Code that takes ``.mean(1)`` first and
# divides by the count afterwards divides twice, by the padded length and by the tokens.

import matplotlib.pyplot as plt

lengths = range(5, 51)
fig, ax = plt.subplots()
for name, style, reduce in (
    ("masked_mean(loss, mask)", "C1-", masked_mean),
    ("(loss * mask).mean()", "C2--", lambda loss, mask: (loss * mask).mean()),
    ("divided twice", "C3:", lambda loss, mask: (loss * mask).mean() / mask.sum()),
):
    gradient = [
        torch.func.grad(reduce)(torch.ones(length), torch.arange(length) < 5)[0].item()
        for length in lengths
    ]
    ax.plot(lengths, gradient, style, label=name)
    print(f"{name}: {gradient[0]:.3f} without padding, {gradient[-1]:.3f} at 50")
ax.set(xlabel="padded length", ylabel="gradient of one token's loss", ylim=(0, 0.23))
ax.set_title("The gradient of a token, of five that count")
ax.legend()

# %%
# A missing target is NaN in the gradient, unless it is replaced before the loss
# ------------------------------------------------------------------------------
# A mask, or an index, after the loss makes the value right. The gradient is not:
# backward passes a 0 to the squared error, which multiplies it by its own slope, and
# 0 * (prediction - NaN) is NaN. So select before the loss,
# ``loss(prediction[mask], target[mask])``, or replace the target by any finite number
# and mask after it. The absolute error only looks right by luck: its slope is a sign.

from torch.nn import functional

target = torch.tensor([1.0, torch.nan, 0.0])
for function in (
    functional.l1_loss,
    functional.mse_loss,
    functional.huber_loss,
    functional.smooth_l1_loss,
    functional.binary_cross_entropy_with_logits,
):
    gradients = []
    for given in (target, target.nan_to_num()):
        prediction = torch.full((3,), 0.5, requires_grad=True)
        each = function(prediction, given, reduction="none")
        masked_mean(each, target.isfinite()).backward()
        gradients.append(prediction.grad[1].item())  # where the target is missing
    print(f"{function.__name__}: masked after {gradients[0]}, replaced {gradients[1]}")

# %%
# Over micro-batches and processes, count first
# ---------------------------------------------
# A mean of means gives each part the same weight, however few tokens count in it.
# Weigh each part by its share of the whole count, which has to be known before the
# first backward. Under DistributedDataParallel, sum the counts with
# ``torch.distributed.all_reduce`` and multiply by the number of processes, because DDP
# divides the gradients by it.

loss, mask = torch.tensor([9.0, 1, 1, 1, 1, 1]), torch.tensor([1, 0, 0, 1, 1, 1])
parts = list(zip(loss.split(3), mask.split(3), strict=True))
mean_of_means = sum(masked_mean(*part) for part in parts) / len(parts)
weighed = sum(masked_mean(*part) * part[1].sum() / mask.sum() for part in parts)
print(f"in one piece {masked_mean(loss, mask)}, ", end="")
print(f"mean of means {mean_of_means}, weighed {weighed}")

# %%
# Use it when padding, missing labels or sample weights meet a loss that has
# ``reduction="none"``; rather :doc:`/examples/reduction/sequence_mean` when a short
# sequence shall count as much as a long one.
# Some masks are True for padding, as ``key_padding_mask`` of torch's attention is: pass
# ``~mask``. Weights that a network computes need ``detach()``, or it lowers the loss by
# giving the weight to easy samples. The scale of the weights cancels, as in the mean of
# :func:`torch.nn.functional.cross_entropy` with weights of classes.

weight = torch.rand(6)
torch.testing.assert_close(masked_mean(loss, weight), masked_mean(loss, 9 * weight))

# sphinx_gallery_tags = ["building blocks", "missing labels"]
