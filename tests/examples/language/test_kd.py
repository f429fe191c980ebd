"""Distillation against NumPy's sums, torch's kl_div, and values worked by hand."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import kl_div


@pytest.fixture
def logits():
    torch.manual_seed(0)
    student = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    teacher = 2 * torch.randn(4, 5, dtype=torch.float64)
    return student, teacher.requires_grad_()


def softened(logits, temperature):
    powers = np.exp(logits.detach().numpy() / temperature)
    return powers / powers.sum(1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0, 20.0])
def test_value_and_gradient_are_those_of_the_formula(example, logits, temperature):
    student, teacher = logits
    q, p = softened(student, temperature), softened(teacher, temperature)
    loss = example.kd(student, teacher, temperature, "none")
    expected = temperature**2 * (p * np.log(p / q)).sum(1)
    np.testing.assert_allclose(loss.detach(), expected, rtol=1e-10)

    upstream = torch.tensor([1.0, -2.0, 0.0, 3.0], dtype=torch.float64)
    (gradient,) = torch.autograd.grad(loss, student, upstream)
    expected = temperature * (q - p) * upstream.numpy()[:, None]
    np.testing.assert_allclose(gradient, expected, atol=1e-12)


def test_teacher_and_student_get_torchs_gradients(example, logits):
    student, teacher = logits
    log_q, log_p = ((x / 3).log_softmax(1) for x in logits)
    theirs = 9 * kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    ours = example.kd(student, teacher)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(0.3 * ours, logits),
        torch.autograd.grad(0.3 * theirs, logits),
    )


def test_reductions_are_over_the_rows(example, logits):
    rows = example.kd(*logits, reduction="none")
    assert rows.shape == (4,)
    torch.testing.assert_close(example.kd(*logits, reduction="sum"), rows.sum())
    torch.testing.assert_close(example.kd(*logits), rows.sum() / 4)


def test_pull_at_a_large_temperature_is_the_difference_of_the_centred_logits(
    example, logits
):
    student, teacher = logits
    loss = example.kd(student, teacher, temperature=1e4, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, student)
    difference = student - teacher
    expected = (difference - difference.mean(1, keepdim=True)) / 5
    torch.testing.assert_close(gradient, expected.detach(), rtol=1e-3, atol=1e-3)


def test_agreement_has_no_loss_and_no_pull(example):
    student = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    loss = example.kd(student, student.detach())
    loss.backward()
    assert loss.item() == 0
    assert student.grad.tolist() == [[0.0, 0.0, 0.0]]


def test_logits_of_ten_thousand_stay_finite(example):
    student = torch.tensor([[1e4, -1e4]], requires_grad=True)
    loss = example.kd(student, torch.tensor([[-1e4, 1e4]]), temperature=1.0)
    loss.backward()
    assert loss.item() == 2e4
    assert student.grad.tolist() == [[1.0, -1.0]]


def test_second_derivatives_are_right(example, logits):
    assert torch.autograd.gradgradcheck(example.kd, logits)


def test_vmap_of_grad_gives_one_gradient_a_row(example, logits):
    student, teacher = (x.detach().unsqueeze(1) for x in logits)
    rows = torch.vmap(torch.func.grad(example.kd))(student, teacher)
    whole = torch.func.grad(example.kd)(student.squeeze(1), teacher.squeeze(1))
    torch.testing.assert_close(rows.squeeze(1) / 4, whole)


@pytest.mark.parametrize("shapes", [((4, 5), (4, 1)), ((4, 5), (1, 5)), ((4,), (4,))])
def test_shapes_that_do_not_fit_are_refused(example, shapes):
    with pytest.raises(ValueError, match="the same shape") as error:
        example.kd(*map(torch.zeros, shapes))
    assert all(str(shape) in str(error.value) for shape in shapes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, r"temperature .* 0\.0"),
        ({"reduction": "batchmean"}, r"reduction .* 'batchmean'"),
    ],
)
def test_options_that_make_no_sense_are_refused(example, options, message):
    with pytest.raises(ValueError, match=message):
        example.kd(torch.zeros(1, 2), torch.zeros(1, 2), **options)


def test_an_infinite_temperature_is_refused(example):
    with pytest.raises(ValueError, match=r"temperature must be .*finite.* got inf"):
        example.kd(*2 * [torch.zeros(2, 2)], temperature=math.inf)


def test_a_class_masked_in_both_is_left_out(example, logits):
    student, teacher = (x.detach().clone() for x in logits)
    kept = [0, *range(2, student.shape[1])]
    expected = example.kd(student[:, kept], teacher[:, kept])
    student[:, 1] = teacher[:, 1] = -torch.inf
    student.requires_grad_(), teacher.requires_grad_()
    loss = example.kd(student, teacher)
    torch.testing.assert_close(loss, expected)
    for gradient in torch.autograd.grad(loss, (student, teacher)):
        assert gradient.isfinite().all()
        assert not gradient[:, 1].any()


def test_a_class_that_the_student_alone_rules_out_costs_inf(example):
    student = torch.tensor([[1.0, -torch.inf]])
    assert example.kd(student, torch.zeros(1, 2)).item() == torch.inf
    assert example.kd(torch.zeros(1, 2), student).isfinite()
