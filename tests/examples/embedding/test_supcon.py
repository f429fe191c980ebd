"""SupCon against the paper's double sum in plain Python."""

import math

import pytest
import torch

DOUBLE = torch.float64
TARGET = torch.tensor([3, -1, 3, 0, 3, -1, 8])


def rows(dtype=DOUBLE, n=7):
    generator = torch.Generator().manual_seed(3)
    embedding = torch.randn(n, 4, dtype=DOUBLE, generator=generator)
    return embedding.to(dtype).requires_grad_()


def double_sum(embedding, target, temperature):
    cosine = torch.nn.functional.cosine_similarity(
        embedding[:, None], embedding[None], dim=2
    )
    n, anchors = len(target), []
    for i in range(n):
        others = [a for a in range(n) if a != i]
        positives = [p for p in others if target[p] == target[i]]
        if positives:
            scores = torch.stack([cosine[i, a] / temperature for a in others])
            total = scores.logsumexp(0)
            log_p = [cosine[i, p] / temperature - total for p in positives]
            anchors.append(-sum(log_p) / len(positives))
    return sum(anchors) / len(anchors)


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
def test_value_and_gradient_are_those_of_the_double_sum(example, temperature):
    embedding = rows()
    ours = example.supcon(embedding, TARGET, temperature)
    theirs = double_sum(embedding, TARGET, temperature)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    upstream = torch.tensor(-1.7, dtype=DOUBLE)
    torch.testing.assert_close(
        torch.autograd.grad(ours, embedding, upstream),
        torch.autograd.grad(theirs, embedding, upstream),
        rtol=1e-9,
        atol=1e-10,
    )


def test_pairs_as_classes_are_simclr(example):
    first, second = rows(), rows().flip(0) + 0.1
    both = torch.cat([first, second])
    unit = torch.nn.functional.normalize(both)
    logits = (unit @ unit.T / 0.5).fill_diagonal_(-math.inf)
    partner = torch.arange(14).roll(7)
    theirs = torch.nn.functional.cross_entropy(logits, partner)
    ours = example.supcon(both, torch.arange(7).repeat(2), 0.5)
    torch.testing.assert_close(ours, theirs)


def test_second_derivatives_are_right(example):
    def loss(embedding):
        return example.supcon(embedding, TARGET, 0.5)

    assert torch.autograd.gradgradcheck(loss, rows())


def test_a_row_without_a_positive_is_a_negative_alone(example):
    embedding = rows()
    example.supcon(embedding, TARGET).backward()
    assert embedding.grad.isfinite().all()
    assert embedding.grad[3].any()


@pytest.mark.parametrize("n", [0, 1, 4])
def test_without_any_positive_it_is_0_on_the_graph(example, n):
    embedding = rows(n=n)
    loss = example.supcon(embedding, torch.arange(n))
    assert loss.item() == 0.0
    (gradient,) = torch.autograd.grad(loss, embedding, create_graph=True)
    assert not gradient.any()


def test_a_row_of_zeros_gets_a_modest_gradient(example):
    embedding = rows()
    with torch.no_grad():
        embedding[2] = 0
    example.supcon(embedding, TARGET).backward()
    assert embedding.grad.isfinite().all()
    assert 0 < embedding.grad[2].abs().max() < 1e3


def test_float32_stays_float32_and_finite_at_a_low_temperature(example):
    embedding = rows(torch.float32)
    loss = example.supcon(embedding, TARGET, 1e-4)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert embedding.grad.isfinite().all()


def test_under_autocast_it_is_still_float32(example):
    embedding = rows(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = example.supcon(embedding, TARGET, 1.0)
    assert loss.dtype == torch.float32
    expected = example.supcon(embedding, TARGET, 1.0)
    torch.testing.assert_close(loss, expected, rtol=1e-2, atol=0)


def test_memory_layout_and_vmap_do_not_matter(example):
    embedding = rows().detach()
    expected = example.supcon(embedding, TARGET)
    turned = embedding.T.contiguous().T
    torch.testing.assert_close(example.supcon(turned, TARGET), expected)
    batched = torch.vmap(example.supcon, (0, None))(embedding.expand(2, 7, 4), TARGET)
    torch.testing.assert_close(batched, expected.expand(2))


@pytest.mark.parametrize("shapes", [((4, 2), (4, 1)), ((4, 2), (3,)), ((4,), (4,))])
def test_shapes_that_do_not_fit_are_refused(example, shapes):
    with pytest.raises(ValueError, match=r"\(4,.*\) and \("):
        example.supcon(torch.zeros(shapes[0]), torch.zeros(shapes[1]).long())


def test_a_temperature_that_is_not_positive_is_refused(example):
    with pytest.raises(ValueError, match=r"temperature .* -1\.0"):
        example.supcon(torch.zeros(2, 2), torch.zeros(2).long(), -1.0)


def test_an_infinite_temperature_is_refused(example):
    with pytest.raises(ValueError, match=r"temperature must be .*finite.* got inf"):
        example.supcon(torch.ones(2, 2), torch.tensor([0, 0]), temperature=math.inf)


def test_reductions_are_over_rows_that_have_a_positive(example):
    rows = torch.linspace(-2, 30, 15, dtype=torch.float64).sin().reshape(5, 3)
    target = torch.tensor([0, 1, 0, 1, 2])
    each = example.supcon(rows, target, 0.5, "none")
    cosine = torch.nn.functional.cosine_similarity(rows[:, None], rows, dim=2)
    expected = [
        -math.log(
            math.exp(2 * cosine[i, k])
            / sum(math.exp(2 * cosine[i, j]) for j in range(5) if j != i)
        )
        for i, k in enumerate([2, 3, 0, 1])
    ]
    assert each.tolist() == pytest.approx([*expected, 0.0])
    total = example.supcon(rows, target, 0.5, "sum").item()
    assert total == pytest.approx(sum(expected))
    assert example.supcon(rows, target, 0.5).item() == pytest.approx(total / 4)
    with pytest.raises(ValueError, match=r"reduction .* 'avg'"):
        example.supcon(rows, target, reduction="avg")
