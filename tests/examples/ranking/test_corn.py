"""CORN against a textbook loop, and the likelihood of the grade."""

import math

import numpy as np
import pytest
import torch
from scipy.special import expit

LOGITS = 4 * np.sin(np.linspace(-21, 28, 24)).reshape(6, 4)
GRADES = torch.tensor([0, 4, 2, 1, 3, 2])


def by_the_book(logits, grades, num_classes):
    """Value and gradient, one conditional set after the other."""
    total, asked = 0.0, 0
    gradient = np.zeros_like(logits)
    for question in range(num_classes - 1):
        for row, grade in enumerate(grades.tolist()):
            if grade < question:
                continue
            p = expit(logits[row, question])
            total -= math.log(p if grade > question else 1 - p)
            gradient[row, question] = p - (grade > question)
            asked += 1
    return torch.tensor(total / asked).double(), torch.tensor(gradient / asked)


@pytest.fixture
def logits():
    return torch.tensor(LOGITS, requires_grad=True)


@pytest.mark.parametrize(
    "grades", [GRADES, torch.zeros(6).long(), torch.full((6,), 4), torch.arange(6) % 2]
)
def test_value_and_gradient_are_those_of_the_book(example, logits, grades):
    value, gradient = by_the_book(LOGITS, grades, 5)
    loss = example.corn(logits, grades, 5)
    torch.testing.assert_close(loss, value)
    (ours,) = torch.autograd.grad(0.3 * loss, logits)
    torch.testing.assert_close(ours, 0.3 * gradient)


def test_it_is_the_likelihood_of_the_grade(example, logits):
    above = np.cumprod(expit(LOGITS), axis=1)
    above = np.column_stack([np.ones(6), above, np.zeros(6)])
    likelihood = -np.diff(above, axis=1)
    total = -np.log(likelihood[np.arange(6), GRADES]).sum()
    asked = 1 + 4 + 3 + 2 + 4 + 3
    assert example.corn(logits, GRADES, 5).item() == pytest.approx(total / asked)


def test_a_batch_twice_gives_the_same(example, logits):
    twice = example.corn(logits.repeat(2, 1), GRADES.repeat(2), 5)
    torch.testing.assert_close(twice, example.corn(logits, GRADES, 5))


def test_a_question_that_nobody_was_asked_has_no_gradient(example, logits):
    loss = example.corn(logits, torch.zeros(6, dtype=torch.int64), 5)
    loss.backward()
    assert logits.grad[:, 0].all()
    assert not logits.grad[:, 1:].any()


def test_two_classes_are_binary_cross_entropy(example):
    logits = torch.tensor([[0.3], [-1.0], [2.0]])
    grades = torch.tensor([1, 0, 0])
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[:, 0], grades.float()
    )
    torch.testing.assert_close(example.corn(logits, grades, 2), theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_stay_finite(example, dtype):
    logits = torch.tensor([[1e4, 1e4, -1e4]], dtype=dtype, requires_grad=True)
    loss = example.corn(logits, torch.tensor([1]), 4)
    loss.backward()
    assert loss.dtype == dtype
    assert loss.item() == 5e3
    assert logits.grad.tolist() == [[0.0, 0.5, 0.0]]


def test_second_derivatives_are_right(example, logits):
    assert torch.autograd.gradgradcheck(lambda z: example.corn(z, GRADES, 5), (logits,))


def test_vmap_of_grad_gives_one_gradient_a_sample(example, logits):
    def one(row, grade):
        return example.corn(row[None], grade[None], 5)

    per_sample = torch.vmap(torch.func.grad(one))(logits.detach(), GRADES)
    for row in range(6):
        _, expected = by_the_book(LOGITS[row : row + 1], GRADES[row : row + 1], 5)
        torch.testing.assert_close(per_sample[row], expected[0])


@pytest.mark.parametrize("target", [[], [-100, -100]])
def test_where_nothing_was_asked_it_is_0_and_so_is_the_gradient(example, target):
    logits = torch.ones(len(target), 4, requires_grad=True)
    loss = example.corn(logits, torch.tensor(target).long(), 5)
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("grade", [-1, 5, 99])
def test_a_grade_out_of_range_is_refused(example, grade):
    with pytest.raises(RuntimeError, match=f"index {grade} is out of bounds"):
        example.corn(torch.zeros(1, 4), torch.tensor([grade]), 5)


@pytest.mark.parametrize("ignored", [-100, 2])
def test_what_is_ignored_counts_nowhere(example, logits, ignored):
    target = torch.tensor([0, ignored, 4, 1, ignored, 3])
    kept = target != ignored
    expected, gradient = by_the_book(LOGITS[kept], target[kept], 5)
    loss = example.corn(logits, target, 5, ignore_index=ignored)
    torch.testing.assert_close(loss, expected)
    (ours,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(ours[kept], gradient)
    assert not ours[~kept].any()


def test_none_is_the_negative_log_likelihood_of_each_grade(example, logits):
    above = np.cumprod(expit(LOGITS), axis=1)
    above = np.column_stack([np.ones(6), above, np.zeros(6)])
    likelihood = -np.diff(above, axis=1)[np.arange(6), GRADES]
    each = example.corn(logits, GRADES, 5, "none")
    torch.testing.assert_close(each.detach(), torch.from_numpy(-np.log(likelihood)))
    total = example.corn(logits, GRADES, 5, "sum")
    torch.testing.assert_close(total, each.sum())
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.corn(logits, GRADES, 5, "avg")


@pytest.mark.parametrize(
    ("shape", "grades", "num_classes"),
    [
        ((4, 3), (4, 1), 4),
        ((4, 3), (3,), 4),
        ((4, 3), (4,), 3),
        ((4, 3), (4,), 5),
        ((4,), (4,), 2),
        ((4, 3), (), 4),
    ],
)
def test_shapes_that_do_not_fit_are_refused(example, shape, grades, num_classes):
    with pytest.raises(ValueError) as error:
        example.corn(
            torch.zeros(shape), torch.zeros(grades, dtype=torch.int64), num_classes
        )
    assert f"{shape} and {grades} for {num_classes} classes" in str(error.value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int32, torch.bool])
def test_a_target_that_is_no_int64_is_refused(example, dtype):
    with pytest.raises(ValueError, match=f"target must be int64, got {dtype}"):
        example.corn(torch.zeros(2, 3), torch.zeros(2, dtype=dtype), 4)


def test_forty_thousand_rows_do_not_overflow_in_float16(example):
    logits = torch.zeros(40_000, 4, dtype=torch.float16, requires_grad=True)
    loss = example.corn(logits, torch.full((40_000,), 4), 5)
    assert loss.dtype == torch.float16
    assert loss.item() == pytest.approx(math.log(2), rel=1e-3)
