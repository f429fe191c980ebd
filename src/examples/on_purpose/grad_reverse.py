r"""
Gradient reversal
=================

The value passes and the gradient changes its sign, for domain-adversarial training.

With :math:`\bar{y}`, the gradient that arrives from what follows:

.. math::

   y = x
   \qquad
   \bar{x} = -\alpha \, \bar{y}

A critic behind it learns to tell two things apart, and the features in front of it
learn, in the same backward pass, to make them alike.
This is not the derivative, on purpose: ``gradcheck`` must fail.

Source: Y. Ganin and V. Lempitsky, *Unsupervised Domain Adaptation by Backpropagation*,
International Conference on Machine Learning (2015), arXiv:1409.7495, section 3.
"""

import torch
from torch import Tensor


class GradReverse(torch.autograd.Function):
    """The rule. Call :func:`grad_reverse`, which checks."""

    generate_vmap_rule = True  # forward and backward are made of torch functions

    @staticmethod
    def forward(x: Tensor, alpha: float) -> Tensor:
        return x.clone()  # a view could not be changed in place behind it

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor, float], output: Tensor) -> None:
        _, ctx.alpha = inputs

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> tuple[Tensor, None]:
        return -ctx.alpha * grad_output, None  # None is for alpha, a number

    @staticmethod
    def jvp(ctx, tangent: Tensor, _: None) -> Tensor:
        return -ctx.alpha * tangent


def grad_reverse(x: Tensor, alpha: float = 1.0) -> Tensor:
    """Pass the value on, and minus ``alpha`` times the gradient back.

    Whatever is computed behind it is reversed for what stands in front of it, a penalty
    on a gradient too. So a second derivative meets the rule twice: ``alpha`` squared.

    Args:
        x: Floating tensor of any shape.
        alpha: How strong the reversed gradient is; a number, 0 or positive. 0 stops it.

    Returns:
        A copy of ``x``.

    Raises:
        ValueError: ``x`` is not floating, or ``alpha`` is negative or not finite.

    >>> x = torch.tensor([1.0, -2.0], requires_grad=True)
    >>> y = grad_reverse(x, alpha=0.5)
    >>> y.detach()
    tensor([ 1., -2.])
    >>> (y * torch.tensor([3.0, 8.0])).sum().backward()
    >>> x.grad
    tensor([-1.5000, -4.0000])

    The derivative of the value is 1, the rule says -1, and ``gradcheck`` sees it:

    >>> x = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(grad_reverse, (x,), raise_exception=False)
    False
    """
    if not x.is_floating_point():
        raise ValueError(f"x must be floating, got {x.dtype}")
    if not 0 <= alpha < float("inf"):
        raise ValueError(f"alpha must be finite and 0 or positive, got {alpha}")
    return GradReverse.apply(x, alpha)


# %%
# Only what both domains share survives
# -------------------------------------
# Two measurements tell the class. In the target domain, where no label is known, the
# second is shifted by 4. The feature is their weighted sum; a critic guesses the domain
# from it. Behind a detached feature the critic only watches; behind a reversal it
# shrinks the weight of what gives the domain away.

import matplotlib.pyplot as plt

cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
classes = torch.randint(0, 2, (400,)).float()
domain = torch.arange(400).ge(200).float()
measured = torch.randn(400, 2) + (2 * classes - 1)[:, None]
measured[:, 1] += 4 * domain


def fit(between, sign=1.0, steps=200):
    weights, shares = torch.ones(2, requires_grad=True), []
    head = torch.tensor([1.0, 0.0], requires_grad=True)
    critic = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.SGD([weights, head, critic], lr=0.2)
    for _ in range(steps):
        optimizer.zero_grad()
        feature = measured @ weights
        logits = head[0] * feature + head[1]
        guess = critic[0] * between(feature) + critic[1]
        critic_loss = cross_entropy(guess, domain)
        label_loss = cross_entropy(logits[:200], classes[:200])
        (label_loss + sign * critic_loss).backward()
        optimizer.step()
        shares.append((weights[1] / weights[0]).item())
    right = ((logits > 0) == classes.bool())[200:].float().mean()
    return shares, right, critic_loss.item()


fig, ax = plt.subplots()
for between in (grad_reverse, torch.detach):
    shares, right, _ = fit(between)
    ax.plot(shares, label=between.__name__)
    print(f"{between.__name__}: {right:.0%} of the target domain right")
ax.set(xlabel="step", ylabel="second weight / first weight", ylim=(0, 1.2))
ax.set_title("The reversal takes the weight of what is shifted")
ax.legend(loc="center right")

# %%
# A minus before the critic's loss reverses the critic, too
# ---------------------------------------------------------
# It no longer guesses the domain, it makes its own loss large without end, and the
# features have nobody to learn from. A critic that knows nothing has log 2, about 0.69.

for steps in (10, 20, 40):
    losses = fit(grad_reverse, 1.0, steps)[2], fit(lambda x: x, -1.0, steps)[2]
    print("step {}: reversal {:.2g}, minus {:.2g}".format(steps, *losses))

# %%
# Use it to train two opponents with one loss, one optimizer, one backward pass; rather
# two losses and two optimizers when each opponent needs steps of its own, as in a GAN.
# Start with a small alpha and let it grow: early on, the critic knows nothing. The rule
# needs no class: what is detached has no gradient.

x = torch.tensor([1.0, -2.0], requires_grad=True)
detached = x.detach() + 0.5 * (x.detach() - x)
print(detached.tolist(), torch.autograd.grad(detached.sum(), x)[0].tolist())

# sphinx_gallery_tags = ["building blocks", "by hand"]
