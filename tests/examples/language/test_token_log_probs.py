"""Token log-probabilities against torch's cross entropy of a linear layer."""

import pytest
import torch
from torch.nn.functional import cross_entropy

import ownloss


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    hidden = torch.randn(10, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    target = torch.randint(7, (10,))
    target[[0, 4, 9]] = -100
    return hidden, weight, target


@pytest.mark.parametrize("chunk", [1, 4, 5, 10, 1024])
def test_values_and_gradients_are_torchs(example, inputs, chunk):
    hidden, weight, target = inputs
    ours = example.token_log_probs(*inputs, chunk=chunk)
    theirs = -cross_entropy(hidden @ weight.T, target, reduction="none")
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
    upstream = torch.linspace(-1, 2, 10, dtype=torch.float64)
    gradients = [torch.autograd.grad(x, inputs[:2], upstream) for x in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-9)


def test_another_ignore_index(example, inputs):
    hidden, weight, target = inputs
    other = target.masked_fill(target == -100, 3)
    log_prob = example.token_log_probs(hidden, weight, other, ignore_index=3)
    assert (log_prob[other == 3] == 0).all() and (log_prob[other != 3] < 0).all()


def test_nan_in_an_ignored_row_does_not_spread(example, inputs):
    hidden, weight, target = inputs
    broken = hidden.detach().masked_fill((target == -100)[:, None], torch.nan)
    loss = example.token_log_probs(broken, weight, target).sum()
    right = example.token_log_probs(*inputs).sum()
    ours, clean = (torch.autograd.grad(x, weight) for x in (loss, right))
    torch.testing.assert_close(ours, clean)


def test_nothing_of_the_size_of_all_logits_is_kept(example, inputs):
    sizes = []

    def pack(tensor):
        sizes.append(tensor.untyped_storage().nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        example.token_log_probs(*inputs, chunk=2)
    assert max(sizes) < 10 * 7 * 8


@pytest.mark.parametrize("target", [[], [-100, -100]])
def test_where_nothing_counts_all_is_0(example, target):
    hidden = torch.full((len(target), 2), torch.nan, requires_grad=True)
    weight = torch.ones(3, 2, requires_grad=True)
    target = torch.tensor(target, dtype=torch.int64)
    log_prob = example.token_log_probs(hidden, weight, target)
    assert log_prob.tolist() == [0] * len(target)
    gradients = torch.autograd.grad(log_prob.sum(), (hidden, weight))
    assert not any(gradient.count_nonzero() for gradient in gradients)


def test_logits_of_ten_thousand_and_half_precision_are_finite(example):
    hidden = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    weight = torch.tensor([[1.0], [-1.0]], requires_grad=True)
    log_prob = example.token_log_probs(hidden, weight, torch.tensor([1, 1]))
    assert log_prob.tolist() == [-2e4, 0]
    assert torch.autograd.grad(log_prob.sum(), hidden)[0].tolist() == [[-2], [0]]
    short = example.token_log_probs(
        hidden.half() / 10, weight.half(), torch.tensor([1, 1])
    )
    assert short.dtype == torch.float16 and short.tolist() == [-2e3, 0]


def test_second_derivatives_are_right(example, inputs):
    assert torch.autograd.gradgradcheck(
        lambda h, w: example.token_log_probs(h, w, inputs[2], chunk=4), inputs[:2]
    )


def test_the_checker_finds_no_error(example, inputs):
    hidden, weight, target = inputs

    def loss(hidden):
        return -example.token_log_probs(hidden, weight.detach(), target).mean()

    report = ownloss.check(loss, hidden)
    assert report.ran and report.ok, report


def test_what_does_not_fit_is_refused(example):
    h, w, t = torch.ones(4, 3), torch.ones(5, 3), torch.zeros(4, dtype=torch.int64)
    for wrong in ((h, w[:, :2], t), (h, w, t[:3]), (h[0], w[0], t), (h, w, t[:, None])):
        with pytest.raises(ValueError, match="must have shapes") as error:
            example.token_log_probs(*wrong)
        assert all(str(tuple(x.shape)) in str(error.value) for x in wrong)
    with pytest.raises(ValueError, match=r"target must be int64, got torch.float32"):
        example.token_log_probs(h, w, t.float())
    for chunk in (0, 0.5):
        with pytest.raises(ValueError, match=f"chunk must be .* got {chunk}"):
            example.token_log_probs(h, w, t, chunk=chunk)
