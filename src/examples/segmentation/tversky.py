r"""
Tversky
=======

A missed pixel pulls harder than a false alarm pushes, by weights that you choose.

With the probabilities :math:`p = \sigma(z)` and the mask :math:`t` of one image, let
:math:`TP = \sum p \, t` be what is rightly marked, :math:`FP = \sum p \, (1 - t)` the
false alarms and :math:`FN = \sum (1 - p) \, t` what is missed:

.. math::

   \ell = 1 - T
   \qquad
   T = \frac{TP + s}{D}
   \qquad
   D = TP + \alpha \, FP + \beta \, FN + s

.. math::

   \frac{\partial \ell}{\partial p_i} = \begin{cases}
   -\left(1 - (1 - \beta) \, T\right) / D & t_i = 1 \\
   \alpha \, T / D & t_i = 0
   \end{cases}

:math:`\alpha = \beta = 1/2` is Dice, :math:`\alpha = \beta = 1` the Jaccard index.

Source: S. S. M. Salehi, D. Erdogmus and A. Gholipour, *Tversky Loss Function for Image
Segmentation Using 3D Fully Convolutional Deep Networks*, MLMI 2017.
"""

import torch


def tversky(logits, target, alpha=0.3, beta=0.7, smooth=1e-5):
    """One minus the Tversky index of each image, averaged over the images.

    Args:
        logits: Tensor of shape (N, 1, H, W), not normalised.
        target: The masks, 1.0 in the object and 0.0 outside, of the same shape.
        alpha: The weight of false positives, of what is marked outside; 0 or more.
        beta: The weight of false negatives, of what is missed; 0 or more.
        smooth: Added to both sides of the fraction, in pixels; 0 or more.

    Returns:
        A scalar: 0 for a perfect overlap, about 1 for none; NaN where N is 0.

    Raises:
        ValueError: The shapes differ or are not (N, 1, H, W), or an option is negative.

    >>> logits = torch.zeros(1, 1, 1, 4, requires_grad=True)  # p = 1/2 everywhere
    >>> target = torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]])
    >>> loss = tversky(logits, target, alpha=0.25, beta=0.25, smooth=0.0)
    >>> loss.item()  # 1 - (1/2) / (1/2 + 3/2 * 1/4 + 1/2 * 1/4)
    0.5
    >>> loss.backward()
    >>> logits.grad * 32  # the slope of the sigmoid is 1/4, T is 1/2, D is 1
    tensor([[[[-5.,  1.,  1.,  1.]]]])

    >>> x = torch.tensor([[[[-1.0, 0.0, 2.0, 0.5]]]], dtype=torch.float64)
    >>> torch.autograd.gradcheck(tversky, (x.requires_grad_(), target))
    True
    """
    if logits.shape != target.shape or logits.ndim != 4 or logits.shape[1] != 1:
        raise ValueError(
            f"logits and target must have the same shape (N, 1, H, W), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    for name, option in {"alpha": alpha, "beta": beta, "smooth": smooth}.items():
        if not 0 <= option < torch.inf:
            raise ValueError(f"{name} must be finite and 0 or more, got {option}")
    p = logits.sigmoid()
    true_positive = (p * target).sum((1, 2, 3))
    false_positive = (p * (1 - target)).sum((1, 2, 3))
    false_negative = ((1 - p) * target).sum((1, 2, 3))
    weighed = true_positive + alpha * false_positive + beta * false_negative
    return (1 - (true_positive + smooth) / (weighed + smooth)).mean()


# %%
# The weights move the point where marking pays
# ---------------------------------------------
# A hundred pixels are safely marked. A region of a hundred more, as yet at 0.5, holds a
# share of true object pixels. Where the gradient is negative, it will be marked.
# If the weights add up to one, that is where the share exceeds alpha times T.

import matplotlib.pyplot as plt

count = torch.arange(101)
share = count / 100
in_region = (torch.arange(100) < count.unsqueeze(1)).float()
target = torch.cat([torch.ones(101, 100), in_region], dim=1).reshape(101, 1, 1, 10, 20)


def loss_and_gradient(alpha):
    region = torch.zeros(101, 1, requires_grad=True)
    logits = torch.cat([torch.full((101, 100), 50.0), region.expand(101, 100)], dim=1)
    each = torch.vmap(lambda z, t: tversky(z, t, alpha, 1 - alpha))
    loss = each(logits.reshape(target.shape), target)
    (gradient,) = torch.autograd.grad(loss.sum(), region)
    return loss.detach(), gradient.squeeze(1)


loss, gradient = loss_and_gradient(0.3)
dice, rival = loss_and_gradient(0.5)
fig, ax = plt.subplots()
ax.plot(share, loss, label="Tversky, alpha 0.3 and beta 0.7")
ax.plot(share, gradient, label="its gradient in the region's logit")
ax.plot(share, rival, "--", label="gradient of Dice")
ax.set(xlabel="share of object pixels in the region", ylabel="loss and gradient")
ax.set_title("Tversky marks a region that Dice would leave")
ax.legend()

for alpha, value, slope in (0.3, loss, gradient), (0.5, dice, rival):
    first = (slope < 0).nonzero()[0, 0]
    print(f"alpha {alpha}: marks from a share of {share[first]:.2f} on, ", end="")
    print(f"alpha times T is {alpha * (1 - value[first]):.2f}")

# %%
# Beta buys recall and pays with false alarms
# -------------------------------------------
# Eight noisy images with a disc of 29 pixels in 2304, and one convolution to find it.
# Alpha is what beta leaves of one.

_ = torch.manual_seed(0)
row, column = torch.arange(48.0).reshape(48, 1), torch.arange(48.0)
middle = torch.randint(5, 43, (2, 8, 1, 1, 1))
disc = ((row - middle[0]) ** 2 + (column - middle[1]) ** 2 <= 9).float()
image = disc + torch.randn_like(disc)


def fit(alpha, beta):
    model = torch.nn.Conv2d(1, 1, 5, padding=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        tversky(model(image), disc, alpha, beta).backward()
        optimizer.step()
    marked = model(image) > 0
    found = disc[marked].sum()
    return f"recall {found / disc.sum():.2f}, precision {found / marked.sum():.2f}"


for beta in (0.5, 0.7, 0.9):
    print(f"beta {beta}: {fit(1 - beta, beta)}")

# %%
# The usual mistake: the weights the other way round
# --------------------------------------------------
# Here, as in the paper, alpha weighs false positives and beta false negatives. Some
# libraries and papers swap the two. Nothing fails then: the model learns to miss.

print(f"as meant: {fit(alpha=0.1, beta=0.9)}")
print(f"swapped:  {fit(alpha=0.9, beta=0.1)}")

# %%
# Take it where a miss costs more than a false alarm, and say how much more by the ratio
# of beta to alpha. Take Dice where both cost the same: at one half each the two are
# the same loss, with half the smooth. Autograd does the work.

p = torch.sigmoid(image)
overlap, size = (p * disc).sum((1, 2, 3)), (p + disc).sum((1, 2, 3))
by_hand = 1 - (2 * overlap + 1) / (size + 1)
torch.testing.assert_close(tversky(image, disc, 0.5, 0.5, 0.5), by_hand.mean())
