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

Both gradients are sums over rows, so each chunk of rows adds its part while its logits
are there, and backward only multiplies by what flows in.

Source: P.-L. Hsu et al., *Liger Kernel: Efficient Triton Kernels for LLM Training*,
arXiv:2410.10989 (2024), "FusedLinearCrossEntropy".
"""

import torch


class ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(hidden, weight, target, chunk, with_gradient):
        wide = torch.float64 if weight.dtype == torch.float64 else torch.float32
        loss = weight.new_zeros((), dtype=wide)  # a sum in float16 would overflow
        to_hidden, to_weight = torch.zeros_like(hidden), torch.zeros_like(weight)
        for start in range(0, len(hidden), chunk):
            rows = slice(start, start + chunk)
            label = target[rows].unsqueeze(1)
            logits = (hidden[rows] @ weight.T).to(wide)  # autocast makes them short
            logits -= logits.amax(1, keepdim=True)
            loss -= logits.gather(1, label).sum()
            p = logits.exp_()  # in place: a chunk is the largest tensor there is
            total = p.sum(1, keepdim=True)
            loss += total.log().sum()
            if with_gradient:
                p /= total
                p = p.scatter_add_(1, label, -torch.ones_like(total)).to(weight)
                to_hidden[rows] = p @ weight / len(hidden)
                to_weight.addmm_(p.T, hidden[rows].to(weight) / len(hidden))
        return (loss / len(hidden)).to(weight), to_hidden, to_weight

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*output[1:])

    @staticmethod
    def backward(ctx, grad_output, *second):
        # The gradients are outputs, too, so whoever differentiates them ends up here.
        if any(gradient is not None for gradient in second):
            raise NotImplementedError("chunked_cross_entropy has no second derivative")
        if grad_output is None:
            return (None,) * 5
        pairs = zip(ctx.saved_tensors, ctx.needs_input_grad, strict=False)
        scaled = (grad_output * g if wanted else None for g, wanted in pairs)
        return *scaled, None, None, None


def chunked_cross_entropy(hidden, weight, target, chunk=256):
    """Cross entropy of a linear layer, in chunks of rows; the mean over the rows.

    Args:
        hidden: Tensor of shape (N, D), the input of the layer, a row for each token.
        weight: Tensor of shape (C, D), as a linear layer keeps it.
        target: The true classes, int64 in [0, C), of shape (N,); none is ignored.
        chunk: How many rows of logits there are at a time; 1 or more.

    Returns:
        A scalar; NaN for no rows, as torch's. It is differentiated once, without vmap.

    Raises:
        ValueError: A shape or a dtype does not fit, or ``chunk`` is no whole number of
            1 or more.
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
    options = chunk, torch.is_grad_enabled()
    return ChunkedCrossEntropy.apply(hidden, weight, target, *options)[0]


# %%
# The logits are gone before the next ones come
# ---------------------------------------------
# A dispatch mode sees every operation and adds up the tensors that are alive.
# At its peak plain cross entropy holds three tensors of the size of all logits, ours
# the gradient of the weight and the logits of 256 rows.

import weakref

import matplotlib.pyplot as plt
from torch.nn.functional import cross_entropy
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
    return cross_entropy(hidden @ weight.T, target)


_ = torch.manual_seed(0)
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
# The usual mistake: the mean of the chunks' means
# ------------------------------------------------
# The last chunk is seldom full. Of ten rows in chunks of four it has two, and a mean of
# means lets each of them pull twice as hard as any other.


def mean_of_means(hidden, weight, target, chunk):
    pairs = zip(hidden.split(chunk), target.split(chunk), strict=True)
    return torch.stack([plain(rows, weight, labels) for rows, labels in pairs]).mean()


ten = hidden[:10], weight.detach(), target[:10]
right = torch.func.grad(plain)(*ten)
for loss in (chunked_cross_entropy, mean_of_means):
    pull = torch.func.grad(loss)(*ten, chunk=4).norm(dim=1) / right.norm(dim=1)
    print(f"{loss.__name__}: {pull[0]:.2f} in rows 1 to 8, {pull[-1]:.2f} in 9 and 10")

# %%
# Take it where there are more words than the layer is wide: then it is the logits that
# fill the memory. Take plain cross entropy where you need them, or a second derivative:
# there is none here, and asking for it raises. torch has a chunked form, too, in
# :func:`torch.nn.functional.linear_cross_entropy`. A fit does not see a difference.

for loss in (chunked_cross_entropy, plain):
    fitted = torch.zeros(2000, 32)
    for _ in range(10):
        gradient, value = torch.func.grad_and_value(loss, 1)(hidden, fitted, target)
        fitted -= 100 * gradient
    print(f"{loss.__name__}: {value.item():.4f} after 9 steps")
