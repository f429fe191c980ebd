"""The general robust loss against its formula in a hundred digits, and named cases."""

import math

import mpmath
import pytest
import torch

mpmath.mp.dps = 100
ALPHAS = [
    *(-1e6, -50.0, -2.0, -0.1, -1e-5, -1e-12, 0.0, 1e-12, 1e-7, 1e-3, 0.5, 1.0, 1.5),
    *(1.999, 2 - 1e-6, 2 - 1e-13, 2.0, 2 + 1e-13, 2 + 1e-6, 2.1, 3.0, 10.0),
    *(-math.inf, math.inf),
]
RESIDUALS = [0.0, 1e-3, 0.3, -1.0, 2.0, -4.0]


def formula(residual, alpha, scale):
    half = (residual / scale) ** 2 / 2
    if mpmath.isinf(alpha):
        sign = mpmath.sign(alpha)
        return sign * mpmath.expm1(sign * half)
    if alpha == 2:
        return half
    if alpha == 0:
        return mpmath.log1p(half)
    b = abs(alpha - 2)
    return b / alpha * ((2 * half / b + 1) ** (alpha / 2) - 1)


def slopes(*at):
    """Central differences in a hundred digits; none in an alpha at infinity or at 2."""
    for i, value in enumerate(at):
        if i == 1 and (mpmath.isinf(value) or value == 2):
            yield None
            continue
        h = mpmath.mpf(10) ** -20
        up, down = list(at), list(at)
        up[i], down[i] = value + h, value - h
        yield float((formula(*up) - formula(*down)) / (2 * h))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_value_and_all_three_gradients_are_the_formulas(example, alpha):
    inputs = [
        torch.tensor(RESIDUALS, dtype=torch.float64),
        torch.full((6,), alpha, dtype=torch.float64),
        torch.tensor([0.5, 0.8, 1.0, 1.5, 2.0, 3.0], dtype=torch.float64),
    ]
    residual, alphas, scale = (x.requires_grad_() for x in inputs)
    target = torch.zeros(6, dtype=torch.float64)
    loss = example.general_robust(residual, target, alphas, scale, "none")
    gradients = torch.autograd.grad(loss, (residual, alphas, scale), 3 * loss**0)
    for i, at in enumerate(zip(*(x.tolist() for x in inputs), strict=True)):
        at = [mpmath.mpf(value) for value in at]
        assert math.isclose(loss[i].item(), formula(*at), rel_tol=1e-12, abs_tol=1e-15)
        for gradient, slope in zip(gradients, slopes(*at), strict=True):
            assert gradient[i].isfinite()
            if slope is not None:
                # Right beside 2 the formula's b is small, and 1e-13 of it are digits.
                rough = gradient is gradients[1] and 0 < abs(alpha - 2) < 1e-9
                close = math.isclose(
                    gradient[i].item(),
                    3 * slope,
                    rel_tol=1e-3 if rough else 1e-9,
                    abs_tol=1e-12,
                )
                assert close, (at, gradient[i].item(), 3 * slope)


def test_named_losses_are_cases_of_it_in_float32(example):
    residual = torch.tensor([0.0, -1e-3, 0.5, -3.0, 100.0])
    half = residual.double() ** 2 / 2
    named = {
        2.0: half,
        1.0: torch.sqrt(2 * half + 1) - 1,
        0.0: torch.log1p(half),
        -2.0: 2 * half / (half + 2),
        -math.inf: -torch.expm1(-half),
    }
    for alpha, expected in named.items():
        loss = example.general_robust(residual, torch.zeros(5), alpha, 1.0, "none")
        torch.testing.assert_close(loss.double(), expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("alpha", [-2.0, 1e-3, 0.5, 1.0, 1.5, 1.9, 1.999, 2.1])
def test_float32_keeps_its_digits(example, alpha):
    residual = torch.tensor([0.0, 1e-3, 0.5, 3.0, 100.0, 1e4])
    target = torch.zeros(6)
    rough = example.general_robust(residual, target, alpha, 1.0, "none")
    alpha = torch.tensor(alpha).double()
    fine = example.general_robust(
        residual.double(), target.double(), alpha, 1.0, "none"
    )
    torch.testing.assert_close(rough.double(), fine, rtol=2e-6, atol=0)


def test_alpha_can_leave_two(example):
    # The slope is infinite there; a zero would leave a learnable alpha where it starts.
    alpha = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    residual = torch.tensor([0.5, 3.0], dtype=torch.float64)
    example.general_robust(residual, 0 * residual, alpha, 1.0).backward()
    assert alpha.grad.isfinite()
    assert alpha.grad > 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("alpha", [-math.inf, -1e10, -2.0, 0.0, 1.0, 2.0])
def test_far_off_residuals_stay_finite(example, dtype, alpha):
    residual = torch.tensor([-1e4, 0.0, 1e4], dtype=dtype, requires_grad=True)
    alpha = torch.tensor(alpha, dtype=dtype, requires_grad=True)
    scale = torch.tensor(1e-3, dtype=dtype, requires_grad=True)
    loss = example.general_robust(residual, torch.zeros_like(residual), alpha, scale)
    assert loss.isfinite()
    for gradient in torch.autograd.grad(loss, (residual, alpha, scale)):
        assert gradient.isfinite().all()


def test_second_derivatives_are_right(example):
    residual = torch.tensor([0.0, 0.5, -3.0], dtype=torch.float64, requires_grad=True)
    target = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    alpha = torch.tensor([0.0, 1.2, -2.0], dtype=torch.float64, requires_grad=True)
    scale = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    inputs = (residual, target, alpha, scale)
    assert torch.autograd.gradgradcheck(example.general_robust, inputs)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_reductions_are_torchs(example, reduction):
    residual = torch.tensor([[0.5, -3.0], [1.0, 2.0]])
    options = (torch.ones(2, 2), 0.7, 2.0)
    each = example.general_robust(residual, *options, "none")
    expected = getattr(each, reduction)()
    whole = example.general_robust(residual, *options, reduction)
    torch.testing.assert_close(whole, expected)


def test_vmap_maps_over_alpha(example):
    residual, target = torch.tensor([0.5, -3.0]), torch.zeros(2)
    alphas = torch.tensor([-1.0, 0.0, 2.0])
    gradient = torch.func.grad(example.general_robust, argnums=(0, 2))
    mapped = torch.func.vmap(gradient, (None, None, 0, None))(
        residual, target, alphas, 1.0
    )
    for i, alpha in enumerate(alphas):
        one = gradient(residual, target, alpha, 1.0)
        torch.testing.assert_close((mapped[0][i], mapped[1][i]), one)


def test_shapes_that_would_broadcast_are_refused(example):
    x = torch.zeros(4)
    with pytest.raises(ValueError, match=r"\(4, 1\) and \(4,\)"):
        example.general_robust(x[:, None], x, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"alpha .* \(4, 1\) and \(4,\)"):
        example.general_robust(x, x, x[:, None], 1.0)
    with pytest.raises(ValueError, match=r"scale .* \(2,\) and \(4,\)"):
        example.general_robust(x, x, 1.0, torch.ones(2))


@pytest.mark.parametrize("shape", [(), (3,), (1,)])
def test_learnable_options_of_shape_one_are_numbers(example, shape):
    residual = torch.full(shape, 2.0)
    one = torch.ones(1, requires_grad=True)
    loss = example.general_robust(residual, 0 * residual, one, one, "none")
    assert loss.shape == shape
    expected = example.general_robust(residual, 0 * residual, 1.0, 1.0, "none")
    torch.testing.assert_close(loss, expected)
    loss.sum().backward()
    assert one.grad.shape == (1,)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"scale": 0.0}, "scale .* 0.0"), ({"reduction": "avg"}, "reduction .* 'avg'")],
)
def test_options_that_make_no_sense_are_refused(example, options, message):
    options = {"alpha": 1.0, "scale": 1.0} | options
    with pytest.raises(ValueError, match=message):
        example.general_robust(torch.zeros(2), torch.zeros(2), **options)
