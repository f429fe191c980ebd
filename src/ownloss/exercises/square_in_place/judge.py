"""The judge of square-in-place."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/function-inplace"
KIND = "repair"
DIFFICULTY = 1
DEFINES = "Square"
HINTS = (
    "Which lines of `backward` change a tensor instead of making one? Who else may "
    "hold that tensor?",
    "`grad_output *= 2` and `mul_` write into `grad_output`. Write "
    "`grad_output * 2 * x`.",
)


def cases() -> list[Case]:
    x = torch.tensor([[1.0, -2.0, 0.5], [3.0, 1.5, -1.0]]).requires_grad_()
    return [Case((x,))]


def reference(x: Tensor) -> Tensor:
    return x.square()


def mistakes() -> list[Mistake]:
    return [
        Mistake("The 2 is missing: the derivative of x² is 2 x.", gradient=lambda x: x),
        Mistake(
            "The derivative of x² is 2 x; this is 2 x², or x is written into before it "
            "is used.",
            gradient=lambda x: 2 * x * x,
        ),
        Mistake(
            "The derivative of x² is 2 x, and not 2.", gradient=lambda x: 0 * x + 2
        ),
    ]


def complaints(answer: Any) -> Iterator[str]:
    x = torch.tensor([3.0, 4.0], requires_grad=True)
    hidden = x.clone()
    upstream = torch.ones(2)
    (found,) = torch.autograd.grad(answer.apply(hidden) + hidden, x, upstream)
    if not torch.equal(upstream, torch.ones(2)):
        yield "`backward` writes into grad_output, which others use as well"
    elif not torch.allclose(found, torch.tensor([7.0, 9.0])):
        yield (
            "In a sum with a second term the gradient of the second term changes: "
            f"{found.tolist()} in place of [7.0, 9.0]"
        )
    elif not torch.equal(x.detach(), torch.tensor([3.0, 4.0])):
        yield "`backward` writes into the input"
