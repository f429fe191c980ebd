"""clDice against SciPy's grey morphology."""

import numpy as np
import pytest
import torch
from scipy.ndimage import grey_dilation, grey_erosion

import ownloss

CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)


def case(n=2, c=1):
    p = torch.linspace(-4, 90, n * c * 63, dtype=torch.float64).sin().sigmoid()
    t = (torch.arange(n * c * 63) ** 2 % 11 < 6).double()
    return p.reshape(n, c, 9, 7).requires_grad_(), t.reshape(n, c, 9, 7)


def eroded(image):
    return grey_erosion(image, footprint=CROSS, mode="constant", cval=np.inf)


def skeleton(image, iterations):
    lines, level = [], image
    for _ in range(iterations + 1):
        opened = grey_dilation(eroded(level), (3, 3), mode="constant", cval=-np.inf)
        lines.append(np.maximum(level - opened, 0))
        level = eroded(level)
    return 1 - np.prod([1 - each for each in lines], axis=0)  # a soft "any of them"


def by_scipy(p, t, iterations, smooth):
    lines = [
        np.stack([skeleton(im, iterations) for im in x.reshape(-1, *x.shape[2:])])
        for x in (p, t)
    ]
    p, t = (x.reshape(-1, *x.shape[2:]) for x in (p, t))
    precision = ((lines[0] * t).sum() + smooth) / (lines[0].sum() + smooth)
    sensitivity = ((lines[1] * p).sum() + smooth) / (lines[1].sum() + smooth)
    return 1 - 2 / (1 / precision + 1 / sensitivity)


@pytest.mark.parametrize("iterations", [0, 1, 3])
@pytest.mark.parametrize("smooth", [0.1, 1.0])
def test_value_and_gradient_are_those_of_grey_morphology(example, iterations, smooth):
    p, t = case(c=2)
    loss = example.cldice(p, t, iterations, smooth)
    (gradient,) = torch.autograd.grad(loss, p, torch.tensor(-2.5).double())
    plain, truth = p.detach().numpy(), t.numpy()
    expected = by_scipy(plain, truth, iterations, smooth)
    assert loss.item() == pytest.approx(expected, abs=1e-12)
    for place in [(0, 0, 0, 0), (1, 1, 8, 6), (1, 0, 4, 3), (0, 1, 2, 5), (0, 0, 3, 3)]:
        step = np.zeros_like(plain)
        step[place] = 1e-6
        up, down = (
            by_scipy(plain + s * step, truth, iterations, smooth) for s in (1, -1)
        )
        slope = -2.5 * (up - down) / 2e-6
        assert gradient[place].item() == pytest.approx(slope, abs=1e-8)


def test_defaults(example):
    p, t = case()
    expected = by_scipy(p.detach().numpy(), t.numpy(), 3, 1.0)
    assert example.cldice(p, t).item() == pytest.approx(expected, abs=1e-12)


def test_perfect_empty_and_missing(example):
    t = case()[1].float()
    assert example.cldice(t, t).item() == pytest.approx(0, abs=1e-6)
    assert example.cldice(torch.zeros_like(t), torch.zeros_like(t)) == 0
    assert 0.8 < example.cldice(torch.zeros_like(t), t) < 1
    empty = torch.zeros(0, 1, 9, 7, requires_grad=True)
    example.cldice(empty, empty.detach()).backward()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_counts_many_pixels(example, dtype):
    t = torch.zeros(1, 1, 400, 400, dtype=dtype)
    t[..., ::2, :] = 1
    p = torch.full_like(t, 0.5).requires_grad_()
    loss = example.cldice(p, t)
    loss.backward()
    assert loss.dtype == dtype
    assert loss.isfinite() and p.grad.isfinite().all()


def test_vmap_is_a_loop(example):
    p, t = case()
    each = torch.vmap(example.cldice)(p.unsqueeze(1), t.unsqueeze(1))
    alone = [example.cldice(p[i : i + 1], t[i : i + 1]) for i in (0, 1)]
    torch.testing.assert_close(each, torch.stack(alone))


def test_the_checker_agrees(example):
    report = ownloss.check(example.cldice, *case())
    assert report.ran and report.ok, report


@pytest.mark.parametrize("other", [(2, 1, 9, 1), (1, 1, 9, 7), (9, 7)])
def test_shapes_that_would_broadcast_are_refused(example, other):
    with pytest.raises(ValueError) as error:
        example.cldice(case()[0], torch.zeros(other))
    assert f"got (2, 1, 9, 7) and {other}" in str(error.value)


def test_a_smooth_of_0_is_refused(example):
    with pytest.raises(ValueError, match=r"smooth must be .* above 0, got 0\.0"):
        example.cldice(*case(), smooth=0.0)
