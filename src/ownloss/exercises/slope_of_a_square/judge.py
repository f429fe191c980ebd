"""The judge of slope-of-a-square."""

from collections.abc import Callable

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake, with_gradient

PAGE = "guide/slope"
KIND = "derive"
DIFFICULTY = 1
DEFINES = "slope"
WITHOUT = ("autograd", "backward", "requires_grad_", "grad", "jacrev", "jvp")
HINTS = (
    "Call the bracket u: the loss is u², with u = 3 w - 4. How fast does u² change if "
    "u does, and how fast does u change if w does?",
    "The slope of u² is 2 u, that of 3 w - 4 is 3. Multiply the two, and write "
    "3 w - 4 for u.",
)


def cases() -> list[Case]:
    return [
        Case((torch.tensor(2.0).requires_grad_(),)),
        Case((torch.tensor(-1.0).requires_grad_(),), words="At w = -1"),
    ]


def reference(w: Tensor) -> Tensor:
    return (3 * w - 4) ** 2


def loss_of(answer: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return with_gradient(reference, answer)


def mistakes() -> list[Mistake]:
    return [
        Mistake(
            "(3 w - 4)² is 9 w² - 24 w + 16: the middle term is twice the product.",
            gradient=lambda w: 18 * w - 12,
        ),
        Mistake(
            "The chain rule multiplies the two slopes; here they are added.",
            gradient=lambda w: 2 * (3 * w - 4) + 3,
        ),
        Mistake(
            "The slope of the inner function is missing: 3 w - 4 changes three times "
            "as fast as w.",
            gradient=lambda w: 2 * (3 * w - 4),
        ),
        Mistake(
            "The slope of the square is missing: that of u² is 2 u.",
            gradient=lambda w: 3 * (3 * w - 4),
        ),
        Mistake(
            "This is the loss itself, not its slope.",
            gradient=lambda w: (3 * w - 4) ** 2,
        ),
        Mistake(
            "This is the slope at w = 2 alone; w has to stand in the formula.",
            gradient=lambda w: 0 * w + 12.0,
        ),
        Mistake(
            "The square has been taken of each part: (a - b)² is not a² - b².",
            gradient=lambda w: 18 * w,
        ),
        Mistake(
            "The slope of 3 w is 3, and that is squared here, too: the outer slope is "
            "2 u, not u².",
            gradient=lambda w: 3 * (3 * w - 4) ** 2,
        ),
    ]
