"""SigLIP against a loop over pairs, and over two processes."""

import math
import subprocess
import sys
import textwrap

import pytest
import torch

import ownloss


def case(n=4, d=3):
    rows = torch.linspace(-2, 30, 2 * n * d, dtype=torch.float64).sin() * 3
    return [half.clone().requires_grad_() for half in rows.reshape(2, n, d)]


def by_loop(image, text, scale, bias):
    total = 0
    for i, one in enumerate(image):
        for j, other in enumerate(text):
            z = scale * (one @ other) / (one @ one).sqrt() / (other @ other).sqrt()
            z = z + bias
            total = total + torch.log1p(torch.exp(-z if i == j else z))
    return total / len(image)


@pytest.mark.parametrize(("scale", "bias"), [(10.0, -10.0), (1.0, 0.0), (3.0, 0.5)])
def test_value_and_gradient_are_those_of_a_loop(example, scale, bias):
    pair = case()
    learnt = [torch.tensor(x, dtype=torch.float64) for x in (scale, bias)]
    inputs = [*pair, *(x.requires_grad_() for x in learnt)]
    loss, expected = example.siglip(*inputs), by_loop(*inputs)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    upstream = torch.tensor(-2.5, dtype=torch.float64)
    ours = torch.autograd.grad(loss, inputs, upstream)
    theirs = torch.autograd.grad(expected, inputs, upstream)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


def test_a_row_may_have_any_length(example):
    image, text = case()
    a = example.siglip(image, text, 10.0, -10.0)
    torch.testing.assert_close(example.siglip(7 * image, text / 9, 10.0, -10.0), a)


def test_learnt_options_of_shape_1(example):
    pair = case()
    options = torch.tensor([10.0]).double(), torch.tensor([-10.0]).double()
    loss = example.siglip(*pair, *options)
    assert loss.shape == ()
    assert loss == example.siglip(*pair, 10.0, -10.0)


def test_far_tails_and_rows_of_zeros_are_finite(example):
    pair = case()
    loss = example.siglip(*pair, 1e4, 0.0)
    assert all(g.isfinite().all() for g in torch.autograd.grad(loss, pair))
    assert loss.item() > 1e3
    zeros = torch.zeros(3, 2, requires_grad=True)
    loss = example.siglip(zeros, torch.ones(3, 2), 10.0, 0.0)
    assert loss.item() == pytest.approx(3 * math.log(2))
    loss.backward()
    assert zeros.grad.isfinite().all()


def test_no_rows(example):
    empty = torch.zeros(0, 3, requires_grad=True)
    loss = example.siglip(empty, empty.detach(), 10.0, -10.0)
    loss.backward()
    assert loss == 0


def test_higher_derivatives_and_the_checker(example):
    pair = case(3, 2)
    loss = example.siglip
    assert torch.autograd.gradgradcheck(lambda x, y: loss(x, y, 5.0, -2.0), pair)
    report = ownloss.check(loss, *case(5, 4), 5.0, -2.0)
    assert report.ran and report.ok, report


def test_shapes_and_options_that_do_not_fit_are_refused(example):
    image = torch.zeros(4, 3)
    for other in [(4, 1), (1, 3), (3,), (3, 4)]:
        with pytest.raises(ValueError) as error:
            example.siglip(image, torch.zeros(other), 1.0, 0.0)
        assert f"same shape (N, D), got (4, 3) and {other}" in str(error.value)
    with pytest.raises(ValueError, match=r"logit_bias must be one number, got \(3,\)"):
        example.siglip(image, image, 1.0, torch.zeros(3))


def test_two_processes_that_all_gather_lose_gradient_and_no_value(example, tmp_path):
    """What the page says of blocks, by gloo: gathered copies have no graph."""
    script = tmp_path / "work.py"
    script.write_text(
        textwrap.dedent("""
        import sys
        import torch
        import torch.distributed as dist
        from torch.nn.functional import logsigmoid, normalize

        rank = int(sys.argv[1])
        dist.init_process_group("gloo", init_method=f"file://{sys.argv[2]}",
                                rank=rank, world_size=2)
        torch.manual_seed(0)
        image, text = torch.randn(2, 4, 8, dtype=torch.float64)
        mine = slice(2 * rank, 2 * rank + 2)
        own = text[mine].clone().requires_grad_()
        texts = [torch.zeros_like(own) for _ in range(2)]
        dist.all_gather(texts, own.detach())
        texts[rank] = own
        z = 10 * normalize(image[mine]) @ normalize(torch.cat(texts)).mT - 1
        loss = -logsigmoid((2 * torch.eye(4)[mine] - 1) * z).sum() / 4
        loss.backward()
        total = loss.detach().clone()
        dist.all_reduce(total)
        print(total.item(), own.grad.flatten().tolist(), sep="|")
        dist.destroy_process_group()
        """)
    )
    command = [sys.executable, "-W", "ignore", str(script)]
    processes = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path / "meeting")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    printed = [process.communicate(timeout=120)[0] for process in processes]
    torch.manual_seed(0)
    image, text = torch.randn(2, 4, 8, dtype=torch.float64)
    whole = example.siglip(image, text.requires_grad_(), 10.0, -1.0)
    (gradient,) = torch.autograd.grad(whole, text)
    for rank, text in enumerate(printed):
        # The gloo of torch 2.8 prints a line of its own before.
        total, own = text.splitlines()[-1].split("|")
        assert float(total) == pytest.approx(whole.item())
        own = torch.tensor([float(x) for x in own.strip("[]").split(",")]).double()
        own = own.reshape(2, 8)
        assert (own - gradient[2 * rank : 2 * rank + 2]).norm() > 0.05
