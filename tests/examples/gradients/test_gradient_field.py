"""The gradient field against derivatives worked by hand and finite differences."""

import pytest
import torch


def points(*shape):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, dtype=torch.float64, generator=generator) for _ in "rhl"]


def by_hand(r, h, lam):
    return torch.stack([6 * r * h, 3 * r**2 + 3 * lam * h**2, h**3 + 1], dim=-1)


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 4)])
def test_every_point_has_the_gradient_worked_by_hand(example, shape):
    field = example.gradient_field(example.g, *points(*shape))
    assert field.shape == (*shape, 3)
    torch.testing.assert_close(field, by_hand(*points(*shape)))


def test_a_small_step_agrees_without_autograd(example):
    at = torch.stack(points(5), dim=-1)
    step = 1e-5 * torch.eye(3, dtype=torch.float64)
    rise = [example.g(*(at + s).T) - example.g(*(at - s).T) for s in step]
    field = example.gradient_field(example.g, *at.T)
    torch.testing.assert_close(field, torch.stack(rise, dim=-1) / 2e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_numbers_of_the_page_in_both_precisions(example, dtype):
    at = [torch.tensor(value, dtype=dtype) for value in (2.0, 3.0, 5.0)]
    field = example.gradient_field(example.g, *at)
    assert field.dtype == dtype
    assert field.tolist() == [36, 147, 28]


def test_memory_that_is_not_contiguous_makes_no_difference(example):
    across = [coordinate.T for coordinate in points(3, 4)]
    torch.testing.assert_close(
        example.gradient_field(example.g, *across), by_hand(*across)
    )


def test_the_field_has_derivatives_itself(example):
    at = [coordinate.requires_grad_() for coordinate in points(2)]
    assert torch.autograd.gradcheck(
        lambda *at: example.gradient_field(example.g, *at), at
    )


def test_it_composes_with_vmap(example):
    mapped = torch.vmap(lambda *at: example.gradient_field(example.g, *at))
    torch.testing.assert_close(mapped(*points(6)), by_hand(*points(6)))


def test_a_variable_that_does_not_matter_has_gradient_zero(example):
    field = example.gradient_field(lambda r, h: r**2, *points(3)[:2])
    assert field[:, 1].tolist() == [0.0, 0.0, 0.0]


def test_variables_that_would_broadcast_are_refused(example):
    r, h, _ = points(10)
    with pytest.raises(ValueError, match=r"the same shape.*\(10,\), \(10,\), \(\)"):
        example.gradient_field(example.g, r, h, torch.tensor(5.0))


def test_a_function_that_sums_its_points_is_refused(example):
    with pytest.raises(ValueError, match=r"shape \(3,\), got \(\)"):
        example.gradient_field(lambda r, h: (r * h).sum(), *points(3)[:2])
