"""The judge of keys-gradient."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ownloss.exercises.cases import Case, Mistake, with_gradient

PAGE = "practice/workbench/contrastive"
KIND = "derive"
DIFFICULTY = 2
DEFINES = "gradient"
WITHOUT = ("autograd", "backward", "requires_grad_", "cross_entropy")
HINTS = (
    "First the gradient of the similarities, of shape (N, N): each row is a cross "
    "entropy. Then the recipe of a matrix product for its second factor.",
    "The gradient of the similarities is (softmax over each row - identity) / N. Key j "
    "is in column j of every row, so what reaches it is a sum over the rows: which "
    "product with the queries is that?",
)


def cases() -> list[Case]:
    queries = torch.tensor([[1.0, 0.5], [-0.5, 2.0], [0.25, -1.0]])
    keys = torch.tensor([[2.0, 1.0], [0.5, 1.5], [1.0, -0.5]]).requires_grad_()
    return [Case((queries, keys))]


def reference(queries: Tensor, keys: Tensor) -> Tensor:
    return F.cross_entropy(queries @ keys.T, torch.arange(len(queries)))


def loss_of(answer: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return with_gradient(reference, answer, of=("keys",))


def mistakes() -> list[Mistake]:
    def of_similarity(queries: Tensor, keys: Tensor, over: int = 1) -> Tensor:
        probability = (queries @ keys.T).softmax(over)
        return (probability - torch.eye(len(queries))) / len(queries)

    def own_query(queries: Tensor, keys: Tensor) -> Tensor:
        return of_similarity(queries, keys).diagonal()[:, None] * queries

    def not_transposed(queries: Tensor, keys: Tensor) -> Tensor:
        return of_similarity(queries, keys) @ queries

    def over_columns(queries: Tensor, keys: Tensor) -> Tensor:
        return of_similarity(queries, keys, over=0).T @ queries

    def of_queries(queries: Tensor, keys: Tensor) -> Tensor:
        return of_similarity(queries, keys) @ keys

    def no_positive(queries: Tensor, keys: Tensor) -> Tensor:
        return (queries @ keys.T).softmax(1).T @ queries / len(queries)

    words = {
        own_query: "Each key gets the part of its own query alone; it is a wrong "
        "answer to all other queries, and they have a part in it.",
        not_transposed: "The gradient of the similarities is not transposed: key j is "
        "in column j, and a row says what one query does.",
        over_columns: "The softmax runs over the queries; the normaliser of the loss "
        "runs over the keys, dimension 1.",
        of_queries: "This is the gradient with respect to the queries.",
        no_positive: "The second term is missing: the similarity of a pair has a "
        "derivative, too.",
    }
    return [
        Mistake(said, gradient=wrong, of=("keys",)) for wrong, said in words.items()
    ]
