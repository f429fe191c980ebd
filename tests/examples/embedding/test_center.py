"""Center loss against a NumPy loop, in the value and in both gradients."""

import numpy as np
import pytest
import torch

DOUBLE = torch.float64
TARGET = torch.tensor([2, 0, 2, 2, 3])


def inputs(dtype=DOUBLE):
    generator = torch.Generator().manual_seed(5)
    rows = torch.randn(5, 3, dtype=DOUBLE, generator=generator)
    centers = torch.randn(4, 3, dtype=DOUBLE, generator=generator)
    return rows.to(dtype).requires_grad_(), centers.to(dtype).requires_grad_()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_value_and_gradients_are_those_of_a_loop(example, reduction):
    rows, centers = inputs()
    loss = example.center(rows, centers, TARGET, reduction)
    upstream = torch.linspace(-1, 3, loss.numel(), dtype=DOUBLE).reshape(loss.shape)
    ours = torch.autograd.grad(loss, (rows, centers), upstream)

    x, c = rows.detach().numpy(), centers.detach().numpy()
    share = {"mean": 1 / 5, "sum": 1.0, "none": 1.0}[reduction]
    force = np.broadcast_to(upstream.numpy() * share, 5)
    values, by_row, by_center = [], np.zeros_like(x), np.zeros_like(c)
    for i, label in enumerate(TARGET.tolist()):
        values.append(0.5 * np.linalg.norm(x[i] - c[label]) ** 2)
        by_row[i] = force[i] * (x[i] - c[label])
        by_center[label] -= force[i] * (x[i] - c[label])
    value = values if reduction == "none" else share * sum(values)
    np.testing.assert_allclose(loss.detach().numpy(), value, rtol=1e-12)
    np.testing.assert_allclose(ours[0].numpy(), by_row, rtol=1e-12)
    np.testing.assert_allclose(ours[1].numpy(), by_center, rtol=1e-12)


def test_a_class_that_is_not_in_the_batch_keeps_its_centre(example):
    rows, centers = inputs()
    example.center(rows, centers, TARGET).backward()
    assert not centers.grad[1].any()


def test_a_row_on_its_centre_is_left_alone(example):
    rows, centers = inputs(torch.float32)
    rows = centers.detach()[TARGET].requires_grad_()
    loss = example.center(rows, centers, TARGET)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == 0.0
    assert not rows.grad.any()
    assert not centers.grad.any()


def test_second_derivatives_are_right(example):
    def loss(rows, centers):
        return example.center(rows, centers, TARGET)

    assert torch.autograd.gradgradcheck(loss, inputs())


@pytest.mark.parametrize("target", [[], [-100, -100]])
def test_where_no_row_counts_it_is_0_and_so_is_the_gradient(example, target):
    rows = torch.ones(len(target), 3, requires_grad=True)
    loss = example.center(rows, torch.zeros(4, 3), torch.tensor(target).long())
    loss.backward()
    assert loss == 0
    assert not rows.grad.any()


@pytest.mark.parametrize("ignored", [-100, 3])
def test_what_is_ignored_counts_nowhere(example, ignored):
    rows, centers = inputs()
    target = torch.tensor([2, ignored, 2, ignored, 0])
    kept = target != ignored
    with torch.no_grad():
        rows[1] = torch.nan
    expected = example.center(rows[kept], centers, target[kept], "none")
    options = {"ignore_index": ignored}
    each = example.center(rows, centers, target, "none", **options)
    torch.testing.assert_close(each[kept], expected)
    assert not each[~kept].any()
    mean = example.center(rows, centers, target, **options)
    torch.testing.assert_close(mean, expected.mean())
    torch.testing.assert_close(
        torch.autograd.grad(mean, (rows, centers)),
        torch.autograd.grad(expected.mean(), (rows, centers)),
    )


def test_memory_layout_and_vmap_do_not_matter(example):
    rows, centers = (tensor.detach() for tensor in inputs())
    expected = example.center(rows, centers, TARGET, "none")
    turned = rows.T.contiguous().T, centers.T.contiguous().T
    torch.testing.assert_close(example.center(*turned, TARGET, "none"), expected)
    one_by_one = torch.vmap(example.center, (0, None, 0))
    losses = one_by_one(rows.unsqueeze(1), centers, TARGET.unsqueeze(1))
    torch.testing.assert_close(losses, expected)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((4, 2), (3, 1), (4,)), r"\(4, 2\), \(3, 1\) and \(4,\)"),
        (((4,), (3, 4), (4,)), r"\(4,\), \(3, 4\) and \(4,\)"),
        (((4, 2), (3, 2), (4, 1)), r"\(4, 2\), \(3, 2\) and \(4, 1\)"),
        (((4, 2), (3, 2), (1,)), r"\(4, 2\), \(3, 2\) and \(1,\)"),
    ],
)
def test_shapes_that_would_broadcast_are_refused(example, shapes, message):
    rows, centers, target = map(torch.zeros, shapes)
    with pytest.raises(ValueError, match=message):
        example.center(rows, centers, target.long())


@pytest.mark.parametrize("label", [-1, 4])
def test_a_class_out_of_range_is_refused(example, label):
    with pytest.raises(RuntimeError, match=f"index {label} is out of bounds"):
        example.center(*inputs(), torch.full((5,), label))


def test_a_reduction_that_makes_no_sense_is_refused(example):
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.center(*inputs(), TARGET, "avg")


@pytest.mark.parametrize("dtype", [torch.float32, torch.int32, torch.bool])
def test_a_target_that_is_no_int64_is_refused(example, dtype):
    with pytest.raises(ValueError, match=f"target must be int64, got {dtype}"):
        example.center(torch.ones(2, 3), torch.ones(4, 3), torch.zeros(2, dtype=dtype))
