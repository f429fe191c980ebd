"""Inputs as a user would give them: seeded, small, nothing special about them."""

import torch
from torch import Tensor


def normal(
    *shape: int, seed: int = 0, dtype: torch.dtype = torch.float64, grad: bool = False
) -> Tensor:
    """Standard normal numbers."""
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return numbers.to(dtype).requires_grad_(grad)


def uniform(
    *shape: int,
    low: float = 0.05,
    high: float = 0.95,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    grad: bool = False,
) -> Tensor:
    """Uniform numbers, by default probabilities that stay away from 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.rand(*shape, generator=generator, dtype=torch.float64)
    return (low + (high - low) * numbers).to(dtype).requires_grad_(grad)


def labels(classes: int, *shape: int, seed: int = 0) -> Tensor:
    """Class indices, int64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(classes, shape, generator=generator)


def binary(
    *shape: int, seed: int = 0, dtype: torch.dtype = torch.float64, share: float = 0.5
) -> Tensor:
    """Zeros and ones."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(*shape, generator=generator) < share).to(dtype)


def regression(
    *shape: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """A prediction that needs a gradient, and a target of the same shape."""
    prediction = normal(*shape, seed=1, dtype=dtype, grad=True)
    return prediction, normal(*shape, seed=2, dtype=dtype)


def classification(
    rows: int, classes: int, *, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Logits (rows, classes) that need a gradient, and labels (rows,)."""
    logits = normal(rows, classes, seed=3, dtype=dtype, grad=True)
    return logits, labels(classes, rows, seed=4)


def segmentation(
    rows: int, height: int, width: int, *, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Logits (rows, 1, height, width) that need a gradient, and a mask of 0 and 1."""
    logits = normal(rows, 1, height, width, seed=5, dtype=dtype, grad=True)
    return logits, binary(rows, 1, height, width, seed=6, dtype=dtype)
