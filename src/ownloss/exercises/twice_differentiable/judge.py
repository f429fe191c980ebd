"""The judge of twice-differentiable."""

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/second-derivatives"
KIND = "transform"
DIFFICULTY = 2
DEFINES = "SumOfCubes"
NEEDS = ("double backward",)
HINTS = (
    "What is saved is a number without a past. What has to be saved, so that autograd "
    "sees in `backward` how the derivative depends on x?",
    "`ctx.save_for_backward(x)` in `forward`, and `3 * x**2` in `backward`, without "
    "`detach` and without `no_grad`.",
)


def cases() -> list[Case]:
    x = torch.tensor([[1.0, -2.0, 0.5], [3.0, 1.5, -1.0]]).requires_grad_()
    return [Case((x,))]


def reference(x: Tensor) -> Tensor:
    return x.pow(3).sum()


def mistakes() -> list[Mistake]:
    return [
        Mistake(
            "The 3 is missing: the derivative of x³ is 3 x².", gradient=lambda x: x**2
        ),
        Mistake(
            "This is the second derivative, 6 x; `backward` returns the first one.",
            gradient=lambda x: 6 * x,
        ),
    ]
