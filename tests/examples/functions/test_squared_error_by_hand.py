"""The backward by hand against autograd's, a loop, and numbers worked by hand."""

import numpy as np
import pytest
import torch

SHAPES = [(5,), (1,), (5, 1), (4, 3), (1, 3), (2, 3, 4)]


def data(shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    prediction = torch.randn(shape, generator=generator, dtype=dtype)
    target = torch.randn(shape, generator=generator, dtype=dtype)
    return prediction.requires_grad_(), target.requires_grad_()


def by_autograd(prediction, target):
    return (prediction - target).pow(2).sum() / len(prediction)


@pytest.mark.parametrize("shape", SHAPES)
def test_value_is_the_mean_over_samples_of_squared_distances(example, shape):
    prediction, target = data(shape)
    residual = (prediction - target).detach().numpy()
    samples = [np.linalg.norm(sample) ** 2 for sample in residual]
    loss = example.squared_error_by_hand(prediction, target)
    assert loss.item() == pytest.approx(np.mean(samples), rel=1e-12)


@pytest.mark.parametrize("upstream", [1.0, 0.25, -7.0, 65536.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_autograds_for_any_grad_output(example, shape, upstream):
    inputs = data(shape)
    upstream = torch.tensor(upstream, dtype=torch.float64)
    loss = example.squared_error_by_hand(*inputs)
    ours = torch.autograd.grad(loss, inputs, upstream)
    theirs = torch.autograd.grad(by_autograd(*inputs), inputs, upstream)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradcheck_and_gradgradcheck_pass_for_both_inputs(example, shape):
    inputs = data(shape)
    assert torch.autograd.gradcheck(example.squared_error_by_hand, inputs)
    assert torch.autograd.gradgradcheck(example.squared_error_by_hand, inputs)


@pytest.mark.parametrize(("to_prediction", "to_target"), [(1, 0), (0, 1)])
def test_an_input_that_needs_no_gradient_gets_none(example, to_prediction, to_target):
    prediction, target = (x.detach() for x in data((4, 3)))
    prediction.requires_grad_(bool(to_prediction))
    target.requires_grad_(bool(to_target))
    example.squared_error_by_hand(prediction, target).backward()
    expected = 2 * (prediction - target).detach() / 4
    for x, gradient in ((prediction, expected), (target, -expected)):
        if x.requires_grad:
            torch.testing.assert_close(x.grad, gradient)
        else:
            assert x.grad is None


@pytest.mark.parametrize("needs", [(True, False), (False, True)])
def test_backward_computes_nothing_for_an_input_that_needs_no_gradient(example, needs):
    class Context:
        saved_tensors = torch.ones(2, 1), torch.zeros(2, 1)
        needs_input_grad = needs

    gradients = example.SquaredErrorByHand.backward(Context, torch.tensor(3.0))
    assert tuple(gradient is not None for gradient in gradients) == needs


def test_vmap_grad_and_their_composition_are_those_of_plain_torch(example):
    prediction, target = (x.detach() for x in data((5, 4, 3)))
    for transform in (
        torch.vmap,
        lambda f: torch.vmap(torch.func.grad(f, (0, 1))),
        lambda f: torch.func.jacrev(torch.vmap(f)),
        lambda f: torch.func.jacrev(torch.func.grad(f)),
    ):
        ours = transform(example.squared_error_by_hand)(prediction, target)
        theirs = transform(by_autograd)(prediction, target)
        torch.testing.assert_close(ours, theirs)


def test_vmap_over_predictions_alone_shares_the_target(example):
    predictions, target = data((5, 4, 3))[0].detach(), data((4, 3))[1].detach()
    transform = torch.vmap(torch.func.grad(example.squared_error_by_hand), (0, None))
    gradient = transform(predictions, target)
    torch.testing.assert_close(gradient, 2 * (predictions - target) / 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_and_transposed_memory_are_kept(example, dtype):
    prediction, target = data((3, 4), dtype)
    loss = example.squared_error_by_hand(prediction.T, target.T)
    loss.backward()
    assert loss.dtype == prediction.grad.dtype == dtype
    expected = 2 * (prediction - target).detach() / 4
    torch.testing.assert_close(prediction.grad, expected)


def test_an_empty_batch_gives_nan_as_a_mean_of_nothing_does(example):
    empty = torch.zeros(0, 3, requires_grad=True)
    loss = example.squared_error_by_hand(empty, torch.zeros(0, 3))
    loss.backward()
    assert loss.isnan()
    assert empty.grad.shape == (0, 3)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [(((4, 1), (4,)), r"\(4, 1\) and \(4,\)"), (((), ()), "a scalar")],
)
def test_shapes_that_do_not_fit_are_refused(example, shapes, message):
    with pytest.raises(ValueError, match=message):
        example.squared_error_by_hand(*map(torch.zeros, shapes))
