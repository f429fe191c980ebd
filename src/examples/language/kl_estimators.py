r"""
KL estimators
=============

Three estimates of one KL divergence from samples, and none has the gradient you expect.

With :math:`x` sampled from the policy :math:`p`, the reference :math:`q` and
:math:`d = \log q(x) - \log p(x)`:

.. math::

   k_1 = -d \qquad k_2 = \frac{d^2}{2} \qquad k_3 = e^{d} - d - 1

.. math::

   \frac{\partial k_1}{\partial \log p} = 1 \qquad
   \frac{\partial k_2}{\partial \log p} = -d \qquad
   \frac{\partial k_3}{\partial \log p} = 1 - e^{d}

Source: J. Schulman, *Approximating KL Divergence* (2020), on his page
``joschu.net/blog/kl-approx.html``. GRPO (arXiv:2402.03300, equation 4) takes
:math:`k_3`.
"""

import torch
from torch import Tensor


def kl_estimators(
    log_prob: Tensor, ref_log_prob: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Elementwise estimates of KL(policy || reference) at samples of the policy.

    Args:
        log_prob: Log-probabilities of the sampled tokens under the policy, in nats, of
            any shape.
        ref_log_prob: Those of the same tokens under the reference; the same shape.

    Returns:
        k1, k2 and k3, each of the shape of the inputs: k1 of any sign, the others 0 or
        more.

    Raises:
        ValueError: The shapes differ.

    >>> log_prob = torch.tensor([0.5, 0.25]).log().requires_grad_()
    >>> k1, k2, k3 = kl_estimators(log_prob, torch.tensor([0.25, 0.5]).log())
    >>> k1.detach()  # plus and minus log 2
    tensor([ 0.6931, -0.6931])
    >>> k3.detach()  # 1/2 + log 2 - 1 and 2 - log 2 - 1
    tensor([0.1931, 0.3069])
    >>> torch.autograd.grad(k3.sum(), log_prob)[0]  # 1 - 1/2 and 1 - 2
    tensor([ 0.5000, -1.0000])

    >>> p, q = torch.tensor([[-1.0, -2.0], [-1.5, -1.0]], dtype=torch.float64)
    >>> inputs = p.requires_grad_(), q.requires_grad_()
    >>> torch.autograd.gradcheck(kl_estimators, inputs)
    True
    """
    if log_prob.shape != ref_log_prob.shape:
        raise ValueError(
            f"log_prob and ref_log_prob must have the same shape, got "
            f"{tuple(log_prob.shape)} and {tuple(ref_log_prob.shape)}"
        )
    d = ref_log_prob - log_prob
    return -d, d.square() / 2, torch.expm1(d) - d  # exp(d) - 1 would cancel near 0


# %%
# As values, k1 and k3 are right on average
# -----------------------------------------
# So the KL term of GRPO, exp(d) - d - 1 on the sampled tokens only, is no bug: it is
# the k3 estimator, unbiased for KL(policy || reference) over sampled tokens, and never
# negative. k1 is unbiased, too, and often negative. k2 is biased, a little when the
# distributions are close.

import matplotlib.pyplot as plt

d = torch.linspace(-2, 2, 101)
fig, ax = plt.subplots()
ax.plot(d, torch.stack(kl_estimators(-d, 0 * d), 1), label=["k1", "k2", "k3"])
ax.set(xlabel="log q - log p of the sampled token", ylabel="estimate in nats")
ax.set_title("k2 and k3 are never negative, and equal near 0")
ax.legend()

logits = torch.tensor([1.0, 0.5, -0.5, 0.0], requires_grad=True)
log_p, log_q = logits.log_softmax(0), torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
p, q = log_p.exp().detach(), log_q.exp()
means = [(p * estimate).sum() for estimate in kl_estimators(log_p, log_q)]
kl, other_kl = (log_p.exp() * (log_p - log_q)).sum(), (q * (log_q - log_p)).sum()
print(f"KL(policy || reference) = {kl:.4f}; on average", end="")
print(" k1 {:.4f}, k2 {:.4f}, k3 {:.4f}".format(*means))

# %%
# As loss terms, they have other gradients
# ----------------------------------------
# The samples are fixed when backward runs, so the gradient of a mean over samples is
# not that of the KL. Averaged over all samples: k1 has a gradient of zero, it only adds
# noise. k2 has the gradient of KL(policy || reference), although its value is biased.
# k3, the unbiased one, has the gradient of the other one, KL(reference || policy).

names = ["k1", "k2", "k3", "KL(policy || reference)", "KL(reference || policy)"]
for name, loss in zip(names, [*means, kl, other_kl], strict=True):
    (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
    print(f"{name:23}", [f"{value:+.3f}" for value in gradient.tolist()])

# %%
# Use k1 or k3 to report how far the policy has moved; k2 as a loss term when the
# gradient of KL(policy || reference) is meant, and k3 beside
# :doc:`/examples/language/grpo` when it has to be the paper's. Rather
# :doc:`/examples/language/kd` when all logits of both models are at hand: that needs no
# samples. k3 grows as an exponential for a token that the reference makes far more
# likely:

print(f"19 nats more likely: {kl_estimators(*torch.tensor([-20.0, -1.0]))[2]:.1e}")

# sphinx_gallery_tags = ["language", "distributions"]
