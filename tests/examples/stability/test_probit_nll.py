"""The probit likelihood against mpmath's integral, far into both tails."""

import mpmath
import numpy as np
import pytest
import torch
from scipy.special import log_ndtr

# On its first use in a process, forward mode makes torch warn of torch's own code.
forward_mode = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")

SCORES = [-30.0, -18.0, -6.0, -1.0, -0.3, 0.0, 0.3, 1.0, 5.0, 9.0, 20.0, 30.0]


def exact(margin):
    """Value, first and second derivative in the margin."""
    with mpmath.workdps(400):
        m = mpmath.mpf(margin)
        chance = mpmath.erfc(-m / mpmath.sqrt(2)) / 2
        mills = mpmath.npdf(m) / chance
        return [float(v) for v in (-mpmath.log(chance), -mills, mills * (m + mills))]


def exacts(margins, dtype=torch.float64):
    return torch.tensor([exact(m) for m in margins], dtype=dtype).unbind(1)


def derivatives(example, numbers, dtype):
    score = torch.tensor(numbers, dtype=dtype, requires_grad=True)
    loss = example.probit_nll(score, torch.ones_like(score), "none")
    (first,) = torch.autograd.grad(loss.sum(), score, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), score)
    assert loss.dtype == first.dtype == second.dtype == dtype
    return loss, first, second


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_is_scipys_and_gradient_mpmaths_times_the_upstream(example, reduction):
    score = torch.tensor(SCORES, dtype=torch.float64).reshape(3, 4).T
    target = torch.tensor([1.0, 0, 1, 1, 0, 1], dtype=torch.float64).repeat(2)
    target = target.reshape(4, 3)
    score.requires_grad_()
    sign = np.where(target.numpy() == 1, 1, -1)
    margin = sign * score.detach().numpy()
    expected = torch.from_numpy(-log_ndtr(margin))
    weight = 1.0
    if reduction != "none":
        expected = getattr(expected, reduction)()
        weight = 1 / 12 if reduction == "mean" else 1.0

    loss = example.probit_nll(score, target, reduction)
    torch.testing.assert_close(loss.detach(), expected, rtol=4e-13, atol=0)

    upstream = torch.linspace(1, 3, loss.numel(), dtype=torch.float64)
    upstream = upstream.reshape(loss.shape)
    (gradient,) = torch.autograd.grad(loss, score, upstream)
    slope = exacts(margin.flatten().tolist())[1].reshape(4, 3)
    slope = slope * torch.from_numpy(sign) * upstream * weight
    torch.testing.assert_close(gradient, slope, rtol=4e-13, atol=0)


def test_every_digit_holds_in_float64(example):
    for ours, theirs in zip(
        derivatives(example, SCORES, torch.float64), exacts(SCORES), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)


def test_every_digit_holds_in_float32(example):
    for ours, theirs, digits in zip(
        derivatives(example, SCORES, torch.float32),
        exacts(SCORES, torch.float32),
        (4e-6, 4e-6, 1e-4),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=digits, atol=1e-38)


@pytest.mark.parametrize(
    ("dtype", "digits"), [(torch.float32, 1e-4), (torch.float64, 1e-10)]
)
def test_second_derivative_does_not_cancel_far_out(example, dtype, digits):
    numbers = [-1e10, -1e4, -700.0, -500.0, -100.0, -25.0, -19.0]
    second = derivatives(example, numbers, dtype)[2]
    torch.testing.assert_close(second, exacts(numbers, dtype)[2], rtol=digits, atol=0)


def test_a_hopeless_answer_still_pulls(example):
    score = torch.tensor([-1e4, 1e4], requires_grad=True)
    loss = example.probit_nll(score, torch.ones(2), "none")
    loss.sum().backward()
    assert loss[1].item() == score.grad[1].item() == 0
    assert loss[0].item() == pytest.approx(5e7, rel=1e-6)
    assert score.grad[0].item() == pytest.approx(-1e4, rel=1e-6)


def test_the_target_gets_its_gradient_too(example):
    score = torch.tensor([0.7, -2.0], dtype=torch.float64, requires_grad=True)
    target = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(example.probit_nll, (score, target))


@forward_mode
def test_every_way_of_differentiating_agrees(example):
    score = torch.tensor([[-2.0, 0.3], [4.0, -9.0]], dtype=torch.float64)
    target = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)

    def loss(score):
        return example.probit_nll(score, target, "none")

    assert torch.autograd.gradcheck(
        loss,
        score.requires_grad_(),
        check_forward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
    )
    assert torch.autograd.gradgradcheck(loss, score)
    hessian = torch.func.hessian(example.probit_nll)(score[0].detach(), target[0])
    expected = exacts([-2.0, -0.3])[2].diag() / 2
    torch.testing.assert_close(hessian, expected)


def test_vmap_gives_every_sample_its_own_gradient(example):
    score = torch.tensor([[-2.0, 0.3], [4.0, -9.0]], dtype=torch.float64)
    per_sample = torch.vmap(torch.func.grad(example.probit_nll))
    expected = exacts(score.flatten().tolist())[1].reshape(2, 2) / 2
    torch.testing.assert_close(per_sample(score, torch.ones_like(score)), expected)


def test_an_empty_batch_gives_what_torchs_losses_give(example):
    nothing = torch.zeros(0)
    assert example.probit_nll(nothing, nothing).isnan()
    assert example.probit_nll(nothing, nothing, "sum") == 0


def test_shapes_that_would_broadcast_are_refused(example):
    with pytest.raises(ValueError, match=r"\(4, 1\) and \(4,\)"):
        example.probit_nll(torch.zeros(4, 1), torch.zeros(4))


def test_a_reduction_that_torch_does_not_know_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.probit_nll(torch.zeros(2), torch.zeros(2), "avg")
