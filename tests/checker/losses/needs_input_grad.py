"""Right where all inputs require a gradient, wrong where some do."""

import torch

from . import mistake, right
from .inputs import normal


def _inputs():
    return normal(4, seed=1, grad=True), normal(4, seed=2, grad=True)


def _product(prediction, weight):
    return (weight * prediction.square()).sum()


def _function(backward):
    class WeightedSquare(torch.autograd.Function):
        @staticmethod
        def forward(ctx, prediction, weight):
            ctx.save_for_backward(prediction, weight)
            return _product(prediction, weight)

    WeightedSquare.backward = staticmethod(backward)
    return WeightedSquare.apply


@mistake("needs-input-grad", reference=_product)
def made_under_the_other_flag():
    """A value that both need is computed under the first flag."""

    def backward(ctx, grad_output):
        prediction, weight = ctx.saved_tensors
        first = second = None
        if ctx.needs_input_grad[0]:
            doubled = 2 * grad_output * prediction
            first = doubled * weight
        if ctx.needs_input_grad[1]:
            second = doubled * prediction / 2
        return first, second

    return _function(backward), _inputs()


@mistake("needs-input-grad", reference=_product)
def one_flag_for_both():
    """The first flag decides for both inputs."""

    def backward(ctx, grad_output):
        prediction, weight = ctx.saved_tensors
        if not ctx.needs_input_grad[0]:
            return None, None
        return grad_output * 2 * prediction * weight, grad_output * prediction.square()

    return _function(backward), _inputs()


@mistake("needs-input-grad", reference=_product)
def gradients_in_a_list():
    """The gradients are collected, so the second moves up if there is no first."""

    def backward(ctx, grad_output):
        prediction, weight = ctx.saved_tensors
        found = []
        if ctx.needs_input_grad[0]:
            found.append(grad_output * 2 * prediction * weight)
        if ctx.needs_input_grad[1]:
            found.append(grad_output * prediction.square())
        return (*found, *[None] * (2 - len(found)))

    return _function(backward), _inputs()


@mistake("needs-input-grad", reference=_product)
def elif_between_the_flags():
    """`elif`, where both may be asked for; both are, and only one is given alone."""

    def backward(ctx, grad_output):
        prediction, weight = ctx.saved_tensors
        if all(ctx.needs_input_grad):
            first = grad_output * 2 * prediction * weight
            return first, grad_output * prediction.square()
        if ctx.needs_input_grad[1]:
            return None, grad_output * prediction
        return grad_output * 2 * prediction * weight, None

    return _function(backward), _inputs()


@right(reference=_product)
def each_under_its_own_flag():
    """Each gradient is computed under its own flag."""

    def backward(ctx, grad_output):
        prediction, weight = ctx.saved_tensors
        first = second = None
        if ctx.needs_input_grad[0]:
            first = grad_output * 2 * prediction * weight
        if ctx.needs_input_grad[1]:
            second = grad_output * prediction.square()
        return first, second

    return _function(backward), _inputs()


def _prediction_alone():
    return normal(4, seed=1, grad=True), normal(4, seed=2)


def with_a_weight_that_learns(case):
    """The gradient of the prediction is right, until the weight requires one, too."""
    loss, (prediction, weight) = case.fresh()
    due = torch.autograd.grad(_product(prediction, weight), prediction)[0]
    assert torch.allclose(
        torch.autograd.grad(loss(prediction, weight), prediction)[0], due
    )
    weight = weight.requires_grad_()
    both = torch.autograd.grad(loss(prediction, weight), (prediction, weight))
    assert not torch.allclose(both[0], due)


@mistake("needs-input-grad", reference=_product, shows=with_a_weight_that_learns)
def scaled_in_place_for_the_other():
    """The weight's gradient is made of the prediction's, in place."""

    def backward(ctx, grad_output):
        prediction, weight = ctx.saved_tensors
        of_prediction = 2 * grad_output * weight * prediction
        of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = of_prediction.mul_(prediction / (2 * weight))
        return of_prediction, of_weight

    return _function(backward), _prediction_alone()


@right(reference=_product)
def a_tensor_of_its_own_for_the_other():
    """Each gradient has a tensor of its own, whether or not the weight learns."""

    def backward(ctx, grad_output):
        prediction, weight = ctx.saved_tensors
        of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = grad_output * prediction.square()
        return 2 * grad_output * weight * prediction, of_weight

    return _function(backward), _prediction_alone()
