"""The factor against gradients that are wrong by a known one, and right ones."""

import pytest
import torch
from torch.nn import functional as F


def batch(samples, size=1.0, dtype=torch.float64):
    values = torch.linspace(-3, 2.3, 4 * samples, dtype=dtype).sin() * size
    return values.reshape(2, samples, 2)


def rescaled(loss, factor):
    """The same values, ``factor`` times the gradient."""

    def scaled(prediction, target):
        value = loss(prediction, target)
        return value.detach() + factor * (value - value.detach())

    return scaled


class WithoutItsMean(torch.autograd.Function):
    """Squared error whose backward pass, written by hand, forgets 1/N."""

    @staticmethod
    def forward(prediction, target):
        return (prediction - target).square().sum(1).mean()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        prediction, target = ctx.saved_tensors
        return 2 * (prediction - target) * grad_output, None


LOSSES = [
    F.mse_loss,
    F.l1_loss,
    F.huber_loss,
    F.binary_cross_entropy_with_logits,
    lambda logits, target: F.cross_entropy(logits, target.softmax(1)),
    lambda prediction, target: -(prediction - target).square().mean() - 5,
]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("factor", [1, 32, 1 / 7, -1, 1e6])
def test_the_factor_of_a_rescaled_gradient_is_measured(example, loss, factor):
    measured = example.adam_hides_scale(rescaled(loss, factor), *batch(6))
    assert measured == pytest.approx(factor, rel=1e-6)


@pytest.mark.parametrize("samples", [1, 2, 7, 32])
def test_a_forgotten_mean_is_the_number_of_samples(example, samples):
    measured = example.adam_hides_scale(WithoutItsMean.apply, *batch(samples))
    assert measured == pytest.approx(samples, rel=1e-6)


@pytest.mark.parametrize("loss", [F.mse_loss, F.smooth_l1_loss])
@pytest.mark.parametrize("size", [1e-8, 1e-3, 1e4, 1e8])
def test_the_step_has_the_size_of_the_inputs(example, loss, size):
    measured = example.adam_hides_scale(loss, *batch(6, size))
    assert measured == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("start", [0.0, 1e-3])
def test_the_step_has_the_size_of_a_target_far_away(example, start):
    prediction, target = torch.full((32,), start), torch.full((32,), 1e8)
    measured = example.adam_hides_scale(F.mse_loss, prediction, target)
    assert measured == pytest.approx(1, rel=1e-6)


def test_targets_that_are_masked_with_nan_leave_the_step_alone(example):
    def masked(prediction, target):
        return (prediction - target)[~target.isnan()].square().mean()

    target = torch.tensor([1.0, torch.nan, 3.0])
    measured = example.adam_hides_scale(masked, torch.zeros(3), target)
    assert measured == pytest.approx(1, rel=1e-6)


def test_where_all_is_zero_there_is_a_step_nevertheless(example):
    zero = torch.zeros(3)
    tilted = example.adam_hides_scale(lambda p, t: (p - t).exp().sum(), zero, zero)
    assert tilted == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_it_measures_in_float64_on_a_copy(example, dtype):
    prediction, target = batch(6, dtype=dtype)
    prediction = prediction.clone().requires_grad_()
    before = prediction.detach().clone()
    seen = []

    def loss(prediction, target):
        seen.extend([prediction.dtype, target.dtype])
        return F.mse_loss(prediction, target)

    measured = example.adam_hides_scale(loss, prediction, target)
    assert measured == pytest.approx(1, rel=1e-6)
    assert isinstance(measured, float)
    assert set(seen) == {torch.float64}
    assert prediction.grad is None
    assert torch.equal(prediction, before)


def test_a_flat_loss_with_a_gradient_is_infinitely_too_steep(example):
    def straight_through(prediction, target):
        rounded = prediction + (prediction.round() - prediction).detach()
        return F.mse_loss(rounded, target)

    prediction, target = torch.tensor([0.2, 1.3]), torch.tensor([3.0, 3.0])
    factor = example.adam_hides_scale(straight_through, prediction, target)
    assert factor == torch.inf


def test_an_entry_cut_from_the_gradient_goes_unseen_but_not_by_gradcheck(example):
    def cut(prediction, target):
        prediction = torch.cat([prediction[:1].detach(), prediction[1:]])
        return F.mse_loss(prediction, target)

    prediction, target = batch(4)
    factor = example.adam_hides_scale(cut, prediction, target)
    assert factor == pytest.approx(1, rel=1e-6)
    inputs = prediction.clone().requires_grad_(), target
    assert not torch.autograd.gradcheck(cut, inputs, raise_exception=False)


@pytest.mark.parametrize(
    ("loss", "got"),
    [
        (lambda p, t: (p - t) ** 2, r"\(3,\) and requires_grad=True"),
        (lambda p, t: p.detach().sum(), r"\(\) and requires_grad=False"),
        (lambda p, t: 1.0, r"\(\) and requires_grad=False"),
    ],
)
def test_a_loss_that_is_no_scalar_with_a_gradient_is_refused(example, loss, got):
    with pytest.raises(ValueError, match=f"scalar with a gradient, got shape {got}"):
        example.adam_hides_scale(loss, torch.ones(3), torch.zeros(3))


@pytest.mark.parametrize(
    ("loss", "prediction", "length"),
    [
        (F.mse_loss, torch.zeros(3), "0"),
        (lambda p, t: p.sqrt().sum(), torch.zeros(3), "inf"),
        (lambda p, t: (p / p).sum(), torch.zeros(3), "nan"),
        (F.mse_loss, torch.zeros(0), "0"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_gradient_without_a_direction_is_refused(example, loss, prediction, length):
    with pytest.raises(ValueError, match=f"finite, not 0, got length {length}"):
        example.adam_hides_scale(loss, prediction, torch.zeros_like(prediction))


def test_a_gradient_of_nothing_but_the_losss_own_parameter_is_refused(example):
    own = torch.ones((), requires_grad=True)
    with pytest.raises(ValueError, match="got length 0"):
        example.adam_hides_scale(lambda p, t: own * 2, torch.ones(3), torch.zeros(3))


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        (torch.ones(3, dtype=torch.int64), torch.ones(3), "prediction .* torch.int64"),
        (torch.ones(3), torch.ones(3, dtype=torch.bool), "target .* torch.bool"),
        ([1.0, 2.0], torch.ones(2), "prediction .* list"),
        (torch.ones(2), 1.0, "target .* float"),
    ],
)
def test_what_is_no_floating_tensor_is_refused(example, prediction, target, message):
    with pytest.raises(ValueError, match=message):
        example.adam_hides_scale(F.mse_loss, prediction, target)
