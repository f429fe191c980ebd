"""What a check costs, from ten elements to a million.

    nox -s bench -- check

prints, for a plain loss and for one with a hand-written backward, the seconds that a
check takes, what one forward and backward of the loss takes, and how many such pairs
the check is worth. The last column is what must not grow with the number of elements.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor

import ownloss

SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)


class SquaredError(torch.autograd.Function):
    """The mean squared error with a backward of its own."""

    @staticmethod
    def forward(ctx: object, prediction: Tensor, target: Tensor) -> Tensor:
        """Take the mean of the squared residuals."""
        ctx.save_for_backward(prediction, target)
        return (prediction - target).square().mean()

    @staticmethod
    def backward(ctx: object, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        """Return the derivative for both inputs."""
        prediction, target = ctx.saved_tensors
        gradient = grad_output * 2 * (prediction - target) / prediction.numel()
        return gradient, -gradient


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Take the mean of the squared residuals."""
    return (prediction - target).square().mean()


def seconds(function: Callable[[], object], least: float = 0.05) -> float:
    """Time one call: the mean over calls that take `least` seconds together."""
    calls, start = 0, time.perf_counter()
    while not calls or time.perf_counter() - start < least:
        function()
        calls += 1
    return (time.perf_counter() - start) / calls


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(f"{'loss':<20}{'elements':>10}{'check, s':>10}{'pair, ms':>10}{'pairs':>8}")
    for name, loss in (("plain", mse), ("hand-written", SquaredError.apply)):
        ownloss.check(loss, torch.ones(2, requires_grad=True), torch.zeros(2))
        for size in SIZES:
            generator = torch.Generator().manual_seed(0)
            prediction = torch.randn(size // 10, 10, generator=generator)
            target = torch.randn(size // 10, 10, generator=generator)
            prediction.requires_grad_()

            # Both are called before the loop goes on: no name is bound too late.
            def pair() -> None:
                torch.autograd.grad(loss(prediction, target), prediction)  # noqa: B023

            once = seconds(pair)
            check = seconds(lambda: ownloss.check(loss, prediction, target), 0.0)  # noqa: B023
            print(
                f"{name:<20}{size:>10,}{check:>10.3f}{1e3 * once:>10.3f}"
                f"{check / once:>8.0f}"
            )


if __name__ == "__main__":
    main()
