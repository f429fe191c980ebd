r"""
Chunked cross entropy
=====================

The gradient is finished in forward, a few rows at a time, so no logits are kept.

A language model's last layer makes a logit for each token and each word of the
vocabulary. With the row :math:`h_n` of its input, its weight :math:`W`, the target
:math:`t_n`, the unit vector :math:`e_{t_n}` and :math:`p_n = \text{softmax}(W h_n)`:

.. math::

   L = -\frac{1}{N} \sum_n \log p_{n, t_n}
   \qquad
   \frac{\partial L}{\partial h_n} = \frac{1}{N} W^\top (p_n - e_{t_n})
   \qquad
   \frac{\partial L}{\partial W} = \frac{1}{N} \sum_n (p_n - e_{t_n}) \, h_n^\top

The weight's gradient is a sum over rows, and each row of the input has its own. So a
chunk of rows is done while its logits are there, and backward only multiplies by what
flows in.

Source: P.-L. Hsu et al., *Liger Kernel: Efficient Triton Kernels for LLM Training*,
arXiv:2410.10989 (2024), "FusedLinearCrossEntropy".
"""

import torch
from torch import Tensor


class ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        hidden: Tensor,
        weight: Tensor,
        target: Tensor,
        chunk: int,
        ignore_index: int,
        mean: bool,
        with_gradient: bool,
    ) -> tuple[Tensor, ...]:
        wide = torch.float64 if weight.dtype == torch.float64 else torch.float32
        loss = weight.new_zeros((), dtype=wide)  # a sum in float16 would overflow
        to_hidden, to_weight = torch.zeros_like(hidden), torch.zeros_like(weight)
        divisor = (target != ignore_index).sum().clamp(min=1) if mean else 1
        for start in range(0, len(hidden), chunk):
            rows = slice(start, start + chunk)
            label = target[rows].unsqueeze(1)
            ignored = label == ignore_index
            label = label.masked_fill(ignored, 0)
            # NaN in an ignored row would be NaN in the gradient of the weight.
            h = hidden[rows].masked_fill(ignored, 0)
            logits = (h @ weight.T).to(wide)  # autocast makes them short
            logits -= logits.amax(1, keepdim=True)
            loss -= logits.gather(1, label).masked_fill(ignored, 0).sum()
            p = logits.exp_()  # in place: a chunk is the largest tensor there is
            total = p.sum(1, keepdim=True)
            loss += total.log().masked_fill(ignored, 0).sum()
            if with_gradient:
                p /= total
                p = p.scatter_add_(1, label, -torch.ones_like(total))
                p = p.masked_fill_(ignored, 0).to(weight)
                to_hidden[rows] = p @ weight / divisor
                to_weight.addmm_(p.T, h.to(weight) / divisor)
        return (loss / divisor).to(weight), to_hidden, to_weight

    @staticmethod
    def setup_context(ctx, inputs: tuple, output: tuple[Tensor, ...]) -> None:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*output[1:])

    @staticmethod
    def backward(
        ctx, grad_output: Tensor | None, *second: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        # The gradients are outputs, too, so whoever differentiates them ends up here.
        if any(gradient is not None for gradient in second):
            raise NotImplementedError("chunked_cross_entropy has no second derivative")
        if grad_output is None:
            return (None,) * 7
        pairs = zip(ctx.saved_tensors, ctx.needs_input_grad, strict=False)
        scaled = (grad_output * g if wanted else None for g, wanted in pairs)
        return *scaled, None, None, None, None, None


def chunked_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    target: Tensor,
    chunk: int = 256,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Cross entropy of a linear layer, in chunks of rows.

    Args:
        hidden: Tensor of shape (N, D), the input of the layer, a row for each token.
        weight: Tensor of shape (C, D), as a linear layer keeps it.
        target: The true classes, int64 in [0, C) or ``ignore_index``, of shape (N,).
        chunk: How many rows of logits there are at a time; 1 or more.
        ignore_index: Rows with this target do not count, and get no gradient.
        reduction: ``"mean"`` over the rows that count, or ``"sum"``; no ``"none"``, as
            the gradient is finished before it could be weighted.

    Returns:
        A scalar; 0 where no row counts. It is differentiated once, without vmap.

    Raises:
        ValueError: A shape or a dtype does not fit, or an option is out of range.
        RuntimeError: A class is out of range.

    >>> hidden = torch.tensor([[2.0, 0.0], [0.0, 4.0]], requires_grad=True)
    >>> weight = torch.zeros(2, 2, requires_grad=True)
    >>> loss = chunked_cross_entropy(hidden, weight, torch.tensor([0, 1]), chunk=1)
    >>> print(f"{loss.item():.4f}")  # log 2
    0.6931
    >>> loss.backward()
    >>> weight.grad  # p - 1 is -1/2, times the hidden row, over two rows
    tensor([[-0.5000,  1.0000],
            [ 0.5000, -1.0000]])

    >>> h, w = hidden.detach().double(), torch.tensor([[1.0, 0.5], [0.0, -1.0]])
    >>> h, w = h.requires_grad_(), w.double().requires_grad_()
    >>> torch.autograd.gradcheck(chunked_cross_entropy, (h, w, torch.tensor([0, 1])))
    True
    """
    fits = target.shape == hidden.shape[:1] and hidden.shape[1:] == weight.shape[1:]
    if hidden.ndim != 2 or weight.ndim != 2 or not fits:
        raise ValueError(
            f"hidden, weight and target must have shapes (N, D), (C, D) and (N,), got "
            f"{tuple(hidden.shape)}, {tuple(weight.shape)} and {tuple(target.shape)}"
        )
    if target.dtype != torch.int64:
        raise ValueError(f"target must be int64, got {target.dtype}")
    if not isinstance(chunk, int) or chunk < 1:
        raise ValueError(f"chunk must be a whole number of 1 or more, got {chunk}")
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction must be 'mean' or 'sum', got {reduction!r}")
    options = chunk, ignore_index, reduction == "mean", torch.is_grad_enabled()
    return ChunkedCrossEntropy.apply(hidden, weight, target, *options)[0]


# %%
# The logits are gone before the next ones come
# ---------------------------------------------
# A dispatch mode sees every operation and adds up the tensors that are alive.
# At its peak plain cross entropy holds three tensors of the size of all logits, ours
# the gradient of the weight and the logits of 256 rows.

import weakref

import matplotlib.pyplot as plt
from torch.utils._python_dispatch import TorchDispatchMode


class Alive(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.storages, self.mebibytes = weakref.WeakValueDictionary(), []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple) else (result,):
            storage = tensor.untyped_storage()
            self.storages[storage.data_ptr()] = storage
        self.mebibytes += [sum(s.nbytes() for s in self.storages.values()) / 2**20]
        return result


def plain(hidden, weight, target):
    return torch.nn.functional.cross_entropy(hidden @ weight.T, target)


hidden, target = torch.randn(2048, 32), torch.randint(2000, (2048,))
weight = torch.randn(2000, 32, requires_grad=True)

fig, ax = plt.subplots()
for loss, style in ((plain, "C2--"), (chunked_cross_entropy, "C0")):
    with Alive() as alive:
        loss(hidden, weight, target).backward()
    share = torch.linspace(0, 1, len(alive.mebibytes))
    ax.plot(share, alive.mebibytes, style, label=loss.__name__)
    print(f"{loss.__name__}: {max(alive.mebibytes):.1f} MiB at the peak")
ax.set(xlabel="forward and backward, share of the operations", ylabel="alive, MiB")
ax.set_title("In chunks the peak of memory is gone")
ax.legend()

# %%
# A mean of the chunks' means is another loss
# -------------------------------------------
# The last chunk is seldom full, and rows that are ignored are not evenly spread. Of ten
# rows in chunks of four the last has two, and a mean of means gives each of them twice
# the gradient. So the count comes first, over all rows that count; between devices or
# micro-batches take ``reduction="sum"`` and divide by the count of them all.


def mean_of_means(hidden, weight, target, chunk):
    pairs = zip(hidden.split(chunk), target.split(chunk), strict=True)
    return torch.stack([plain(rows, weight, labels) for rows, labels in pairs]).mean()


ten = hidden[:10], weight.detach(), target[:10]
right = torch.func.grad(plain)(*ten)
for loss in (chunked_cross_entropy, mean_of_means):
    share = torch.func.grad(loss)(*ten, chunk=4).norm(dim=1) / right.norm(dim=1)
    print(f"{loss.__name__}: {share[0]:.2f} in rows 1 to 8, {share[-1]:.2f} in 9, 10")

# %%
# Use it when the vocabulary is larger than the layer is wide: then the logits fill the
# memory. Rather :doc:`/examples/language/token_log_probs` when each row is to
# be weighted, or a second derivative is needed: there is none here, and asking for it
# raises. torch has a chunked form, too, in
# :func:`torch.nn.functional.linear_cross_entropy`.

# sphinx_gallery_tags = ["classification", "language", "classes", "missing labels", "memory", "by hand"]
