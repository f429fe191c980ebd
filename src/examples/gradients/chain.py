r"""
Chain
=====

On the way back every operation multiplies the gradient by its own derivative.

Forward, an operation makes :math:`y` from :math:`x`. Backward, it receives the gradient
of the loss :math:`L` with respect to :math:`y` and sends on the one with respect to
:math:`x`. Where a tensor is used twice, what is sent to it adds up:

.. math::

   \frac{\partial L}{\partial x} = \sum_{y \text{ made from } x}
   \frac{\partial L}{\partial y} \cdot \frac{\partial y}{\partial x}

Source: D. E. Rumelhart, G. E. Hinton, R. J. Williams, Nature 323 (1986), 533-536.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from inspect import signature

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


@dataclass(eq=False)
class Link:
    """One operation of a chain, with the numbers that flow through it.

    Attributes:
        name: The operation as autograd calls it, or the name of a tensor given.
        value: What it computed; None for a step inside a larger torch function.
        gradient: Of the loss with respect to ``value``, and of its shape.
        sent: Pairs of a link it took input from, and the gradient sent back there.
    """

    name: str
    value: Tensor | None = None
    gradient: Tensor | None = None
    sent: list[tuple["Link", Tensor]] = field(default_factory=list)


def chain(function: Callable[..., Tensor], *tensors: Tensor) -> list[Link]:
    """Run a loss forward and backward, and catch every number on the way.

    Args:
        function: Takes the tensors and returns a scalar.
        tensors: Of any shape; gradients flow to those that require one. Their
            ``.grad`` stays as it is.

    Returns:
        A list of links from the loss to the tensors, in the order that backward took.

    Raises:
        ValueError: ``function`` returns no scalar or one without a graph, or uses an
            operation of several outputs.

    >>> def loss(w, x):
    ...     return (w * x - 4) ** 2
    >>> w = torch.tensor(2.0, requires_grad=True)
    >>> for link in chain(loss, w, torch.tensor(3.0)):
    ...     print(link.name, link.value.tolist(), link.gradient.tolist())
    Pow 4.0 1.0
    Sub 2.0 4.0
    Mul 6.0 4.0
    w 2.0 12.0
    >>> torch.autograd.gradcheck(loss, (w.detach().double().requires_grad_(), 3))
    True
    """
    leaves = [t.detach().clone().requires_grad_(t.requires_grad) for t in tensors]
    names = dict(zip(map(id, leaves), signature(function).parameters, strict=False))
    values, order = {}, []

    class Record(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            for tensor in (*args, result):
                if isinstance(tensor, Tensor) and tensor.grad_fn:
                    values[tensor.grad_fn] = tensor.detach().clone()
            return result

    @cache
    def follow(node):
        link = Link(re.sub(r"Backward\d*$", "", node.name()), values.get(node))
        if hasattr(node, "variable"):  # a leaf
            link.name = names.get(id(node.variable), "leaf")
            link.value = node.variable.detach()
        sources = [source and follow(source) for source, _ in node.next_functions]

        def catch(sent, received):
            if len(received) > 1:
                raise ValueError(
                    f"{link.name} must not have several outputs, got {len(received)}"
                )
            link.gradient = received[0]
            pairs = zip(sources, sent, strict=bool(sent))  # a leaf sends nothing
            link.sent = [pair for pair in pairs if None not in pair]
            order.append(link)

        node.register_hook(catch)
        return link

    with Record():
        loss = function(*leaves)
    if loss.shape != () or not loss.grad_fn:
        raise ValueError(
            f"the function must return a scalar with a graph, got shape "
            f"{tuple(loss.shape)} and grad_fn {loss.grad_fn}"
        )
    values[loss.grad_fn] = loss.detach()
    follow(loss.grad_fn)
    loss.backward(inputs=[leaf for leaf in leaves if leaf.requires_grad])
    return order


# %%
# Values flow forward, gradients flow back
# ----------------------------------------
# The loss is (3 w - 4)^2 + 0.5 w^2 / 2 at w = 2. Operations have the names that
# autograd gives them.

import matplotlib.pyplot as plt


def loss(w):
    return (3 * w - 4) ** 2 + 0.5 * (w**2 / 2)


links = chain(loss, torch.tensor(2.0, requires_grad=True))

# From w along the upper branch, then the lower one, to the loss.
spots = [(0, 0), (1, 0.5), (2, 0.5), (3, 0.5), (1, -0.5), (2, -0.5), (3, -0.5), (4, 0)]
place, end = dict(zip(reversed(links), spots, strict=True)), (5, 0)
flows = [(place[links[0]], end, links[0].value, links[0].gradient)]
for link in links:
    flows += [(place[s], place[link], s.value, sent) for s, sent in link.sent]

fig, ax = plt.subplots(figsize=(6.4, 3.2), gridspec_kw={"left": 0.02, "bottom": 0.02})
for (x0, y0), (x1, y1), value, gradient in flows:
    for hue, number, tip in ("C0", value, "->"), ("C1", gradient, "<-"):
        up = 0.07 if tip == "->" else -0.07
        arrow = {"arrowstyle": tip, "ec": hue, "lw": 1.8, "shrinkA": 22, "shrinkB": 22}
        ax.annotate("", (x1, y1 + up), (x0, y0 + up), arrowprops=arrow)
        middle = (x0 + x1) / 2, (y0 + y1) / 2 + 2.4 * up
        ax.text(*middle, f"{number:g}", c=hue, ha="center", va="center")
frame = {"boxstyle": "round,pad=0.5", "fc": "white", "ec": "C5"}
for at, name in [(end, "loss"), *((place[link], link.name) for link in links)]:
    ax.text(*at, name, ha="center", va="center", bbox=frame)
ax.text(-0.02, -0.3, f"in all\n{links[-1].gradient:g}", c="C1", ha="center")
ax.set(xlim=(-0.4, 5.4), ylim=(-0.8, 0.8))
ax.set_axis_off()
_ = ax.set_title("Values flow forward in blue, gradients back in orange")

# %%
# Each link multiplies, and w adds up what it is sent
# ---------------------------------------------------
# Along the upper branch 1 * 4 * 1 * 3 arrives, along the lower 1 * 0.5 * 0.5 * 4. A
# nudge of w, without autograd, gives their sum.

for link in links:
    for source, sent in link.sent:
        print(f"{link.name} received {link.gradient:g}, sent {sent:g} to {source.name}")
nudged = (loss(2 + 1e-4) - loss(2 - 1e-4)) / 2e-4
print(f"{links[-1].name} received {links[-1].gradient:g}, a nudge gives {nudged:.3f}")

# %%
# A NaN comes from the branch that was not taken
# ----------------------------------------------
# ``torch.where`` discards the square root at 0, but its derivative there is infinite.
# The root receives 0 and sends 0 times infinity, which is NaN. The cure makes the
# argument safe before the root.


def root(x, safe):
    argument = torch.where(x > 0, x, 1) if safe else x
    return torch.where(x > 0, argument.sqrt(), 0).sum()


for safe in (False, True):
    at = torch.tensor([4.0, 0.0], requires_grad=True)
    links = chain(lambda x, safe=safe: root(x, safe), at)
    (link,) = [link for link in links if link.name == "Sqrt"]
    print(f"Sqrt received {link.gradient.tolist()}, sent {link.sent[0][1].tolist()}")

# %%
# Use it for a loss of a few operations whose gradient surprises you; rather
# :class:`torch.autograd.detect_anomaly` to find a NaN in a whole model.
