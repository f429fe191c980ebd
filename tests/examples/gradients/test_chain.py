"""The chain against torch's own gradients, finite differences and worked numbers."""

import pytest
import torch
from torch.autograd import Function


def two_branches(w, x, t):
    return ((w * x - t) ** 2).mean() + 0.25 * (w**2).sum()


def tensors(dtype=torch.float64):
    w = torch.tensor([[1.0, -2.0, 0.5]], dtype=dtype, requires_grad=True)
    x = torch.tensor([[3.0, 1.0, 2.0], [-1.0, 0.5, 4.0]], dtype=dtype)
    return w, x, torch.ones(2, 1, dtype=dtype, requires_grad=True)


def named(links, name):
    (link,) = [link for link in links if link.name == name]
    return link


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_tensors_receive_torchs_gradients(example, dtype):
    w, x, t = tensors(dtype)
    links = example.chain(two_branches, w, x, t)
    expected = torch.autograd.grad(two_branches(w, x, t), (w, t))
    for name, gradient in zip("wt", expected, strict=True):
        torch.testing.assert_close(named(links, name).gradient, gradient)


def test_the_gradient_of_every_value_agrees_with_a_nudge_of_that_value(example):
    def steps(w):
        yield w
        yield 3 * w
        yield 3 * w - 4
        yield (3 * w - 4).exp()

    def after(value, number):
        for operation in (lambda v: 3 * v, lambda v: v - 4, torch.exp)[number:]:
            value = operation(value)
        return value

    w = torch.tensor(1.2, dtype=torch.float64, requires_grad=True)
    links = example.chain(lambda w: (3 * w - 4).exp(), w)
    assert [link.name for link in links] == ["Exp", "Sub", "Mul", "w"]
    for number, (link, value) in enumerate(zip(reversed(links), steps(w), strict=True)):
        assert link.value == value.detach()
        nudged = after(link.value + 1e-6, number) - after(link.value - 1e-6, number)
        assert link.gradient.item() == pytest.approx(nudged.item() / 2e-6)


def test_what_a_tensor_is_sent_adds_up_to_its_gradient(example):
    links = example.chain(two_branches, *tensors())
    for link in links[1:]:
        sent = [g for user in links for source, g in user.sent if source is link]
        # A gradient is summed over what was broadcast before it arrives.
        torch.testing.assert_close(torch.stack(sent).sum(0), link.gradient)


def test_the_order_is_from_the_loss_to_the_tensors(example):
    links = example.chain(two_branches, *tensors())
    assert links[0].gradient == 1
    assert links[0].value == two_branches(*tensors())
    for position, link in enumerate(links):
        assert all(links.index(source) > position for source, _ in link.sent)


def test_a_tensor_that_needs_no_gradient_is_no_link(example):
    names = [link.name for link in example.chain(two_branches, *tensors())]
    assert "w" in names
    assert "t" in names
    assert "x" not in names


def test_gradients_of_the_tensors_themselves_are_left_alone(example):
    w, x, t = tensors()
    w.grad = torch.full_like(w, 7)
    outside = torch.tensor(2.0, requires_grad=True)
    example.chain(lambda w: outside * two_branches(w, x, t), w)
    assert w.grad.tolist() == [[7, 7, 7]]
    assert t.grad is None
    assert outside.grad is None


def test_values_are_those_of_before_an_edit_in_place(example):
    links = example.chain(
        lambda w: (2 * w).mul_(3), torch.tensor(1.0, requires_grad=True)
    )
    assert [link.value.item() for link in links] == [6, 2, 1]


class Double(Function):
    @staticmethod
    def forward(x):
        return 2 * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, grad_output):
        return 2 * grad_output


def test_a_function_written_by_hand_is_a_link(example):
    w = torch.tensor(3.0, requires_grad=True)
    link = named(example.chain(lambda w: Double.apply(w) ** 2, w), "Double")
    assert (link.value, link.gradient) == (6, 12)


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (lambda w: w * 2, r"shape \(1, 3\)"),
        (lambda w: w.detach().sum(), "grad_fn None"),
        (lambda w: sum(part.sum() for part in w.T.unbind()), "Unbind.*got 3"),
    ],
)
def test_what_is_no_chain_of_single_outputs_is_refused(example, function, got):
    with pytest.raises(ValueError, match=got):
        example.chain(function, tensors()[0])
