"""The judge of hinge-function."""

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/function-arguments"
KIND = "backward"
DIFFICULTY = 1
DEFINES = "Hinge"
WITHOUT = ("enable_grad", "gradcheck")
HINTS = (
    "`save_for_backward` takes tensors. A number is kept as an attribute: "
    "`ctx.margin = margin`. For which samples does the loss depend on the score?",
    "Where margin - target * score > 0 the derivative is -target, divided by the "
    "number of samples and multiplied by grad_output. Return three values, one for "
    "each argument of `forward`; two of them are None.",
)


def cases() -> list[Case]:
    score = torch.tensor([0.7, 2.0, -0.3, -3.0, 0.9]).requires_grad_()
    target = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0])
    return [
        Case((score, target, 1.0)),
        Case((score, target, 0.5), words="With a margin of 0.5"),
    ]


def reference(score: Tensor, target: Tensor, margin: float) -> Tensor:
    return (margin - target * score).clamp(min=0).mean()


def mistakes() -> list[Mistake]:
    def everywhere(score: Tensor, target: Tensor, margin: float) -> Tensor:
        return -target / len(score)

    def margin_one(score: Tensor, target: Tensor, margin: float) -> Tensor:
        return -target * (target * score < 1) / len(score)

    def no_target(score: Tensor, target: Tensor, margin: float) -> Tensor:
        return -(margin - target * score > 0).to(score) / len(score)

    return [
        Mistake(
            "The gradient is 0 where the margin is kept: there the loss is 0, and "
            "stays so.",
            gradient=everywhere,
        ),
        Mistake(
            "The margin is an argument: the gradient takes it to be 1.",
            gradient=margin_one,
        ),
        Mistake(
            "The derivative of margin - target * score is -target; the factor target "
            "is missing.",
            gradient=no_target,
        ),
    ]
