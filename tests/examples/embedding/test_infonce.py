"""InfoNCE against a NumPy loop and its gradient in the similarities."""

import math

import numpy as np
import pytest
import torch

DOUBLE = torch.float64


def pairs(n=5, d=3, dtype=DOUBLE):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(2, n, d, dtype=DOUBLE, generator=generator).to(dtype)
    return [rows.clone().requires_grad_() for rows in inputs]


def loop(query, positive, temperature):
    query, positive = (rows.detach().numpy() for rows in (query, positive))
    total = 0.0
    for i, q in enumerate(query):
        scores = [
            q @ p / np.linalg.norm(q) / np.linalg.norm(p) / temperature
            for p in positive
        ]
        total += np.logaddexp.reduce(scores) - scores[i]
    return total / len(query)


@pytest.mark.parametrize("temperature", [0.02, 0.1, 1.0])
def test_value_is_that_of_a_loop(example, temperature):
    query, positive = pairs()
    ours = example.infonce(query, positive, temperature)
    assert ours.item() == pytest.approx(loop(query, positive, temperature), rel=1e-12)


def test_gradient_is_softmax_minus_one_through_the_cosines(example):
    query, positive = pairs()
    (ours,) = torch.autograd.grad(3 * example.infonce(query, positive, 0.2), query)
    cosine = torch.nn.functional.cosine_similarity(
        query[:, None], positive[None], dim=2
    )
    by_cosine = ((cosine / 0.2).softmax(1) - torch.eye(5)) / (5 * 0.2)
    (expected,) = torch.autograd.grad(cosine, query, 3 * by_cosine.detach())
    torch.testing.assert_close(ours, expected)


def test_derivatives_are_right(example):
    assert torch.autograd.gradcheck(example.infonce, pairs())
    assert torch.autograd.gradgradcheck(example.infonce, pairs(3))


def test_a_row_of_zeros_gets_a_modest_gradient(example):
    query, positive = pairs()
    with torch.no_grad():
        query[2] = 0
    example.infonce(query, positive).backward()
    assert query.grad.isfinite().all()
    assert 0 < query.grad[2].abs().max() < 1e3


def test_one_pair_alone_costs_nothing(example):
    query, positive = pairs(1)
    loss = example.infonce(query, positive)
    loss.backward()
    assert loss.item() == 0.0
    assert not query.grad.any()


def test_an_empty_batch_is_nan_as_in_cross_entropy(example):
    assert example.infonce(torch.zeros(0, 3), torch.zeros(0, 3)).isnan()


def test_length_does_not_count_in_float32(example):
    query, positive = pairs(dtype=torch.float32)
    loss = example.infonce(query, positive)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(example.infonce(1e4 * query, 1e-4 * positive), loss)


def test_a_low_temperature_does_not_overflow(example):
    query, positive = pairs(dtype=torch.float32)
    loss = example.infonce(query, positive, 1e-4)
    loss.backward()
    assert math.isfinite(loss.item())
    assert query.grad.isfinite().all()


def test_memory_layout_and_vmap_do_not_matter(example):
    query, positive = (rows.detach() for rows in pairs())
    expected = example.infonce(query, positive)
    torch.testing.assert_close(
        example.infonce(query.T.contiguous().T, positive), expected
    )
    batched = torch.vmap(example.infonce)(
        query.expand(2, 5, 3), positive.expand(2, 5, 3)
    )
    torch.testing.assert_close(batched, expected.expand(2))


@pytest.mark.parametrize("shapes", [((4, 2), (1, 2)), ((4,), (4,))])
def test_shapes_that_do_not_fit_are_refused(example, shapes):
    with pytest.raises(ValueError, match=r"\(4,.*\) and \("):
        example.infonce(*map(torch.zeros, shapes))


def test_a_temperature_that_is_not_positive_is_refused(example):
    with pytest.raises(ValueError, match=r"temperature .* 0\.0"):
        example.infonce(torch.zeros(2, 2), torch.zeros(2, 2), 0.0)


def test_an_infinite_temperature_is_refused(example):
    with pytest.raises(ValueError, match=r"temperature must be .*finite.* got inf"):
        example.infonce(*2 * [torch.ones(2, 2)], temperature=math.inf)


def test_reductions_are_over_the_queries(example):
    query, positive = pairs()
    cosine = torch.nn.functional.cosine_similarity(query[:, None], positive, dim=2)
    expected = -(cosine / 0.3).log_softmax(1).diagonal()
    each = example.infonce(query, positive, 0.3, "none")
    torch.testing.assert_close(each, expected)
    for reduction in ("mean", "sum"):
        ours = example.infonce(query, positive, 0.3, reduction)
        torch.testing.assert_close(ours, getattr(expected, reduction)())
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.infonce(query, positive, reduction="avg")
