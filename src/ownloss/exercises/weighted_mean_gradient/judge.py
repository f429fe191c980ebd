"""The judge of weighted-mean-gradient."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake, with_gradient

PAGE = "guide/weights"
KIND = "derive"
DIFFICULTY = 2
DEFINES = "gradients"
WITHOUT = ("autograd", "backward", "requires_grad_")
OF = ("prediction", "weight")
HINTS = (
    "The loss is a quotient u / v. A prediction stands in u alone; a weight stands in "
    "both, so its derivative needs the quotient rule.",
    "The derivative of u / v by a weight is (u' v - u v') / v², with u' = r² and "
    "v' = 1. Divide by v: what is u / v?",
)


def cases() -> list[Case]:
    prediction = torch.tensor([1.0, -0.5, 2.0, 0.0]).requires_grad_()
    target = torch.tensor([0.0, 1.0, 1.5, -2.0])
    weight = torch.tensor([1.0, 0.5, 3.0, 2.0]).requires_grad_()
    return [Case((prediction, target, weight))]


def reference(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    return (weight * (prediction - target).square()).sum() / weight.sum()


def loss_of(answer: Callable[..., Any]) -> Callable[..., Tensor]:
    return with_gradient(reference, answer, of=OF)


def mistakes() -> list[Mistake]:
    def parts(p: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        residual = p - t
        of_prediction = 2 * w * residual / w.sum()
        return residual, of_prediction, reference(p, t, w)

    def numerator_only(p: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        residual, of_prediction, _ = parts(p, t, w)
        return of_prediction, residual**2 / w.sum()

    def not_divided(p: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        residual, of_prediction, loss = parts(p, t, w)
        return of_prediction, residual**2 - loss

    def by_count(p: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        residual, _, loss = parts(p, t, w)
        return 2 * w * residual / len(w), (residual**2 - loss) / w.sum()

    def unweighted(p: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        residual, _, loss = parts(p, t, w)
        return 2 * residual / w.sum(), (residual**2 - loss) / w.sum()

    def opposite(p: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        residual, of_prediction, loss = parts(p, t, w)
        return of_prediction, (loss - residual**2) / w.sum()

    def exchanged(p: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        residual, of_prediction, loss = parts(p, t, w)
        return (residual**2 - loss) / w.sum(), of_prediction

    def half_divided(p: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        residual, of_prediction, loss = parts(p, t, w)
        return of_prediction, residual**2 / w.sum() - loss

    def no_two(p: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        residual, of_prediction, loss = parts(p, t, w)
        return of_prediction / 2, (residual**2 - loss) / w.sum()

    def constant(p: Tensor, t: Tensor, w: Tensor) -> tuple[Tensor, ...]:
        return parts(p, t, w)[1], torch.zeros_like(w)

    return [
        Mistake(
            "In the gradient of the weight one of the two terms is not divided by "
            "sum(weight): the loss is, once more than it is itself.",
            gradient=half_divided,
            of=OF,
        ),
        Mistake(
            "The gradient of the prediction lacks a 2: the derivative of r² is 2 r.",
            gradient=no_two,
            of=OF,
        ),
        Mistake(
            "The weight is taken for a constant: it gets a gradient, too.",
            gradient=constant,
            of=OF,
        ),
        Mistake(
            "The gradient of the weight leaves out that it stands in the denominator, "
            "too: use the quotient rule.",
            gradient=numerator_only,
            of=OF,
        ),
        Mistake(
            "The gradient of the weight is not divided by sum(weight).",
            gradient=not_divided,
            of=OF,
        ),
        Mistake(
            "The gradient of the prediction is divided by the number of samples; the "
            "loss divides by the sum of the weights.",
            gradient=by_count,
            of=OF,
        ),
        Mistake(
            "The gradient of the prediction lacks its weight.",
            gradient=unweighted,
            of=OF,
        ),
        Mistake(
            "The gradient of the weight has the wrong sign.", gradient=opposite, of=OF
        ),
        Mistake(
            "The two gradients are swapped: first that of the prediction.",
            gradient=exchanged,
            of=OF,
        ),
    ]
