"""The judge of accumulate-unequal."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ownloss.exercises.cases import WrongAnswerError

PAGE = "guide/accumulate"
KIND = "train"
DIFFICULTY = 2
DEFINES = "accumulate"
HINTS = (
    "`backward` adds to `.grad`. What is added up if each micro-batch contributes its "
    "own mean?",
    "Sum the squares of each micro-batch instead, and divide by the number of entries "
    "of all micro-batches, which you can count beforehand.",
)

SIZES = (4, 4, 2)
Batches = list[tuple[Tensor, Tensor]]


def model_and_batches() -> tuple[nn.Module, Batches]:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    return model, [(torch.randn(n, 3), torch.randn(n, 1)) for n in SIZES]


def gradients(accumulate: Callable[[nn.Module, Batches], Any]) -> list[Tensor | None]:
    model, batches = model_and_batches()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    accumulate(model, batches)
    for old, new in zip(before, model.parameters(), strict=True):
        if not torch.equal(old, new):
            raise WrongAnswerError(
                "The parameters themselves have changed: the task says to take no "
                "optimizer step."
            )
    return [parameter.grad for parameter in model.parameters()]


def by(loss_of: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor | None]:
    """The gradients that a loss of each micro-batch gives."""

    def accumulate(model: nn.Module, batches: Batches) -> None:
        for inputs, target in batches:
            loss_of(model(inputs), target).backward()

    return gradients(accumulate)


def same(some: list[Tensor | None], others: list[Tensor | None]) -> bool:
    return all(
        one is not None and other is not None and torch.allclose(one, other, atol=1e-6)
        for one, other in zip(some, others, strict=True)
    )


def complaints(answer: Callable[[nn.Module, Batches], Any]) -> Iterator[str]:
    calls = 0
    backward = Tensor.backward

    def counted(*args: Any, **kwargs: Any) -> None:
        nonlocal calls
        calls += 1
        backward(*args, **kwargs)

    def at_once(model: nn.Module, batches: Batches) -> None:
        inputs, target = (torch.cat(parts) for parts in zip(*batches, strict=True))
        F.mse_loss(model(inputs), target).backward()

    Tensor.backward = counted
    try:
        found = gradients(answer)
    finally:
        Tensor.backward = backward
    count, total = len(SIZES), sum(SIZES)
    if any(gradient is None for gradient in found):
        yield "After the call the parameters of the model have no `.grad`"
    elif same(found, by(F.mse_loss)):
        yield (
            "Each micro-batch contributes its own mean, and the means are added up: "
            f"the gradient is that of {count} batches, not of one"
        )
    elif same(found, by(lambda p, t: F.mse_loss(p, t) / count)):
        yield (
            "Each micro-batch counts the same, so a sample of the small one, "
            f"{SIZES[-1]} samples, counts twice as much as one of {SIZES[0]}; weigh "
            "them by their size"
        )
    elif same(found, by(lambda p, t: F.mse_loss(p, t, reduction="sum"))):
        yield (
            f"The gradient is {total}x too large: the squares are summed, and never "
            "divided by the number of all entries"
        )
    elif any(same(found, last) for last in of_the_last()):
        yield (
            "Only the last micro-batch is left in `.grad`: the gradients are set to "
            "zero between the calls of backward"
        )
    elif not same(found, gradients(at_once)):
        yield f"The gradient is not that of the mean over all samples{times(found)}"
    elif calls != count:
        yield (
            f"The gradient is right, but backward was called {calls} time"
            f"{'s' * (calls != 1)} for {count} micro-batches: the graphs of all of "
            "them were kept, and memory is what is short"
        )


def times(found: list[Tensor | None]) -> str:
    """Say by which factor gradients are wrong, where it is one for all."""
    expected = by(lambda p, t: F.mse_loss(p, t, reduction="sum") / sum(SIZES))
    pairs = [(f, e) for f, e in zip(found, expected, strict=True) if f is not None]
    ratios = torch.cat([(f / e).flatten() for f, e in pairs if e is not None])
    first = ratios[0].item()
    if not torch.allclose(ratios, ratios[0], rtol=1e-3):
        return (
            ", nor a multiple of it: is each prediction compared with its own target?"
        )
    return f": it is {first:.3g} times as large"


def of_the_last() -> Iterator[list[Tensor | None]]:
    """The gradients of the last micro-batch, however it is divided."""
    size, count, total = SIZES[-1], len(SIZES), sum(SIZES)
    for divisor in (1, size, count, total, size * count):

        def last(model: nn.Module, batches: Batches, divisor: int = divisor) -> None:
            inputs, target = batches[-1]
            loss = (model(inputs) - target).square().sum() / divisor
            loss.backward()

        yield gradients(last)
