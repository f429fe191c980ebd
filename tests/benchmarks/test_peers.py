"""What the page says of the gradient of a library's loss."""

import torch

from benchmarks.peers import compared

OURS = torch.tensor([1.0, -2.0, 0.5])


def test_a_gradient_is_the_same_a_multiple_or_another():
    assert compared(OURS, OURS * (1 + 1e-5)) == "the same"
    assert compared(OURS, OURS / 2) == "0.5 times"
    assert compared(OURS, OURS + torch.tensor([0.0, 0.0, 0.2])).endswith("% apart")
