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
        ValueError: The shapes differ or are not (N, D), or an option has more than one
            number.

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
for initial, style in ((0.0, "C2--"), (-10.0, "C0-")):
    values = []
    for n in sizes:
        image, text = torch.randn(2, n, 64)
        bias = torch.tensor(initial, requires_grad=True)
        loss = siglip(image, text, 10.0, bias)
        (slope,) = torch.autograd.grad(loss, bias)
        values.append(loss.item())
    ax.plot(sizes, values, style, label=f"bias {initial:.0f}")
    print(f"bias {initial:5}: N = {n}, loss {values[-1]:.1f}, gradient {slope:.2f}")
ax.set(xlabel="rows N of the batch", ylabel="loss of random embeddings")
ax.set_xscale("log", base=2)
ax.set_yscale("log")
ax.set_title("With a bias of -10 the loss starts near 10")
ax.legend()

# %%
# A wrong negative has no influence on the rest
# ---------------------------------------------
# In :doc:`/examples/embedding/clip` the texts of a batch compete in one softmax: a
# second text that fits an image takes gradient away from the others. Here the gradient
# of a pair depends on nothing but its own cosine.

image, text = torch.randn(2, 4, 8)
text[0] = image[0]  # a pair that is learnt
for name, second in {"some text": text[1], "the same text twice": text[0]}.items():
    copy = torch.stack([text[0], second, text[2], text[3]])
    cosine = torch.nn.functional.cosine_similarity(image[0], copy, dim=1)
    z = (10 * cosine).requires_grad_()
    softmax = torch.nn.functional.cross_entropy(z, torch.tensor(0))
    sign = torch.tensor([1.0, -1, -1, -1])
    sigmoid = -torch.nn.functional.logsigmoid(sign * (z - 10)).sum()
    for rival, loss in {"softmax": softmax, "sigmoid": sigmoid}.items():
        (gradient,) = torch.autograd.grad(loss, z, retain_graph=True)
        print(f"{name}, {rival}: gradient of its own pair {gradient[0]:.4f}")

# %%
# What all_gather does to it
# --------------------------
# Two processes with N rows each need all pairs, so each takes its images against the
# texts of both. Because the pairs are a sum, this is a sum of blocks, and the value is
# right. ``torch.distributed.all_gather`` gives copies without a graph, though: a text
# gets no gradient from the images of the other process. Half of the negatives of each
# text are lost, without an error. Use a collective that has a derivative, as on
# :doc:`/guide/gather`, or send texts on from process to process, as the paper does.

text = text.requires_grad_()
(whole,) = torch.autograd.grad(siglip(image, text, 10.0, -1.0), text)


def block(images, texts, belong):
    z = (
        10
        * torch.nn.functional.normalize(images)
        @ torch.nn.functional.normalize(texts).mT
    )
    return -torch.nn.functional.logsigmoid((2 * belong - 1) * (z - 1)).sum() / 4


eye = torch.eye(4)
for name, copy in {"with its graph": lambda t: t, "a copy": torch.detach}.items():
    first = torch.cat([text[:2], copy(text[2:])])  # what either process has
    second = torch.cat([copy(text[:2]), text[2:]])
    loss = block(image[:2], first, eye[:2]) + block(image[2:], second, eye[2:])
    (gradient,) = torch.autograd.grad(loss, text)
    error = (gradient - whole).norm() / whole.norm()
    print(f"gathered {name}: loss {loss:.4f}, gradient off by {error:.1%}")

# %%
# Use it when the batch is spread over many devices, or some texts fit several images;
# rather :doc:`/examples/embedding/clip` when there is one right answer to choose among
# the batch. Values of different batch sizes cannot be compared, since there are N - 1
# negatives for each positive.

# sphinx_gallery_tags = ["embedding", "pairs", "self-supervised", "learned parameters"]
