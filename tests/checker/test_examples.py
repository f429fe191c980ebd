"""The checker has nothing against the losses of the gallery."""

import pytest
import torch

import ownloss
from gallery.proof import proofs
from ownloss import catalogue

EXAMPLES = catalogue.examples()


@pytest.mark.parametrize("example", EXAMPLES, ids=[e.name for e in EXAMPLES])
def test_no_error_is_found_in_what_an_example_proves(example):
    torch.manual_seed(0)
    for proof in proofs(example):
        report = ownloss.check(proof.loss, *proof.inputs, seconds=120)
        assert report.ran, report
        assert report.ok, report
        if not proof.passed:
            kinds = [finding.kind for finding in report.findings]
            assert kinds, "a gradient that is meant to differ is at least named"


def test_most_examples_prove_something():
    without = [example.name for example in EXAMPLES if not proofs(example)]
    assert len(without) <= 3, without
