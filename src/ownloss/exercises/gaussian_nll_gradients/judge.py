"""The judge of gaussian-nll-gradients."""

from collections.abc import Callable

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake, with_gradient

PAGE = "guide/density-losses"
KIND = "derive"
DIFFICULTY = 2
DEFINES = "gradients"
WITHOUT = ("autograd", "backward", "requires_grad_", "gaussian_nll_loss")
HINTS = (
    "For the mean, log_var is a constant. For log_var the square is a constant: "
    "differentiate 1 / exp(log_var), which is exp(-log_var).",
    "The mean's is (mean - target) * exp(-log_var) / N. The derivative of "
    "exp(-log_var) is -exp(-log_var), and that of log_var is 1; both are halved.",
)


def cases() -> list[Case]:
    mean = torch.tensor([0.5, -1.0, 2.0, 0.1, 3.0]).requires_grad_()
    log_var = torch.tensor([0.0, 0.7, -1.2, 0.3, 1.5]).requires_grad_()
    target = torch.tensor([0.2, 1.0, 1.5, -0.4, 0.0])
    return [Case((mean, log_var, target))]


def reference(mean: Tensor, log_var: Tensor, target: Tensor) -> Tensor:
    return ((log_var + (target - mean).square() * (-log_var).exp()) / 2).mean()


def loss_of(answer: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return with_gradient(reference, answer, of=("mean", "log_var"))


def mistakes() -> list[Mistake]:
    both = ("mean", "log_var")

    def mistake(
        words: str,
        of_log_var: Callable[[Tensor, Tensor], Tensor],
        of_mean: Callable[[Tensor, Tensor], Tensor] = lambda r, s: r * s,
    ) -> Mistake:
        def gradient(
            mean: Tensor, log_var: Tensor, target: Tensor
        ) -> tuple[Tensor, Tensor]:
            r, s = mean - target, (-log_var).exp()
            return of_mean(r, s) / len(mean), of_log_var(r, s) / len(mean)

        return Mistake(words, gradient=gradient, of=both)

    def right(r: Tensor, s: Tensor) -> Tensor:
        return (1 - r**2 * s) / 2

    return [
        mistake(
            "The second is the gradient by the variance; the chain rule goes on to its "
            "log, with a factor exp(log_var).",
            lambda r, s: (1 - r**2 * s) / 2 * s,
        ),
        mistake(
            "log_var itself stands in the loss, too: its share, 1/2, is missing.",
            lambda r, s: -(r**2) * s / 2,
        ),
        mistake(
            "The half is missing in the gradient of log_var.", lambda r, s: 1 - r**2 * s
        ),
        mistake(
            "In the gradient of log_var the square has the wrong sign: the derivative "
            "of exp(-log_var) is negative.",
            lambda r, s: (1 + r**2 * s) / 2,
        ),
        mistake(
            "The mean's gradient is not divided by the variance: what is uncertain "
            "should count less.",
            right,
            lambda r, s: r,
        ),
        mistake(
            "The mean's gradient is halved once too often: the square's 2 cancels the "
            "half.",
            right,
            lambda r, s: r * s / 2,
        ),
    ]
