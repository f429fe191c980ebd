"""VICReg against the three terms written out in NumPy."""

import numpy as np
import pytest
import torch

DOUBLE = torch.float64


def views(n=6, d=4, dtype=DOUBLE):
    generator = torch.Generator().manual_seed(6)
    scale = torch.linspace(0.2, 2, d, dtype=DOUBLE)
    inputs = scale * torch.randn(2, n, d, dtype=DOUBLE, generator=generator) + 3
    return [rows.to(dtype).clone().requires_grad_() for rows in inputs]


def written_out(first, second, invariance, variance, covariance, eps):
    n, d = first.shape
    total = invariance * ((first - second) ** 2).sum() / (n * d)
    for rows in (first, second):
        std = np.sqrt(rows.var(axis=0, ddof=1) + eps)
        total += variance * np.maximum(0, 1 - std).mean() / 2
        matrix = np.atleast_2d(np.cov(rows, rowvar=False))
        off = [matrix[i, j] for i in range(d) for j in range(d) if i != j]
        total += covariance * sum(value**2 for value in off) / d
    return total


@pytest.mark.parametrize("d", [1, 4])
@pytest.mark.parametrize(
    "options",
    [(25.0, 25.0, 1.0, 1e-4), (1.0, 0.0, 0.0, 1.0), (0.0, 3.0, 0.0, 0.1), (0, 0, 2, 1)],
)
def test_value_is_that_of_the_terms(example, options, d):
    first, second = views(d=d)
    expected = written_out(first.detach().numpy(), second.detach().numpy(), *options)
    ours = example.vicreg(first, second, *options)
    assert ours.item() == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_the_options_stand_at_the_papers(example):
    first, second = views()
    expected = example.vicreg(first, second, 25.0, 25.0, 1.0, 1e-4)
    assert example.vicreg(first, second).item() == expected.item()


def test_gradient_is_that_of_central_differences(example):
    first, second = views()
    upstream = torch.tensor(-0.3, dtype=DOUBLE)
    loss = example.vicreg(first, second)
    ours = torch.autograd.grad(loss, (first, second), upstream)
    arrays = [rows.detach().numpy().copy() for rows in (first, second)]
    step = 1e-5
    for array, gradient in zip(arrays, ours, strict=True):
        for index in np.ndindex(array.shape):
            here, values = array[index], []
            for sign in (1, -1):
                array[index] = here + sign * step
                values.append(written_out(*arrays, 25.0, 25.0, 1.0, 1e-4))
            array[index] = here
            slope = -0.3 * (values[0] - values[1]) / (2 * step)
            assert gradient[index].item() == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_second_derivatives_are_right(example):
    assert torch.autograd.gradcheck(example.vicreg, views(3, 2))
    assert torch.autograd.gradgradcheck(example.vicreg, views(3, 2))


@pytest.mark.parametrize("order", [1, 2])
def test_equal_rows_have_no_nan(example, order):
    rows = torch.full((4, 3), 2.0, requires_grad=True)
    gradient = example.vicreg(rows, rows.clone())
    assert gradient.dtype == torch.float32
    assert gradient.item() == pytest.approx(25 * (1 - 0.01), rel=1e-6)
    for _ in range(order):
        (gradient,) = torch.autograd.grad(gradient.sum(), rows, create_graph=True)
        assert gradient.isfinite().all()
        assert not gradient.any()


def test_above_a_spread_of_1_the_variance_term_is_off(example):
    first, second = views()
    loss = example.vicreg(100 * first, 100 * second, 0.0, 1.0, 0.0)
    assert loss.item() == 0.0


def test_memory_layout_and_vmap_do_not_matter(example):
    first, second = (rows.detach() for rows in views())
    expected = example.vicreg(first, second)
    turned = example.vicreg(first.T.contiguous().T, second)
    torch.testing.assert_close(turned, expected)
    twice = first.expand(2, 6, 4), second.expand(2, 6, 4)
    batched = torch.vmap(example.vicreg)(*twice)
    torch.testing.assert_close(batched, expected.expand(2))


@pytest.mark.parametrize(
    "shapes", [((4, 2), (1, 2)), ((4,), (4,)), ((1, 4), (1, 4)), ((4, 0), (4, 0))]
)
def test_shapes_that_do_not_fit_are_refused(example, shapes):
    message = r" and ".join(rf"\({str(shape)[1:-1]}\)" for shape in shapes)
    with pytest.raises(ValueError, match=message):
        example.vicreg(*map(torch.zeros, shapes))


def test_an_eps_that_is_not_positive_is_refused(example):
    with pytest.raises(ValueError, match=r"eps must be positive and finite, got 0\.0"):
        example.vicreg(torch.zeros(2, 2), torch.zeros(2, 2), eps=0.0)
