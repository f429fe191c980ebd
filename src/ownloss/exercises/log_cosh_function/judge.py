"""The judge of log-cosh-function."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/function"
KIND = "backward"
DIFFICULTY = 1
DEFINES = "LogCosh"
WITHOUT = ("enable_grad", "gradcheck")
HINTS = (
    "`backward` needs r again: save both inputs in `setup_context` with "
    "`ctx.save_for_backward`. What is the derivative of log(cosh(r))?",
    "It is tanh(r). Multiply it by grad_output, divide it by the number of entries, "
    "and return one gradient for each argument of `forward`; the target's has the "
    "opposite sign.",
)


def cases() -> list[Case]:
    prediction = torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.0, -0.5]]).requires_grad_()
    target = torch.tensor([[0.0, 1.0, 1.5], [1.0, -2.0, 0.5]]).requires_grad_()
    return [Case((prediction, target))]


def reference(prediction: Tensor, target: Tensor) -> Tensor:
    residual = prediction - target
    return (residual + F.softplus(-2 * residual) - math.log(2)).mean()


def mistakes() -> list[Mistake]:
    both = ("prediction", "target")

    def rows(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        gradient = (prediction - target).tanh() / len(prediction)
        return gradient, -gradient

    def same_sign(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        gradient = (prediction - target).tanh() / prediction.numel()
        return gradient, gradient

    def by(derivative: Callable[[Tensor], Tensor]) -> Callable[..., tuple[Tensor, ...]]:
        def gradient(prediction: Tensor, target: Tensor) -> tuple[Tensor, ...]:
            found = derivative(prediction - target) / prediction.numel()
            return found, -found

        return gradient

    return [
        Mistake(
            "sinh(r) is the derivative of cosh(r); the logarithm divides it by "
            "cosh(r), which gives tanh(r).",
            gradient=by(torch.sinh),
            of=both,
        ),
        Mistake(
            "1 - tanh(r)² is the second derivative of log(cosh(r)); the first one is "
            "tanh(r).",
            gradient=by(lambda r: 1 - r.tanh() ** 2),
            of=both,
        ),
        Mistake(
            "1 / cosh(r) is the outer derivative alone: multiply by that of cosh(r).",
            gradient=by(lambda r: 1 / r.cosh()),
            of=both,
        ),
        Mistake(
            "The mean is over all entries; the gradient is divided by the number of "
            "rows.",
            gradient=rows,
            of=both,
        ),
        Mistake(
            "The gradient of the target has the wrong sign: it enters with a minus.",
            gradient=same_sign,
            of=both,
        ),
    ]
