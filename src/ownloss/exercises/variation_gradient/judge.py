"""The judge of variation-gradient."""

from collections.abc import Callable

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake, with_gradient

PAGE = "practice/workbench/unseen"
KIND = "derive"
DIFFICULTY = 3
DEFINES = "gradient"
WITHOUT = ("autograd", "backward", "requires_grad_")
HINTS = (
    "Two lines lead to the loss: m = mean(load), and v, the mean of (load - m)². "
    "Differentiate v / m² by v and by m first; then v and m by one load.",
    "v / m² changes by v' / m² - 2 v m' / m³. By one load, m' is 1 / K and v' is "
    "2 (load - m) / K. What does the m within v add to that, summed over all loads?",
)


def cases() -> list[Case]:
    return [Case((torch.tensor([1.0, 2.5, 4.0, 0.5]).requires_grad_(),))]


def reference(load: Tensor) -> Tensor:
    return load.var(correction=0) / load.mean() ** 2


def loss_of(answer: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return with_gradient(reference, answer)


def mistakes() -> list[Mistake]:
    def parts(load: Tensor, correction: int = 0) -> tuple[int, Tensor, Tensor]:
        return len(load), load.mean(), load.var(correction=correction)

    def mean_held(load: Tensor) -> Tensor:
        size, mean, _ = parts(load)
        return 2 * (load - mean) / (size * mean**2)

    def variance_held(load: Tensor) -> Tensor:
        size, mean, variance = parts(load)
        return (-2 * variance / (size * mean**3)).expand_as(load)

    def of_sample(load: Tensor) -> Tensor:
        size, mean, variance = parts(load, correction=1)
        of_variance = 2 * (load - mean) / (size - 1)
        return of_variance / mean**2 - 2 * variance / (size * mean**3)

    def plus(load: Tensor) -> Tensor:
        size, mean, variance = parts(load)
        return 2 * (load - mean + variance / mean) / (size * mean**2)

    return [
        Mistake(
            "The mean below the fraction line is held fixed; it has a derivative, too.",
            gradient=mean_held,
        ),
        Mistake(
            "The variance above the fraction line is held fixed; each load changes "
            "it, too.",
            gradient=variance_held,
        ),
        Mistake(
            "This is the gradient with a variance over K - 1, which is what "
            "`torch.var` takes unless told otherwise; the task divides by K.",
            gradient=of_sample,
        ),
        Mistake(
            "The second term of the quotient rule has the wrong sign: a larger mean "
            "makes the quotient smaller.",
            gradient=plus,
        ),
    ]
