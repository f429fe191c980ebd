"""The corpus is honest, whatever the checker says of it."""

from collections import Counter

import pytest
import torch

from tests.check.losses import KINDS, Case, cases
from tests.check.losses.evidence import prove

CORPUS = cases()


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: f"{case.kind}/{case.name}")
def test_case_is_what_it_says_it_is(case: Case):
    prove(case)


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_case_builds_the_same_inputs_every_time(case: Case):
    from tests.check.losses.evidence import tensors

    _, first = case.fresh()
    _, second = case.fresh()
    for a, b in zip(tensors(first), tensors(second), strict=True):
        assert torch.equal(a, b)
        assert a is not b


def test_every_kind_has_four_wrong_losses():
    count = Counter(case.kind for case in CORPUS)
    assert {kind: count[kind] for kind in KINDS if count[kind] < 4} == {}
