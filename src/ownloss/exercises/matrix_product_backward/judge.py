"""The judge of matrix-product-backward."""

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/derive-a-loss"
KIND = "backward"
DIFFICULTY = 2
DEFINES = "LinearSquaredError"
WITHOUT = ("enable_grad", "vjp")
HINTS = (
    "First the gradient of the residual, of shape (N, C): the derivative of the square "
    "and of the mean, times grad_output. Then one recipe for each argument: which "
    "product of matrices has the shape of `features`, and which that of `weight`?",
    "With g for the gradient of the residual: `g @ weight.T` for the features, "
    "`features.T @ g` for the weight. The bias stands in every row, so add up g over "
    "the rows.",
)


def cases() -> list[Case]:
    torch.manual_seed(0)
    features = torch.randn(4, 3).requires_grad_()
    weight = torch.randn(3, 2).requires_grad_()
    bias = torch.tensor([0.5, -1.0]).requires_grad_()
    target = torch.randn(4, 2)
    return [Case((features, weight, bias, target))]


def reference(features: Tensor, weight: Tensor, bias: Tensor, target: Tensor) -> Tensor:
    return (torch.nn.functional.linear(features, weight.T, bias) - target).pow(2).mean()


def mistakes() -> list[Mistake]:
    def wrong(factor: float, bias_by_mean: bool) -> Mistake:
        def gradient(
            features: Tensor, weight: Tensor, bias: Tensor, target: Tensor
        ) -> tuple[Tensor, ...]:
            residual = features @ weight + bias - target
            g = factor * 2 * residual / residual.numel()
            of_bias = g.mean(0) if bias_by_mean else g.sum(0)
            return g @ weight.T, features.T @ g, of_bias

        words = {
            (1.0, True): "The gradient of the bias is a mean over the rows; the bias "
            "was added to each of them, so it is the sum.",
            (0.5, False): "The 2 is missing: the derivative of r² is 2 r.",
            (2.0, False): "The mean is over all entries; here it is divided by the "
            "number of rows alone.",
        }[factor, bias_by_mean]
        return Mistake(words, gradient=gradient, of=("features", "weight", "bias"))

    return [wrong(1.0, True), wrong(0.5, False), wrong(2.0, False)]
