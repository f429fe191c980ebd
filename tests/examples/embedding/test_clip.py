"""CLIP against SciPy's log-sum-exp over rows and columns."""

import math

import pytest
import torch
from scipy.special import log_softmax

DOUBLE = torch.float64


def pairs(n=5, d=3, dtype=DOUBLE):
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(2, n, d, dtype=DOUBLE, generator=generator).to(dtype)
    return [rows.clone().requires_grad_() for rows in inputs]


def cosines(image, text):
    return torch.nn.functional.cosine_similarity(image[:, None], text[None], dim=2)


@pytest.mark.parametrize("scale", [0.5, 1 / 0.07, 100.0])
def test_value_is_scipys(example, scale):
    image, text = pairs()
    logits = scale * cosines(image, text).detach().numpy()
    rows, columns = (log_softmax(logits, axis).diagonal() for axis in (1, 0))
    expected = -(rows.mean() + columns.mean()) / 2
    ours = example.clip(image, text, scale)
    assert ours.item() == pytest.approx(expected, rel=1e-12)
    swapped = example.clip(text, image, torch.tensor([scale], dtype=DOUBLE))
    assert swapped.item() == pytest.approx(expected, rel=1e-12)


def test_gradients_are_those_of_the_formula(example):
    image, text = pairs()
    scale = torch.tensor(4.0, dtype=DOUBLE, requires_grad=True)
    loss = example.clip(image, text, scale)
    ours = torch.autograd.grad(loss, (image, scale), torch.tensor(-2.5, dtype=DOUBLE))
    cosine = cosines(image, text)
    logits = scale.detach() * cosine.detach()
    residual = logits.softmax(0) + logits.softmax(1) - 2 * torch.eye(5)
    by_logit = -2.5 * residual / 10
    by_image = torch.autograd.grad(cosine, image, 4 * by_logit)[0]
    torch.testing.assert_close(ours[0], by_image)
    torch.testing.assert_close(ours[1], (cosine.detach() * by_logit).sum())


def test_second_derivatives_are_right(example):
    scale = torch.tensor([3.0], dtype=DOUBLE, requires_grad=True)
    assert torch.autograd.gradgradcheck(example.clip, (*pairs(3), scale))


def test_a_row_of_zeros_gets_a_modest_gradient(example):
    image, text = pairs()
    with torch.no_grad():
        text[2] = 0
    example.clip(image, text, 10.0).backward()
    assert text.grad.isfinite().all()
    assert 0 < text.grad[2].abs().max() < 1e3


def test_one_pair_alone_costs_nothing(example):
    image, text = pairs(1)
    loss = example.clip(image, text, 100.0)
    loss.backward()
    assert loss.item() == 0.0
    assert not image.grad.any()


def test_float32_stays_float32_and_finite_at_a_large_scale(example):
    image, text = pairs(dtype=torch.float32)
    loss = example.clip(image, text, 1e4)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert image.grad.isfinite().all()


def test_memory_layout_and_vmap_do_not_matter(example):
    image, text = (rows.detach() for rows in pairs())
    turned = example.clip(image.T.contiguous().T, text, 5.0)
    torch.testing.assert_close(turned, example.clip(image, text, 5.0))
    scales = torch.tensor([1.0, 5.0], dtype=DOUBLE)
    batched = torch.vmap(example.clip, (None, None, 0))(image, text, scales)
    torch.testing.assert_close(batched[1], turned)


@pytest.mark.parametrize("shapes", [((4, 2), (1, 2)), ((4,), (4,))])
def test_shapes_that_do_not_fit_are_refused(example, shapes):
    with pytest.raises(ValueError, match=r"\(4,.*\) and \("):
        example.clip(*map(torch.zeros, shapes), 1.0)


@pytest.mark.parametrize(
    ("scale", "message"),
    [(0.0, r"positive and finite, got 0\.0"), (torch.ones(2), r"\(2,\)")],
)
def test_scales_that_make_no_sense_are_refused(example, scale, message):
    with pytest.raises(ValueError, match=f"logit_scale must .*{message}"):
        example.clip(torch.eye(2), torch.eye(2), scale)


def test_an_infinite_logit_scale_is_refused(example):
    with pytest.raises(ValueError, match=r"logit_scale must be .*finite.* got inf"):
        example.clip(*2 * [torch.ones(2, 2)], math.inf)
