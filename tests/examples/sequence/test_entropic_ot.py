"""Entropic transport against SciPy's minimiser, the scaling form, and limits."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize


@pytest.fixture
def problem():
    torch.manual_seed(0)
    cost = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    a = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64, requires_grad=True)
    return cost, a, b


def scaling(cost, a, b, reg):
    """The plan in NumPy, by the iteration on the kernel and not in log space."""
    cost, a, b = (x.detach().numpy() for x in (cost, a, b))
    kernel = np.exp(-cost / reg)
    left, right = np.ones_like(a), np.ones_like(b)
    for _ in range(5000):
        left = a / (kernel @ right)
        right = b / (kernel.T @ left)
    return left[:, None] * kernel * right


@pytest.mark.parametrize("reg", [0.05, 0.5, 5.0])
def test_value_and_gradient_are_those_of_the_plan(example, problem, reg):
    plan = scaling(*problem, reg)
    cost, a, b = (x.detach().numpy() for x in problem)
    expected = (plan * (cost + reg * np.log(plan / a[:, None] / b))).sum()
    loss = example.entropic_ot(*problem, reg)
    assert loss.item() == pytest.approx(expected, abs=1e-10)
    (-0.7 * loss).backward()
    np.testing.assert_allclose(problem[0].grad, -0.7 * plan, atol=1e-10)


def test_value_is_the_minimum_over_all_plans(example, problem):
    cost, a, b = (x.detach().numpy() for x in problem)
    product = a[:, None] * b

    def objective(plan):
        plan = plan.reshape(4, 3)
        return (plan * (cost + 0.3 * np.log(plan / product))).sum()

    sums = [
        {"type": "eq", "fun": lambda p: p.reshape(4, 3).sum(1) - a},
        {"type": "eq", "fun": lambda p: p.reshape(4, 3).sum(0)[:2] - b[:2]},
    ]
    bounds = [(1e-9, 1)] * 12
    found = minimize(objective, product.ravel(), bounds=bounds, constraints=sums)
    assert example.entropic_ot(*problem, 0.3).item() == pytest.approx(found.fun, 1e-5)


def test_a_small_reg_gives_the_linear_programs_plan(example, problem):
    cost, a, b = (x.detach().numpy() for x in problem)
    rows, columns = np.kron(np.eye(4), np.ones(3)), np.kron(np.ones(4), np.eye(3))
    sums = np.vstack([rows, columns])
    exact = linprog(cost.ravel(), A_eq=sums, b_eq=np.concatenate([a, b]))
    loss = example.entropic_ot(*problem, 0.003)
    loss.backward()
    plan = problem[0].grad
    assert (plan * problem[0]).sum().item() == pytest.approx(exact.fun, abs=1e-4)
    np.testing.assert_allclose(plan.ravel(), exact.x, atol=3e-3)


def test_gradients_of_cost_and_weights_are_slopes(example, problem):
    assert torch.autograd.gradcheck(example.entropic_ot, (*problem, 0.2))


def test_weights_are_divided_by_their_sum(example, problem):
    cost, a, b = problem
    loss = example.entropic_ot(cost, 3 * a, 7 * b, 0.2)
    torch.testing.assert_close(loss, example.entropic_ot(cost, a, b, 0.2))


def test_a_place_without_weight_changes_nothing(example, problem):
    cost, a, b = problem
    expected = torch.func.grad(example.entropic_ot)(cost, a, b, 0.2)
    wider = torch.cat([cost, torch.ones(4, 1, dtype=cost.dtype)], 1).detach()
    b = torch.cat([b, torch.zeros(1, dtype=b.dtype)]).detach().requires_grad_()
    wider.requires_grad_()
    example.entropic_ot(wider, a, b, 0.2).backward()
    torch.testing.assert_close(wider.grad[:, :3], expected)
    assert wider.grad[:, 3].tolist() == [0.0] * 4
    assert b.grad.isfinite().all()


def test_batches_loops_and_vmap_agree(example, problem):
    cost = torch.stack([problem[0], 2 * problem[0], problem[0].flip(0)]).detach()
    a, b = (x.detach() for x in problem[1:])
    looped = torch.stack([example.entropic_ot(c, a, b, 0.2) for c in cost])
    batched = example.entropic_ot(cost, a.expand(3, -1), b.expand(3, -1), 0.2)
    torch.testing.assert_close(batched, looped)

    gradient = torch.func.grad(example.entropic_ot)
    last = cost.movedim(0, 2)
    mapped = torch.vmap(gradient, (2, None, None, None))(last, a, b, 0.2)
    looped = torch.stack([gradient(c, a, b, 0.2) for c in cost])
    torch.testing.assert_close(mapped, looped)


def test_float32_and_transposed_memory(example, problem):
    cost = problem[0].detach().float().T.contiguous().T.requires_grad_()
    loss = example.entropic_ot(cost, problem[1].float(), problem[2].float(), 0.05)
    loss.backward()
    assert loss.dtype == cost.grad.dtype == torch.float32
    expected = torch.from_numpy(scaling(*problem, 0.05)).float()
    torch.testing.assert_close(cost.grad, expected, rtol=1e-3, atol=1e-5)


def test_costs_whose_kernel_underflows_are_no_matter(example):
    cost = torch.tensor([[1e4, 2e4], [2e4, 1e4]], requires_grad=True)
    half = torch.tensor([0.5, 0.5])
    loss = example.entropic_ot(cost, half, half, reg=1.0)
    loss.backward()
    assert loss.item() == pytest.approx(1e4, rel=1e-3)
    assert cost.grad.tolist() == [[0.5, 0.0], [0.0, 0.5]]


def test_second_derivatives_are_refused_even_beside_the_loss(example, problem):
    loss = example.entropic_ot(*problem, 0.2)
    (plan,) = torch.autograd.grad(loss, problem[0], create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivative"):
        (loss + plan.square().sum()).backward()


def test_what_does_not_converge_says_so(example):
    torch.manual_seed(0)
    weights = torch.rand(2, 30, dtype=torch.float64)
    cost = torch.rand(30, 30, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="raise reg from 1e-07"):
        example.entropic_ot(cost, *weights, reg=1e-7)


@pytest.mark.parametrize(
    "shapes",
    [
        ((4, 3), (3,), (4,)),
        ((4, 3), (4, 1), (3,)),
        ((2, 4, 3), (4,), (3,)),
        ((0, 3), (0,), (3,)),
        ((3,), (), (3,)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(example, shapes):
    with pytest.raises(ValueError, match=r"\(\.\.\., N, M\)") as error:
        example.entropic_ot(*(torch.ones(shape) for shape in shapes), 1.0)
    assert all(str(shape) in str(error.value) for shape in shapes)


def test_negative_weights_and_a_reg_of_zero_are_refused(example, problem):
    cost, a, b = problem
    with pytest.raises(ValueError, match=r"reg must be positive and finite, got 0\.0"):
        example.entropic_ot(*problem, 0.0)
    with pytest.raises(ValueError, match="must not be negative"):
        example.entropic_ot(cost, a - 0.15, b, 1.0)


def test_an_infinite_reg_is_refused(example):
    with pytest.raises(ValueError, match=r"reg must be .*finite.* got inf"):
        example.entropic_ot(torch.ones(2, 2), torch.ones(2), torch.ones(2), math.inf)
