"""The judge of compiled-in-one-graph."""

import logging
import re
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/compile"
KIND = "transform"
DIFFICULTY = 2
DEFINES = "masked_error"
HINTS = (
    "Three places ask for values: `item`, `if`, and the index with a boolean mask, "
    "whose result has as many entries as the mask has True. Keep the count a tensor.",
    "`torch.where(mask, prediction - target, 0.0)` keeps the shape, and "
    "`mask.sum().clamp(min=1)` needs no `if`.",
)


def cases() -> list[Case]:
    prediction = torch.tensor([[1.0, 2.0, 0.5], [0.0, 1.5, 2.0]])
    target = torch.tensor([[0.0, 1.0, 1.5], [1.0, 1.0, 0.5]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    return [
        Case((prediction.clone().requires_grad_(), target, mask), mask=mask),
        Case(
            (prediction.clone().requires_grad_(), target, torch.zeros_like(mask)),
            words="Where no entry counts",
        ),
    ]


def reference(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    error = torch.where(mask, prediction - target, 0).abs()
    return error.sum() / mask.sum().clamp(min=1)


def mistakes() -> list[Mistake]:
    def all_entries(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask, prediction - target, 0).abs().mean()

    def squares(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        error = torch.where(mask, prediction - target, 0).square()
        return error.sum() / mask.sum().clamp(min=1)

    return [
        Mistake("These are squares; the task has absolute values.", loss=squares),
        Mistake(
            "The sum is divided by the number of all entries; divide by the number of "
            "True entries.",
            loss=all_entries,
        ),
    ]


def complaints(answer: Callable[..., Tensor]) -> Iterator[str]:
    reasons = (
        (r"item\(\)|Tensor\.item", "`item` asks for a value"),
        (r"tolist", "`tolist` asks for values"),
        (r"generic_jump|[Dd]ata-dependent", "an `if` or `bool` asks for a value"),
        (
            r"[Dd]ynamic shape|nonzero|masked_select",
            "an index with a boolean mask has a shape that depends on values",
        ),
    )
    torch._dynamo.reset()
    logging.disable(logging.WARNING)
    try:
        found = torch._dynamo.explain(answer)(*cases()[0].inputs)
    finally:
        logging.disable(logging.NOTSET)
    for reason in found.break_reasons:
        words = [
            words for pattern, words in reasons if re.search(pattern, reason.reason)
        ]
        why = words[0] if words else reason.reason.splitlines()[0]
        yield f"It is compiled in {found.graph_count} graphs: {why}"
        return
