"""Huber's backward by hand against torch's own loss, and numbers worked by hand."""

import pytest
import torch
from torch.nn.functional import huber_loss


def data(shape=(4, 6), dtype=torch.float64):
    prediction = torch.linspace(-5, 5, 24, dtype=dtype).reshape(shape)
    target = torch.linspace(0.7, -0.9, 24, dtype=dtype).reshape(shape)
    return prediction.requires_grad_(), target.requires_grad_()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("delta", [0.3, 1.0, 4.0])
def test_value_and_gradients_are_torchs_for_any_grad_output(example, reduction, delta):
    inputs = data()
    ours = example.huber_by_hand(*inputs, delta, reduction)
    theirs = huber_loss(*inputs, reduction, delta)
    torch.testing.assert_close(ours, theirs)

    upstream = torch.linspace(-2, 3, ours.numel(), dtype=torch.float64)
    upstream = upstream.reshape(ours.shape)
    torch.testing.assert_close(
        torch.autograd.grad(ours, inputs, upstream),
        torch.autograd.grad(theirs, inputs, upstream),
    )


@pytest.mark.parametrize("scale", [1.0, 0.1, 65536.0])
def test_a_factor_behind_the_loss_reaches_the_gradient(example, scale):
    prediction = torch.tensor([0.5, 100.0], requires_grad=True)
    loss = example.huber_by_hand(prediction, torch.zeros(2), 2.5, "sum")
    (scale * loss).backward()
    expected = scale * torch.tensor([0.5, 2.5])
    torch.testing.assert_close(prediction.grad, expected)


@pytest.mark.parametrize("residual", [-2.5, 2.5])
def test_at_the_kink_the_gradient_is_delta(example, residual):
    prediction = torch.tensor([residual], dtype=torch.float64, requires_grad=True)
    target = torch.zeros(1, dtype=torch.float64)
    example.huber_by_hand(prediction, target, 2.5).backward()
    assert prediction.grad.item() == residual
    inputs = prediction, target, 2.5
    assert torch.autograd.gradcheck(example.huber_by_hand, inputs)
    assert not torch.autograd.gradgradcheck(
        example.huber_by_hand, inputs, raise_exception=False
    )


def test_second_derivatives_are_right_away_from_the_kink(example):
    assert torch.autograd.gradgradcheck(example.huber_by_hand, (*data(), 1.1, "sum"))


def test_gradient_of_a_perfect_prediction_is_zero(example):
    prediction = torch.ones(3, requires_grad=True)
    example.huber_by_hand(prediction, torch.ones(3)).backward()
    assert prediction.grad.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("needs", [(True, False, False), (False, True, False)])
def test_backward_computes_nothing_for_an_input_that_needs_no_gradient(example, needs):
    class Context:
        saved_tensors = torch.ones(2), torch.zeros(2)
        delta = 1.0
        needs_input_grad = needs

    gradients = example.HuberByHand.backward(Context, torch.ones(2))
    assert tuple(gradient is not None for gradient in gradients) == needs


def test_vmap_and_grad_compose(example):
    prediction, target = (x.detach() for x in data())
    transform = torch.vmap(torch.func.grad(example.huber_by_hand, (0, 1)))
    expected = torch.func.grad(huber_loss, (0, 1))
    for n, gradients in enumerate(zip(*transform(prediction, target), strict=True)):
        torch.testing.assert_close(gradients, expected(prediction[n], target[n]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_transposed_memory_and_extreme_residuals_are_kept(example, dtype):
    prediction, target = data(dtype=dtype)
    example.huber_by_hand(prediction.T * 1e4, target.T, reduction="sum").backward()
    assert prediction.grad.dtype == dtype
    expected = 1e4 * (prediction * 1e4 - target).detach().sign()
    torch.testing.assert_close(prediction.grad, expected)


def test_the_mean_of_an_empty_batch_is_nan_as_that_of_torch(example):
    empty = torch.zeros(0)
    assert huber_loss(empty, empty).isnan()
    assert example.huber_by_hand(empty, empty).isnan()
    assert example.huber_by_hand(empty, empty, reduction="sum") == 0


def test_shapes_that_would_broadcast_are_refused(example):
    with pytest.raises(ValueError, match=r"\(4, 1\) and \(4,\)"):
        example.huber_by_hand(torch.zeros(4, 1), torch.zeros(4))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"delta": 0.0}, "delta .* 0.0"), ({"reduction": "avg"}, "reduction .* 'avg'")],
)
def test_options_that_make_no_sense_are_refused(example, options, message):
    with pytest.raises(ValueError, match=message):
        example.huber_by_hand(torch.zeros(2), torch.zeros(2), **options)
