"""Fine in float32, and lost in half precision."""

import torch
import torch.nn.functional as F
from torch import Tensor

from . import mistake, right
from .inputs import normal

HALF = torch.bfloat16


def _near(seed: int = 1) -> tuple[Tensor, Tensor]:
    base = normal(4, 6, seed=seed)
    moved = base + 0.02 * normal(4, 6, seed=seed + 1)
    return moved.to(HALF).requires_grad_(), base.to(HALF)


def _apart() -> tuple[Tensor, Tensor]:
    prediction, target = normal(8, seed=1).to(HALF), normal(8, seed=2).to(HALF)
    return prediction.requires_grad_(), target


def _kl(student, teacher):
    log_p, log_q = student.float().log_softmax(1), teacher.float().log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1).mean()


@mistake("low-precision", reference=_kl)
def divergence_of_near_distributions():
    """Differences of logarithms that agree in all digits that bfloat16 has."""

    def kl(student, teacher):
        log_p, log_q = student.log_softmax(1), teacher.log_softmax(1)
        return (log_p.exp() * (log_p - log_q)).sum(1).mean()

    return kl, _near()


@right(reference=_kl, proof="reference")
def divergence_in_float32():
    """The same, converted on entry."""
    return _kl, _near()


def _log_of_sum(x):
    return x.float().square().sum().log()


@mistake("low-precision", reference=_log_of_sum)
def running_sum_in_a_loop():
    """Above 256 a sum in bfloat16 no longer grows by ones."""

    def loss(x):
        total = 0.0
        for entry in x:
            total = total + entry.square()
        return total.log()

    return loss, ((1 + 0.1 * normal(700, seed=5)).to(HALF).requires_grad_(),)


def _running(prediction, target):
    return (prediction.float() - target.float()).square().mean()


@mistake("low-precision", reference=_running)
def shifted_by_a_large_constant():
    """A large offset eats the digits of the difference."""

    def loss(prediction, target):
        return ((prediction + 1000) - (target + 1000)).square().mean()

    return loss, (
        normal(8, seed=1).to(HALF).requires_grad_(),
        normal(8, seed=2).to(HALF),
    )


@mistake("low-precision", reference=_kl)
def logarithms_of_rounded_probabilities():
    """softmax, rounded, and then its logarithm."""

    def kl(student, teacher):
        p, q = student.softmax(1), teacher.softmax(1)
        return (p * (p.log() - q.log())).sum(1).mean()

    return kl, _near(7)


@right(
    proof="reference",
    reference=lambda x, y: F.mse_loss(x.float(), y.float()).to(x.dtype),
)
def plain_error_in_half():
    """Nothing cancels. F.mse_loss of torch 2.5 knows no half on the processor."""

    def loss(prediction, target):
        return (prediction - target).square().mean()

    return loss, (
        normal(8, seed=1).to(HALF).requires_grad_(),
        normal(8, seed=2).to(HALF),
    )


def _spread(z, variance):
    return F.relu(1 - (variance(z) + 1e-4).sqrt()).mean()


def _in_half_nothing_is_left(case):
    loss, (z,) = case.fresh()
    rough = z.detach().to(HALF).requires_grad_()
    exact = rough.detach().double().requires_grad_()
    ours = torch.autograd.grad(loss(rough), rough)[0].double()
    true = torch.autograd.grad(loss(exact), exact)[0]
    assert (ours - true).norm() > true.norm()


@mistake("low-precision", shows=_in_half_nothing_is_left)
def variance_by_moments():
    """E[z^2] - E[z]^2 of features around 8: fine as given, lost once in half."""

    def spread(z):
        return _spread(z, lambda z: z.square().mean(0) - z.mean(0).square())

    return spread, ((8 + 0.5 * normal(6, 3, seed=6)).requires_grad_(),)


@right()
def variance_of_what_is_centred():
    """The same with the mean taken off first."""

    def spread(z):
        return _spread(z, lambda z: (z - z.mean(0)).square().mean(0))

    return spread, ((8 + 0.5 * normal(6, 3, seed=6)).requires_grad_(),)


def _cosine(a, b):
    return (1 - F.cosine_similarity(a, b, dim=1)).mean()


def _cast_matters(case):
    loss, inputs = case.fresh()
    off = (loss(*inputs) - case.reference(*inputs)).abs()
    assert 1e-5 < off < 1e-1


@mistake("low-precision", reference=_cosine, shows=_cast_matters)
def cosine_of_vectors_in_bfloat16():
    """Vectors are cast to bfloat16 to spare memory; three digits of them are left."""

    def loss(a, b):
        return _cosine(a.to(HALF), b.to(HALF)).float()

    return loss, (normal(6, 8, seed=1, grad=True), normal(6, 8, seed=2))
