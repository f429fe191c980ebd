"""The judge of detached-target."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/stop-gradient"
KIND = "repair"
DIFFICULTY = 1
DEFINES = "distillation"
IGNORES = ("stop-gradient",)
HINTS = (
    "Two things cut the graph here. Which of them may stay, and at which of the two "
    "arguments does it belong?",
    "Return the tensor itself, without `item`. `detach` the teacher, and leave the "
    "student as it is.",
)


def cases() -> list[Case]:
    student = torch.tensor([[1.0, 2.0, 0.0], [0.5, -1.0, 3.0]]).requires_grad_()
    teacher = torch.tensor([[0.0, 1.0, 1.0], [1.0, 1.0, 2.0]])
    return [Case((student, teacher))]


def reference(student: Tensor, teacher: Tensor) -> Tensor:
    return (student - teacher.detach()).square().mean()


def mistakes() -> list[Mistake]:
    return [
        Mistake(
            "Each sample is summed over its entries; the mean is over all entries.",
            loss=lambda s, t: (s - t.detach()).square().sum(1).mean(),
        ),
        Mistake(
            "The squares are summed; the loss is their mean.",
            loss=lambda s, t: (s - t.detach()).square().sum(),
        ),
    ]


def complaints(answer: Callable[[Tensor, Tensor], Tensor]) -> Iterator[str]:
    student = torch.ones(2, 3, requires_grad=True)
    teacher = torch.zeros(2, 3, requires_grad=True)
    loss = answer(student, teacher)
    if not teacher.requires_grad or not student.requires_grad:
        yield (
            "An argument no longer requires a gradient: the function changes what "
            "belongs to its caller"
        )
        return
    _, found = torch.autograd.grad(loss, (student, teacher), allow_unused=True)
    if found is not None and bool(found.any()):
        yield "The teacher gets a gradient, too: it would learn to say what it hears"
