"""The judge of solution-backward."""

import torch
from torch import Tensor

from ownloss.exercises.cases import Case, Mistake

PAGE = "practice/workbench/implicit"
KIND = "backward"
DIFFICULTY = 3
DEFINES = "SolutionError"
WITHOUT = ("enable_grad", "vjp")
HINTS = (
    "Do not differentiate the solver. The equation matrix @ x = b stays true when "
    "matrix and b change a little: what does that say of the change of x?",
    "dx = A⁻¹ (db - dA x). With g for the gradient of x, solve the transposed system "
    "for g: that is the gradient of b. The gradient of the matrix is minus its outer "
    "product with x.",
)


def cases() -> list[Case]:
    matrix = torch.tensor([[2.0, 1.0, 0.5], [0.0, 4.0, 1.0], [1.0, -1.0, 3.0]])
    b = torch.tensor([4.0, 8.0, -1.0])
    target = torch.tensor([0.5, 1.0, -2.0])
    return [Case((matrix.requires_grad_(), b.requires_grad_(), target))]


def reference(matrix: Tensor, b: Tensor, target: Tensor) -> Tensor:
    return (torch.linalg.inv(matrix) @ b - target).pow(2).sum() / 2


def mistakes() -> list[Mistake]:
    both = ("matrix", "b")

    def parts(matrix: Tensor, b: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        x = torch.linalg.solve(matrix, b)
        return x, x - target, torch.linalg.solve(matrix.T, x - target)

    def same_system(matrix: Tensor, b: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        x, residual, _ = parts(matrix, b, target)
        wrong = torch.linalg.solve(matrix, residual)
        return -wrong.outer(x), wrong

    def no_minus(matrix: Tensor, b: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        x, _, adjoint = parts(matrix, b, target)
        return adjoint.outer(x), adjoint

    def turned(matrix: Tensor, b: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        x, _, adjoint = parts(matrix, b, target)
        return -x.outer(adjoint), adjoint

    def no_solve(matrix: Tensor, b: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        x, residual, _ = parts(matrix, b, target)
        return -residual.outer(x), residual

    words = {
        same_system: "Backward solves with the matrix itself; it takes the transposed "
        "matrix.",
        no_minus: "The gradient of the matrix has the wrong sign: from "
        "dA x + A dx = db follows dx = A⁻¹ (db - dA x).",
        turned: "The outer product is turned round: entry (i, j) of the matrix meets "
        "x[j] and the adjoint's entry i.",
        no_solve: "This is the gradient of x; it still has to go back through the "
        "equation, by a solve with the transposed matrix.",
    }
    return [Mistake(said, gradient=wrong, of=both) for wrong, said in words.items()]
