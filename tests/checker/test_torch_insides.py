"""What torch keeps to itself is still there, and still means the same."""

import torch

from ownloss.checker.torch_insides import (
    function_of,
    is_transformed,
    original_of,
    outside_of_transforms,
    version_of,
)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output


def test_version_counts_writes_in_place():
    x = torch.zeros(2)
    before = version_of(x)
    x.add_(1)
    x + 1
    assert version_of(x) == before + 1


def test_a_node_knows_its_function():
    assert (
        function_of(Square.apply(torch.ones(2, requires_grad=True)).grad_fn) is Square
    )


def test_a_compiled_loss_has_its_original():
    def function(prediction, target):
        return (prediction - target).square().mean()

    module = torch.nn.MSELoss()
    assert original_of(torch.compile(module, backend="eager")) is module
    compiled = torch.compile(function, backend="eager")
    assert original_of(compiled) is function
    assert original_of(function) is function


def test_transforms_are_suspended():
    seen = []

    def function(x):
        with outside_of_transforms():
            seen.append((is_transformed(x), is_transformed(torch.ones(1) + 1)))
            torch.rand(1)  # which vmap refuses
        return x.sum()

    torch.vmap(function)(torch.zeros(3, 2))
    torch.func.grad(function)(torch.zeros(2))
    assert seen == [(True, False)] * 2
