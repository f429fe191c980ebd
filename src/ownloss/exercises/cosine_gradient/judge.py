"""The judge of cosine-gradient."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ownloss.exercises.cases import Case, Mistake, with_gradient

PAGE = "guide/embedding-losses"
KIND = "derive"
DIFFICULTY = 3
DEFINES = "gradient"
IGNORES = ("nan-trap",)  # no row is zero, the task says
WITHOUT = ("autograd", "backward", "requires_grad_", "cosine_similarity")
HINTS = (
    "Write the cosine as (x · y) / (|x| |y|) and use the quotient rule: |x| depends on "
    "x, too, and its gradient is x / |x|.",
    "With the unit vectors u and v it comes to (v - cosine * u) / |x|. Check: that is "
    "orthogonal to x, as it must be, since the length of x does not matter. Then the "
    "minus, and the mean over the rows.",
)


def cases() -> list[Case]:
    x = torch.tensor(
        [[3.0, 0.0, 1.0], [-1.0, 2.0, 0.5], [0.2, 0.4, -0.3], [1.0, 5.0, 2.0]]
    )
    y = torch.tensor(
        [[1.0, 1.0, 0.0], [2.0, 0.5, -1.0], [0.0, 1.0, 2.0], [-2.0, 1.0, 1.0]]
    )
    return [Case((x.requires_grad_(), y))]


def reference(x: Tensor, y: Tensor) -> Tensor:
    return (1 - F.cosine_similarity(x, y)).mean()


def loss_of(answer: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return with_gradient(reference, answer)


def mistakes() -> list[Mistake]:
    def parts(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        length = x.norm(dim=1, keepdim=True)
        u, v = x / length, y / y.norm(dim=1, keepdim=True)
        return u, v, (u * v).sum(1, keepdim=True), length

    def no_projection(x: Tensor, y: Tensor) -> Tensor:
        _, v, _, length = parts(x, y)
        return -v / length / len(x)

    def no_length(x: Tensor, y: Tensor) -> Tensor:
        u, v, cosine, _ = parts(x, y)
        return -(v - cosine * u) / len(x)

    def unit(x: Tensor, y: Tensor) -> Tensor:
        return -parts(x, y)[1] / len(x)

    def of_y(x: Tensor, y: Tensor) -> Tensor:
        u, v, cosine, _ = parts(x, y)
        return -(u - cosine * v) / y.norm(dim=1, keepdim=True) / len(x)

    def plain(x: Tensor, y: Tensor) -> Tensor:
        return -y / len(x)

    return [
        Mistake(
            "|x| is treated as a constant: it depends on x, so the part along x drops "
            "out of the gradient.",
            gradient=no_projection,
        ),
        Mistake(
            "A factor 1 / |x| is missing: the longer x is, the less a step turns it.",
            gradient=no_length,
        ),
        Mistake(
            "This is the gradient by the unit vector; the chain rule goes on to x, "
            "whose length drops out.",
            gradient=unit,
        ),
        Mistake("This is the gradient of `y`.", gradient=of_y),
        Mistake(
            "This is the gradient of the dot product: the lengths are missing.",
            gradient=plain,
        ),
    ]
