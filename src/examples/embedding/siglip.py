r"""
SigLIP
======

Each pair of image and text is a yes-or-no question, with a gradient of its own.

With the cosine :math:`c_{ij}` of image i and text j, a scale :math:`s` and a bias
:math:`b` that are learnt, and :math:`y_{ij} = 1` where they belong together, else -1:

.. math::

   \ell = -\frac{1}{N} \sum_{i, j} \log \sigma(y_{ij} \, z_{ij})
   \qquad
   z_{ij} = s \, c_{ij} + b
   \qquad
   \frac{\partial \ell}{\partial z_{ij}} = -\frac{y_{ij} \, \sigma(-y_{ij} z_{ij})}{N}

The sum over N squared pairs is divided by N and not by their number.

Source: X. Zhai, B. Mustafa, A. Kolesnikov and L. Beyer, *Sigmoid Loss for Language
Image Pre-Training*, ICCV 2023, section 3.2 and algorithm 1.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize


def siglip(
    image: Tensor,
    text: Tensor,
    logit_scale: float | Tensor,
    logit_bias: float | Tensor,
) -> Tensor:
    """Sigmoid loss of all pairs of a batch, summed, and divided by its rows.

    Args:
        image: Tensor of shape (N, D) of any lengths; they are normalised here.
        text: Tensor of the same shape; row i belongs to row i of ``image``.
        logit_scale: What cosines are multiplied by, above 0: a number, or a tensor of
            shape () or (1,). Models learn its logarithm: pass ``log_scale.exp()``.
        logit_bias: What is added then: a number, or a tensor of shape () or (1,).

    Returns:
        A scalar; 0 where N is 0.

    Raises:
        ValueError: The shapes differ or are not (N, D), or an option is not one number.

    >>> image = torch.tensor([[2.0, 0.0], [0.0, 1.0]], requires_grad=True)
    >>> loss = siglip(image, torch.tensor([[0.0, 1.0], [1.0, 0.0]]), 1.0, 0.0)
    >>> print(f"{loss.item():.4f}")  # both texts swapped: log 2 + log(1 + e)
    2.0064
    >>> loss.backward()
    >>> image.grad  # across the row: sigmoid(0) / 2 to its own text, over the length
    tensor([[ 0.0000, -0.1250],
            [-0.2500,  0.0000]])

    >>> x = torch.tensor([[1.0, 2.0], [0.5, -1.0]], dtype=torch.float64)
    >>> y = torch.tensor([[1.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    >>> scale = torch.tensor(10.0, dtype=torch.float64, requires_grad=True)
    >>> bias = torch.tensor(-10.0, dtype=torch.float64, requires_grad=True)
    >>> inputs = (x.requires_grad_(), y.requires_grad_(), scale, bias)
    >>> torch.autograd.gradcheck(siglip, inputs)
    True
    """
    if image.ndim != 2 or image.shape != text.shape:
        raise ValueError(
            f"image and text must have the same shape (N, D), got "
            f"{tuple(image.shape)} and {tuple(text.shape)}"
        )
    for name, option in {"logit_scale": logit_scale, "logit_bias": logit_bias}.items():
        if isinstance(option, Tensor) and option.shape not in ((), (1,)):
            raise ValueError(f"{name} must be one number, got {tuple(option.shape)}")
    logits = logit_scale * (normalize(image) @ normalize(text).mT) + logit_bias
    sign = 2 * torch.eye(len(image), dtype=logits.dtype, device=logits.device) - 1
    return -logsigmoid(sign * logits).sum() / max(len(image), 1)


# %%
# Why does the bias start at -10?
# -------------------------------
# Of the N squared questions, all but N have the answer no. With a bias of 0 the first
# steps are spent on saying no to everything: the loss starts above N log 2, and the
# gradient of the bias is about N / 2. With -10, and the scale at 10, the model says no
# from the beginning, and the loss is about 10: that of the N pairs that are true.

import matplotlib.pyplot as plt

sizes = [2**k for k in range(3, 11)]
fig, ax = plt.subplots()
for initial in (0.0, -10.0):
    bias = torch.tensor(initial, requires_grad=True)
    losses = [siglip(*torch.randn(2, n, 64), 10.0, bias) for n in sizes]
    (slope,) = torch.autograd.grad(losses[-1], bias)
    ax.plot(sizes, torch.stack(losses).detach(), label=f"bias {initial:.0f}")
    print(f"bias {initial:5}: N = 1024, loss {losses[-1]:.1f}, gradient {slope:.2f}")
ax.set(xlabel="rows N of the batch", ylabel="loss of random embeddings")
ax.set_xscale("log", base=2)
ax.set_yscale("log")
ax.set_title("With a bias of -10 the loss starts near 10")
ax.legend()

# %%
# What all_gather does to it
# --------------------------
# Two processes with two rows each need all pairs, so each takes its images against the
# texts of both. The loss is a sum over pairs, so its value is right. But
# ``torch.distributed.all_gather`` gives copies without a graph: a text then has the
# gradient of the pairs of its own process alone. Half of its pairs are missing,
# without an error. Use a collective that has a derivative, as on :doc:`/guide/gather`,
# or send texts on from process to process, as the paper does.

image, text = torch.randn(2, 4, 8)
text.requires_grad_()
(whole,) = torch.autograd.grad(siglip(image, text, 10.0, -1.0), text)
pairs = zip(image.split(2), text.split(2), strict=True)  # those that keep their graph
own = sum(siglip(*rows, 10.0, -1.0) for rows in pairs) / 2  # divided by 4 rows, not 2
(gathered,) = torch.autograd.grad(own, text)
error = (gathered - whole).norm() / whole.norm()
print(f"the gradient of the texts is off by {error:.0%}")

# %%
# Use it when the batch is spread over many devices, or some texts fit several images,
# since the gradient of a pair depends on nothing but its own cosine; rather
# :doc:`/examples/embedding/clip` when there is one right answer to choose among the
# batch. Values of different batch sizes cannot be compared, since there are N - 1
# negatives for each positive.

# sphinx_gallery_tags = ["embedding", "pairs", "self-supervised", "learned parameters"]
