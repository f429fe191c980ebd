"""The judge of mean-squared-gradient."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ownloss.exercises.cases import Case, Mistake, with_gradient

PAGE = "guide/gradient-of-a-loss"
KIND = "derive"
DIFFICULTY = 1
DEFINES = "gradient"
WITHOUT = ("autograd", "backward", "requires_grad_", "mse_loss", "MSELoss")
HINTS = (
    "Write the loss of two samples with two entries each as a sum of four squares. In "
    "how many of them does prediction[0, 0] stand, and what is the sum divided by?",
    "The derivative of (prediction - target)² is 2 (prediction - target). `mean` "
    "divides by the number of all entries, `prediction.numel()`.",
)


def cases() -> list[Case]:
    prediction = torch.tensor(
        [[1.0, 2.0, 0.5], [0.0, -1.0, 3.0], [2.0, 0.5, 1.0], [-1.0, 4.0, 0.0]]
    ).requires_grad_()
    target = torch.tensor(
        [[0.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, -1.0, 2.5], [0.5, 3.0, -2.0]]
    )
    return [Case((prediction, target))]


def reference(prediction: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(prediction, target)


def loss_of(answer: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return with_gradient(reference, answer)


def mistakes() -> list[Mistake]:
    return [
        Mistake(
            "The division is by N D, the number of entries, and not by its square.",
            gradient=lambda p, t: 2 * (p - t) / p.numel() ** 2,
        ),
        Mistake(
            "The 2 is missing, and it is divided by the number of samples alone: the "
            "mean is over all entries.",
            gradient=lambda p, t: (p - t) / len(p),
        ),
        Mistake(
            "This is the gradient of the mean absolute error.",
            gradient=lambda p, t: (p - t).sign() / p.numel(),
        ),
        Mistake(
            "The mean is over all entries, and this is divided by the number of "
            "samples alone.",
            gradient=lambda p, t: 2 * (p - t) / len(p),
        ),
        Mistake(
            "The mean is over all entries, and this is divided by the number of "
            "columns alone.",
            gradient=lambda p, t: 2 * (p - t) / p.shape[1],
        ),
        Mistake(
            "The 2 is missing: the derivative of r² is 2 r.",
            gradient=lambda p, t: (p - t) / p.numel(),
        ),
        Mistake(
            "The division of the mean is missing: each entry has a share of 1/(N D).",
            gradient=lambda p, t: 2 * (p - t),
        ),
        Mistake(
            "This is the gradient with respect to the target: the prediction has the "
            "opposite sign.",
            gradient=lambda p, t: 2 * (t - p) / p.numel(),
        ),
        Mistake(
            "This is the squared error of each entry, not its derivative.",
            gradient=lambda p, t: (p - t) ** 2 / p.numel(),
        ),
    ]
