r"""
Token log-probabilities
=======================

The log-probability of each token, and its gradient, without keeping all logits.

With the hidden row :math:`h_n` of a token, the weight :math:`W` of the last layer, the
target :math:`t_n` and :math:`p_n = \text{softmax}(W h_n)`:

.. math::

   \ell_n = \log p_{n, t_n} = w_{t_n} \cdot h_n - \log \sum_c e^{w_c \cdot h_n}
   \qquad
   \frac{\partial \ell_n}{\partial h_n} = w_{t_n} - W^\top p_n

Preference and policy losses need these numbers one by one, so the gradient cannot be
finished in forward, as that of a mean can. Backward makes the logits again instead.

Source: the recomputation of T. Chen et al., *Training Deep Nets with Sublinear Memory
Cost*, arXiv:1604.06174 (2016), chunk by chunk.
"""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint


def _log_probs(hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    logits = hidden @ weight.T
    wide = torch.promote_types(logits.dtype, torch.float32)
    log_p = logits.to(wide).log_softmax(1)
    return log_p.gather(1, target[:, None])[:, 0].to(logits.dtype)


def token_log_probs(
    hidden: Tensor,
    weight: Tensor,
    target: Tensor,
    chunk: int = 1024,
    ignore_index: int = -100,
) -> Tensor:
    """Log-probabilities of the target tokens, chunked in forward and in backward.

    Args:
        hidden: Input of the last layer, of shape (T, D), a row for each token.
        weight: Weight of that layer, of shape (C, D).
        target: The tokens, int64 in [0, C) or ``ignore_index``, of shape (T,).
        chunk: How many rows of logits there are at a time; 1 or more.
        ignore_index: Rows with this target get 0, and no gradient.

    Returns:
        Tensor of shape (T,), in nats, nowhere positive.

    Raises:
        ValueError: A shape or a dtype does not fit, or ``chunk`` is less than 1.

    >>> hidden = torch.tensor([[2.0, 0.0], [0.0, 4.0]], requires_grad=True)
    >>> weight = torch.zeros(2, 2, requires_grad=True)
    >>> log_prob = token_log_probs(hidden, weight, torch.tensor([0, -100]), chunk=1)
    >>> log_prob.detach()  # log 1/2, and the ignored one
    tensor([-0.6931,  0.0000])
    >>> log_prob.sum().backward()
    >>> weight.grad  # 1 - p is 1/2, times the first hidden row
    tensor([[ 1.,  0.],
            [-1.,  0.]])

    >>> h, w = hidden.detach().double(), torch.tensor([[1.0, 0.5], [0.0, -1.0]])
    >>> inputs = h.requires_grad_(), w.double().requires_grad_(), torch.tensor([0, 1])
    >>> torch.autograd.gradcheck(token_log_probs, inputs)
    True
    """
    fits = target.shape == hidden.shape[:1] and hidden.shape[1:] == weight.shape[1:]
    if hidden.ndim != 2 or weight.ndim != 2 or not fits:
        raise ValueError(
            f"hidden, weight and target must have shapes (T, D), (C, D) and (T,), got "
            f"{tuple(hidden.shape)}, {tuple(weight.shape)} and {tuple(target.shape)}"
        )
    if target.dtype != torch.int64:
        raise ValueError(f"target must be int64, got {target.dtype}")
    if not isinstance(chunk, int) or chunk < 1:
        raise ValueError(f"chunk must be a whole number of 1 or more, got {chunk}")
    ignored = target == ignore_index
    # Fill before the logits: NaN in an ignored row would be NaN in weight's gradient.
    hidden = hidden.masked_fill(ignored[:, None], 0)
    rows = zip(
        hidden.split(chunk), target.masked_fill(ignored, 0).split(chunk), strict=True
    )
    parts = [checkpoint(_log_probs, h, weight, t, use_reentrant=False) for h, t in rows]
    return torch.cat(parts).masked_fill(ignored, 0)


# %%
# What backward remembers
# -----------------------
# Plain code keeps the log-softmax of all tokens until backward: T times C numbers, a
# gigabyte in float32 for 2,048 tokens and a vocabulary of 128,000. In chunks nothing of
# that size is kept. The price is one more product of matrices, forward once more.

import matplotlib.pyplot as plt


def plain(hidden, weight, target):
    return (hidden @ weight.T).log_softmax(1).gather(1, target[:, None])[:, 0]


def kept(loss, tokens):
    hidden, weight = torch.randn(tokens, 16), torch.randn(2000, 16)
    sizes = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = loss(hidden.requires_grad_(), weight, torch.zeros(tokens).long())
    assert out.requires_grad
    return sum(sizes.values()) / 2**20


tokens = [256, 512, 1024, 2048]
fig, ax = plt.subplots()
for loss, style in ((token_log_probs, "C0"), (plain, "C2--")):
    mebibytes = [kept(loss, count) for count in tokens]
    ax.plot(tokens, mebibytes, style, label=loss.__name__)
    print(f"{loss.__name__}: {mebibytes[-1]:.2f} MiB kept for 2,048 tokens")
ax.set(xlabel="tokens", ylabel="kept for backward, MiB")
ax.set_title("In chunks, no logits wait for backward")
ax.legend()

# %%
# From tokens to an answer
# ------------------------
# Shift first: the logits at a token predict the next one. Then sum the tokens of each
# answer, or divide by those that count. The prompt and padding are -100. If all labels
# are, the sum is exactly 0.0, and a preference loss sees no answer at all.

hidden, weight = torch.randn(2, 5, 16), torch.randn(50, 16)
tokens = torch.randint(50, (2, 6))
labels = tokens[:, 1:].clone()
labels[:, :2] = -100  # the rest of the prompt
log_prob = token_log_probs(hidden.flatten(0, 1), weight, labels.flatten()).view(2, 5)
counts = (labels != -100).sum(1)
print("sums", [round(value, 2) for value in log_prob.sum(1).tolist()])
print("means", [round(value, 2) for value in (log_prob.sum(1) / counts).tolist()])

# %%
# Use it when a loss needs each token's log-probability, as
# :doc:`/examples/language/dpo` and :doc:`/examples/language/grpo` do; rather
# :doc:`/examples/language/chunked_cross_entropy` when only their mean is needed: that
# one computes the logits once. Under ``torch.no_grad``, for a reference model, nothing
# is kept anyway, and the chunks keep the peak low. A temperature divides ``hidden``.

# sphinx_gallery_tags = ["language", "classes", "missing labels", "memory"]
