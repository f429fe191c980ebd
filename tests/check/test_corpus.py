"""The corpus is honest, whatever the checker says of it."""

import dataclasses
from collections import Counter

import pytest
import torch

from tests.check.losses import KINDS, Case, cases
from tests.check.losses.evidence import EVIDENCE, prove, tensors

CORPUS = cases()


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: f"{case.kind}/{case.name}")
def test_case_is_what_it_says_it_is(case: Case):
    prove(case)


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_case_builds_the_same_inputs_every_time(case: Case):
    _, first = case.fresh()
    _, second = case.fresh()
    for a, b in zip(tensors(first), tensors(second), strict=True):
        assert torch.equal(a, b)
        assert a is not b


# Kinds whose evidence applies to any loss; the others need inputs of their own.
GENERAL = sorted(
    set(EVIDENCE) - {"batch-order", "empty-batch", "noncontiguous", "overflow", "vmap"}
)


@pytest.mark.parametrize("kind", GENERAL)
def test_evidence_does_not_convict_a_right_loss(kind: str):
    (right,) = (case for case in CORPUS if case.name == "old_style")
    with pytest.raises(AssertionError):
        EVIDENCE[kind](dataclasses.replace(right, kind=kind))


def test_every_kind_has_four_wrong_losses():
    count = Counter(case.kind for case in CORPUS)
    assert {kind: count[kind] for kind in KINDS if count[kind] < 4} == {}


def test_there_are_enough_cases_of_both_sorts():
    assert sum(case.kind is not None for case in CORPUS) >= 150
    assert sum(case.kind is None and not case.intentional for case in CORPUS) >= 130
