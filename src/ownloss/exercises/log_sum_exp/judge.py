"""The judge of log-sum-exp."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "guide/precision"
KIND = "stable"
DIFFICULTY = 2
DEFINES = "log_sum_exp"
WITHOUT = ("logsumexp", "log_softmax", "logaddexp", "logcumsumexp", "cross_entropy")
HINTS = (
    "exp(x) = exp(m) * exp(x - m), for any m. Which m keeps every exponent at or below "
    "0, and one of them at 0?",
    "Subtract the largest entry of each row, `x.max(dim=1, keepdim=True).values`, "
    "before `exp`, and add it again after `log`.",
)


def cases() -> list[Case]:
    usual = torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])
    large = torch.tensor([[1000.0, 999.0, 0.0], [-1000.0, -1001.0, -1002.0]])
    apart = torch.tensor([[500.0, -500.0, 0.0], [-300.0, 300.0, 299.0]])
    return [
        Case((usual.requires_grad_(),)),
        Case((large.requires_grad_(),), words="At 1000 and -1000"),
        Case((apart.requires_grad_(),), words="With 500 beside -500"),
    ]


def reference(x: Tensor) -> Tensor:
    return torch.logsumexp(x, dim=1)


def mistakes() -> list[Mistake]:
    def not_added(x: Tensor) -> Tensor:
        return torch.logsumexp(x - x.max(1, keepdim=True).values, 1)

    def maximum(x: Tensor) -> Tensor:
        return x.max(1).values

    def columns(x: Tensor) -> Tensor:
        return torch.logsumexp(x, dim=0)

    def sum_of_logs(x: Tensor) -> Tensor:
        return x.sum(1)

    def one_more(x: Tensor) -> Tensor:
        return torch.log1p(x.exp().sum(1))

    def product(x: Tensor) -> Tensor:
        largest = x.max(1).values
        return largest * torch.logsumexp(x - largest[:, None], 1)

    return [
        Mistake("`log1p` adds 1 to the sum; there is no 1 in the task.", loss=one_more),
        Mistake(
            "The maximum is multiplied; exp(m) is a factor of the sum, so its "
            "logarithm, m, is added.",
            loss=product,
        ),
        Mistake("The maximum is taken out and never added again.", loss=not_added),
        Mistake("This is the maximum alone.", loss=maximum),
        Mistake("The sum runs over the rows: classes are dimension 1.", loss=columns),
        Mistake(
            "The logarithm of a sum is not the sum of the logarithms.", loss=sum_of_logs
        ),
    ]


def complaints(answer: Callable[[Tensor], Tensor]) -> Iterator[str]:
    x = torch.tensor([[1.0, -torch.inf, 2.0], [-torch.inf, -torch.inf, 0.5]])
    x.requires_grad_()
    if answer(x[:1]).shape != (1,):
        yield (
            f"For one row the result has shape {tuple(answer(x[:1]).shape)}, and "
            "should have (1,): `squeeze` without a dimension drops the batch, too"
        )
        return
    found = answer(x)
    (gradient,) = torch.autograd.grad(found.sum(), x)
    if not torch.allclose(found, reference(x)):
        yield (
            "With an entry of minus infinity in a row the result is "
            f"{found.tolist()}; such an entry adds nothing: {reference(x).tolist()}"
        )
    elif not torch.allclose(gradient, x.softmax(1)):
        yield (
            "With an entry of minus infinity in a row the result is right, and the "
            "gradient is not: that entry's is 0, and the others' are their share of "
            "the sum"
        )
