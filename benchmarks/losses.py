"""What is measured: each example beside torch's own loss, or beside plain autograd.

A case is a generator of pairs: it makes its inputs for a size and yields the work of
the example and the work that it is compared with, each a forward and a backward pass.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.measuring import Work
from ownloss import catalogue


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        name: The name of the example.
        rival: What the example is compared with, in words.
        small: A size at which the overhead counts.
        large: A size at which the work counts.
        pair: Makes the example's work and the rival's for a size.
        memory: Whether the page of the example claims that it takes less memory.
    """

    name: str
    rival: str
    small: int
    large: int
    pair: Callable[[ModuleType, int], tuple[Work, Work]]
    memory: bool = False


CASES: list[Case] = []


def case(rival: str, small: int, large: int, *, memory: bool = False) -> Callable:
    """Declare a case; the function has the name of the example."""

    def declare(pair: Callable) -> Callable:
        CASES.append(Case(pair.__name__, rival, small, large, pair, memory))
        return pair

    return declare


def load(name: str) -> ModuleType:
    """Run what stands above the line of an example."""
    example = catalogue.find(name)
    module = ModuleType(name)
    exec(compile(example.loss, str(example.path), "exec"), module.__dict__)  # noqa: S102
    return module


def both_ways(loss: Callable[..., Tensor], *inputs: Tensor, **options: object) -> Work:
    """The work of one forward and one backward pass."""
    wanted = [tensor for tensor in inputs if tensor.requires_grad]

    def work() -> object:
        return torch.autograd.grad(loss(*inputs, **options), wanted)

    return work


def normal(*shape: int) -> Tensor:
    """A leaf of normal numbers."""
    return torch.randn(shape, requires_grad=True)


@case("F.huber_loss", 1_000, 1_000_000)
def huber(example: ModuleType, size: int) -> tuple[Work, Work]:
    """Huber on a vector."""
    inputs = normal(size), torch.zeros(size)
    return both_ways(example.huber, *inputs), both_ways(F.huber_loss, *inputs)
