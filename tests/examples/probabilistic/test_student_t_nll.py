"""Student's t against SciPy's density and torch's distribution."""

import math
import re

import pytest
import torch
from scipy import stats
from torch.distributions import StudentT


def sample(dtype=torch.float64):
    mean = torch.linspace(-3, 3, 24, dtype=dtype).reshape(4, 6)
    target = torch.linspace(2, -1, 24, dtype=dtype).reshape(6, 4).T
    scale = torch.logspace(-2, 2, 24, dtype=dtype).reshape(4, 6)
    df = torch.logspace(2, -0.5, 24, dtype=dtype).reshape(4, 6)
    return tuple(x.clone().requires_grad_() for x in (mean, target, scale, df))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradients_are_torchs(example, reduction):
    mean, target, scale, df = inputs = sample()
    theirs = -StudentT(df, mean, scale).log_prob(target)
    if reduction != "none":
        theirs = getattr(theirs, reduction)()
    ours = example.student_t_nll(*inputs, reduction)
    torch.testing.assert_close(ours, theirs)

    upstream = torch.linspace(1, 3, ours.numel(), dtype=torch.float64)
    upstream = upstream.reshape(ours.shape)
    torch.testing.assert_close(
        torch.autograd.grad(ours, inputs, upstream),
        torch.autograd.grad(theirs, inputs, upstream),
    )


@pytest.mark.parametrize("df", [0.1, 1, 2.5, 1e3, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_is_the_logarithm_of_the_density(example, df, dtype):
    mean, target, scale, _ = (x.detach() for x in sample(dtype))
    expected = -stats.t.logpdf(target.double(), df, mean.double(), scale.double())
    loss = example.student_t_nll(mean, target, scale, df, "none")
    assert loss.dtype == dtype
    tolerance = 1e-5 if dtype == torch.float32 else 1e-9
    torch.testing.assert_close(
        loss.double(), torch.as_tensor(expected), rtol=tolerance, atol=tolerance
    )


def test_one_number_serves_all_elements(example):
    mean, target, scale, _ = sample()
    df = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    loss = example.student_t_nll(mean, target, scale, df)
    each = example.student_t_nll(mean, target, scale, df.expand(4, 6))
    torch.testing.assert_close(loss, each)
    torch.testing.assert_close(loss, example.student_t_nll(mean, target, scale, 3))
    assert torch.autograd.gradcheck(example.student_t_nll, (mean, target, scale, df))


def test_the_pull_is_largest_at_the_root_of_df_scales(example):
    mean = torch.linspace(0, 10, 1001, requires_grad=True)
    scale = torch.full((1001,), 0.5)
    loss = example.student_t_nll(mean, torch.zeros(1001), scale, 4.0, "sum")
    (gradient,) = torch.autograd.grad(loss, mean)
    assert mean[gradient.argmax()].item() == pytest.approx(0.5 * math.sqrt(4.0))


def test_far_off_and_perfect_predictions_have_finite_gradients(example):
    mean = torch.tensor([1e4, 0.0, -1e4], requires_grad=True)
    inputs = torch.zeros(3), torch.full((3,), 1e-3), 2.0
    example.student_t_nll(mean, *inputs, "sum").backward()
    expected = torch.tensor([3e-4, 0.0, -3e-4])
    torch.testing.assert_close(mean.grad, expected)


def test_second_derivatives_are_right(example):
    inputs = tuple(x.detach()[:, 3].requires_grad_() for x in sample())
    assert torch.autograd.gradgradcheck(example.student_t_nll, inputs)


def test_vmap_gives_every_element_its_own_gradient_in_its_own_dtype(example):
    mean, target, scale, _ = (x.detach().flatten() for x in sample(torch.float32))
    gradient = torch.func.grad(lambda *x: example.student_t_nll(*x, df=3.0))
    each = torch.func.vmap(gradient)(mean, target, scale)
    assert example.student_t_nll(mean[0], target[0], scale[0], 3.0).dtype == mean.dtype
    z = (mean - target) / scale
    torch.testing.assert_close(each, 4 * z / (3 + z**2) / scale)


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_shapes_that_would_broadcast_are_refused(example, odd):
    shapes = [(4,), (4,), (4,)]
    shapes[odd] = (4, 1)
    message = "the same shape, got {}, {} and {}".format(*shapes)
    with pytest.raises(ValueError, match=re.escape(message)):
        example.student_t_nll(*map(torch.ones, shapes), df=3.0)


def test_degrees_of_freedom_that_would_broadcast_are_refused(example):
    with pytest.raises(ValueError, match=r"df .* \(4, 1\) and \(4,\)"):
        example.student_t_nll(*torch.ones(3, 4), df=torch.ones(4, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"df": 0.0}, "df .* 0.0"),
        ({"df": math.inf}, "df .* inf"),
        ({"reduction": "avg"}, "reduction .* 'avg'"),
    ],
)
def test_options_that_make_no_sense_are_refused(example, options, message):
    with pytest.raises(ValueError, match=message):
        example.student_t_nll(*torch.ones(3, 2), **({"df": 3.0} | options))


def test_one_learned_df_may_have_shape_1(example):
    mean = torch.linspace(-3, 3, 6, dtype=torch.float64).reshape(2, 3)
    zero, one = torch.zeros_like(mean), torch.ones_like(mean)
    df = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    loss = example.student_t_nll(mean, zero, one, df, "none")
    torch.testing.assert_close(
        loss, example.student_t_nll(mean, zero, one, 3.0, "none")
    )
    assert torch.autograd.gradcheck(
        lambda d: example.student_t_nll(mean, zero, one, d), (df,)
    )
    alone = example.student_t_nll(mean[0, 0], zero[0, 0], one[0, 0], df, "none")
    assert alone.shape == ()
