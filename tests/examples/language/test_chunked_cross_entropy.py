"""Chunked cross entropy against torch's cross entropy of a linear layer."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy, linear


def plain(hidden, weight, target):
    return cross_entropy(linear(hidden, weight), target)


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    hidden = torch.randn(10, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    return hidden, weight, torch.randint(7, (10,))


@pytest.mark.parametrize("chunk", [1, 4, 5, 10, 256])
def test_value_and_both_gradients_are_torchs(example, inputs, chunk):
    ours = example.chunked_cross_entropy(*inputs, chunk=chunk)
    theirs = plain(*inputs)
    torch.testing.assert_close(ours, theirs)
    our_gradients = torch.autograd.grad(-0.3 * ours, inputs[:2])
    their_gradients = torch.autograd.grad(-0.3 * theirs, inputs[:2])
    torch.testing.assert_close(our_gradients, their_gradients)


def test_dtype_and_memory_layout_are_those_of_the_inputs(example, inputs):
    hidden, weight, target = inputs
    hidden = hidden.detach().float().T.contiguous().T.requires_grad_()
    weight = weight.detach().float().T.contiguous().T.requires_grad_()
    ours = example.chunked_cross_entropy(hidden, weight, target, chunk=4)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(
        torch.autograd.grad(ours, (hidden, weight)),
        torch.autograd.grad(plain(hidden, weight, target), (hidden, weight)),
    )


@pytest.mark.parametrize("frozen", [0, 1])
def test_a_frozen_input_gets_no_gradient(example, inputs, frozen):
    inputs[frozen].requires_grad_(False)
    example.chunked_cross_entropy(*inputs, chunk=4).backward()
    assert inputs[frozen].grad is None
    assert inputs[1 - frozen].grad is not None


def test_value_without_gradients_is_the_same(example, inputs):
    expected = example.chunked_cross_entropy(*inputs, chunk=4)
    with torch.no_grad():
        value = example.chunked_cross_entropy(*inputs, chunk=4)
    assert value == expected
    assert not value.requires_grad


def test_logits_of_ten_thousand_do_not_overflow(example):
    hidden = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    weight = torch.tensor([[1.0], [-1.0]], requires_grad=True)
    target = torch.tensor([1, 1])
    ours = example.chunked_cross_entropy(hidden, weight, target, chunk=1)
    assert ours.item() == 1e4
    ours.backward()
    assert hidden.grad.tolist() == [[1.0], [0.0]]


def test_no_tensor_has_the_size_of_all_logits(example, inputs):
    sizes = []

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            several = result if isinstance(result, tuple) else (result,)
            sizes.extend(tensor.untyped_storage().nbytes() for tensor in several)
            return result

    with Sizes():
        example.chunked_cross_entropy(*inputs, chunk=2).backward()
    assert max(sizes) == 10 * 3 * 8  # the gradient of the hidden rows, not 10 * 7 * 8


def test_second_derivatives_are_refused_even_beside_the_loss(example, inputs):
    loss = example.chunked_cross_entropy(*inputs)
    (gradient,) = torch.autograd.grad(loss, inputs[0], create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivative"):
        (loss + gradient.square().sum()).backward()


def test_func_grad_is_right(example, inputs):
    gradients = torch.func.grad(example.chunked_cross_entropy, (0, 1))(*inputs)
    expected = torch.func.grad(plain, (0, 1))(*inputs)
    torch.testing.assert_close(gradients, expected)


def test_autocast_is_near(example, inputs):
    hidden, weight = (x.detach().float().requires_grad_() for x in inputs[:2])
    with torch.autocast("cpu", torch.bfloat16):
        ours = example.chunked_cross_entropy(hidden, weight, inputs[2], chunk=4)
    gradients = torch.autograd.grad(ours, (hidden, weight))
    expected = torch.autograd.grad(plain(*inputs), inputs[:2])
    torch.testing.assert_close(ours.double(), plain(*inputs), rtol=0.02, atol=0.02)
    for gradient, right in zip(gradients, expected, strict=True):
        assert gradient.dtype == torch.float32
        torch.testing.assert_close(gradient.double(), right, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("ignore_index", [-100, 3])
@pytest.mark.parametrize("chunk", [1, 4, 256])
def test_ignored_rows_and_sums_are_torchs(
    example, inputs, reduction, ignore_index, chunk
):
    hidden, weight, target = inputs
    target[[0, 4, 5, 6, 7, 9]] = ignore_index
    options = {"ignore_index": ignore_index, "reduction": reduction}
    ours = example.chunked_cross_entropy(*inputs, chunk=chunk, **options)
    theirs = cross_entropy(linear(hidden, weight), target, **options)
    torch.testing.assert_close(ours, theirs)
    pair = [torch.autograd.grad(-0.3 * x, inputs[:2]) for x in (ours, theirs)]
    torch.testing.assert_close(*pair)
    broken = hidden.detach().clone()
    broken[target == ignore_index] = torch.nan
    loss = example.chunked_cross_entropy(broken, weight, target, chunk, **options)
    torch.testing.assert_close(torch.autograd.grad(-0.3 * loss, weight)[0], pair[0][1])


@pytest.mark.parametrize("labels", [[], [-100, -100]])
def test_where_no_row_counts_it_is_0_with_gradient_0(example, labels):
    hidden = torch.full((len(labels), 2), torch.nan, requires_grad=True)
    weight = torch.zeros(3, 2, requires_grad=True)
    target = torch.tensor(labels, dtype=torch.int64)
    loss = example.chunked_cross_entropy(hidden, weight, target)
    assert loss.item() == 0
    loss.backward()
    assert hidden.grad.shape == (len(labels), 2)
    assert not hidden.grad.count_nonzero() and not weight.grad.count_nonzero()


def test_another_reduction_is_refused(example, inputs):
    with pytest.raises(ValueError, match=r"reduction must be .* got 'none'"):
        example.chunked_cross_entropy(*inputs, reduction="none")


@pytest.mark.parametrize(
    ("hidden", "weight", "target"),
    [
        ((4, 3), (5, 2), (4,)),
        ((4, 3), (5, 3), (4, 1)),
        ((4, 3), (5, 3), (3,)),
        ((4,), (5,), (4,)),
        ((2, 2, 3), (5, 2, 3), (2,)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(example, hidden, weight, target):
    labels = torch.zeros(target, dtype=torch.int64)
    with pytest.raises(
        ValueError, match=r"\(N, D\), \(C, D\) and \(N,\), got"
    ) as error:
        example.chunked_cross_entropy(torch.zeros(hidden), torch.zeros(weight), labels)
    assert all(str(shape) in str(error.value) for shape in (hidden, weight, target))


def test_a_chunk_of_no_rows_is_refused(example, inputs):
    with pytest.raises(ValueError, match=r"chunk .* 0"):
        example.chunked_cross_entropy(*inputs, chunk=0)


@pytest.mark.parametrize("label", [-1, 7])
def test_a_class_out_of_range_is_refused(example, inputs, label):
    inputs[2][3] = label
    with pytest.raises(RuntimeError, match="out of bounds"):
        example.chunked_cross_entropy(*inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int32, torch.bool])
def test_a_target_that_is_no_int64_is_refused(example, dtype):
    with pytest.raises(ValueError, match=f"target must be int64, got {dtype}"):
        example.chunked_cross_entropy(
            torch.ones(2, 3), torch.ones(4, 3), torch.zeros(2, dtype=dtype)
        )


@pytest.mark.parametrize("chunk", [0.5, 1.5, "all"])
def test_a_chunk_that_is_no_whole_number_is_refused(example, inputs, chunk):
    with pytest.raises(ValueError, match=f"chunk must be a whole number.* {chunk}"):
        example.chunked_cross_entropy(*inputs, chunk=chunk)


def test_a_mean_in_half_precision_does_not_overflow(example):
    # log(2 ** 4) in each of 40 000 rows: their sum is more than float16 can hold
    hidden, weight = (torch.zeros(n, 1, dtype=torch.float16) for n in (40_000, 16))
    target = torch.zeros(40_000, dtype=torch.int64)
    loss = example.chunked_cross_entropy(hidden, weight, target)
    assert loss.dtype == torch.float16
    assert loss.item() == pytest.approx(4 * math.log(2), rel=1e-3)
