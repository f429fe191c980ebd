"""What the benchmark counts: tensors at their highest, and the processor's time."""

import time

import pytest
import torch

from benchmarks.losses import CASES
from benchmarks.measuring import peak_mebibytes, times_longer
from ownloss import catalogue

MEBIBYTE = 2**18  # numbers of four bytes


def test_the_peak_is_what_lives_at_once():
    def work():
        first = torch.ones(2 * MEBIBYTE)
        del first
        second, third = torch.ones(MEBIBYTE), torch.ones(3 * MEBIBYTE)
        return second, third

    assert peak_mebibytes(work) == 4


def test_the_inputs_are_not_counted():
    given = [torch.ones(8 * MEBIBYTE)]

    def work():
        given.clear()
        return torch.ones(MEBIBYTE)

    assert peak_mebibytes(work) == pytest.approx(0, abs=1)


def test_the_peak_is_the_same_in_every_run():
    leaf = torch.ones(1000, requires_grad=True)

    def work():
        return torch.autograd.grad(leaf.exp().sin().sum(), leaf)

    assert peak_mebibytes(work) == peak_mebibytes(work) > 0


def test_sleep_is_no_work():
    def busy():
        torch.ones(300_000).exp()

    def sleepy():
        busy()
        time.sleep(0.02)

    assert times_longer(sleepy, busy, seconds=0.05) < 5


def test_what_is_measured_are_losses_of_the_gallery():
    names = {case.name for case in CASES}
    assert names <= {example.name for example in catalogue.examples()}
