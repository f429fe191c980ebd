"""What values a tensor may take, as far as its own values tell; moving inside that."""

import enum

import torch
from torch import Tensor


class Domain(enum.Enum):
    """What values an input may take, as far as its own values tell."""

    REAL = "real numbers"
    POSITIVE = "positive numbers"
    NONNEGATIVE = "numbers that are not negative"
    UNIT = "numbers between 0 and 1"
    SIMPLEX = "probabilities that sum to 1"
    LOG_SIMPLEX = "log-probabilities"
    DIRECTION = "unit vectors"
    BINARY = "zeros and ones"
    SIGNS = "ones and minus ones"
    BOXES = "boxes as two corners"
    SYMMETRIC = "symmetric matrices"
    LABELS = "integers"
    MASK = "booleans"


def _class_dim(value: Tensor) -> int:
    return 1 if value.dim() > 2 else -1


def domain_of(value: Tensor) -> Domain:
    """Guess the domain of a tensor from its values.

    A guess that is too narrow costs a probe, one that is too wide accuses a loss of
    failing where it is not defined: in doubt, the narrow one.
    """
    if value.dtype == torch.bool:
        return Domain.MASK
    if value.is_complex():
        return Domain.REAL
    if not value.is_floating_point():
        return Domain.LABELS
    v = value.detach().double()
    v = v[torch.isfinite(v)]
    if v.numel() == 0:
        return Domain.REAL
    if ((v == 0) | (v == 1)).all() and v.numel() > 1:
        return Domain.BINARY
    if (v.abs() == 1).all() and v.numel() > 1:
        return Domain.SIGNS
    full = value.detach().double()
    weights = full.dim() == 1 and full.numel() > 1 and (full >= 0).all()
    if weights and (full.sum() - 1).abs() < 1e-6:
        return Domain.SIMPLEX  # of one distribution
    if full.dim() > 1 and torch.isfinite(full).all():
        dims = {_class_dim(full), -1}
        for dim in dims:
            if full.shape[dim] < 2:
                continue
            if (full >= 0).all() and (full.sum(dim) - 1).abs().max() < 1e-4:
                return Domain.SIMPLEX
            if (full <= 0).all() and full.logsumexp(dim).abs().max() < 1e-4:
                return Domain.LOG_SIMPLEX
            if (full.square().sum(dim) - 1).abs().max() < 1e-4:
                return Domain.DIRECTION
        if full.shape[-1] == full.shape[-2] > 1 and torch.equal(full, full.mT):
            return Domain.SYMMETRIC
        corners = full.shape[-1] == 4 and full.shape[0] > 1
        if corners and (full[..., 2:] > full[..., :2]).all():
            return Domain.BOXES
    if (v >= 0).all() and (v <= 1).all():
        return Domain.UNIT
    if (v > 0).all():
        return Domain.POSITIVE
    if (v >= 0).all():
        return Domain.NONNEGATIVE
    return Domain.REAL


def jittered(
    value: Tensor, domain: Domain, amount: float, noise: Tensor, size: float
) -> Tensor:
    """Move values at random, inside their domain.

    Args:
        value: the values.
        domain: what values they may take.
        amount: how far to move them, in multiples of `size`.
        noise: normal numbers of the same shape.
        size: their typical magnitude.
    """
    if domain in (Domain.LABELS, Domain.MASK, Domain.BINARY, Domain.SIGNS):
        return value
    noise = noise.to(value.dtype) * amount
    match domain:
        case Domain.POSITIVE | Domain.NONNEGATIVE:
            return value * noise.exp()
        case Domain.UNIT:
            return torch.sigmoid(value.logit(1e-6) + noise)
        case Domain.SIMPLEX:
            dim = _simplex_dim(value)
            moved = value * noise.exp()
            return moved / moved.sum(dim, keepdim=True)
        case Domain.LOG_SIMPLEX:
            dim = _simplex_dim(value.exp())
            return (value + noise).log_softmax(dim)
        case Domain.DIRECTION:
            dim = _direction_dim(value)
            moved = value + noise / value.shape[dim] ** 0.5
            return moved / moved.norm(dim=dim, keepdim=True)
        case Domain.SYMMETRIC:
            return value * noise.mean().exp()
        case Domain.BOXES:
            moved = value.clone()
            side = value[..., 2:] - value[..., :2]
            moved[..., :2] += side * noise[..., :2].clamp(-0.3, 0.3)
            moved[..., 2:] += side * noise[..., 2:].clamp(-0.3, 0.3)
            return moved
    return value + noise * size


def scaled(value: Tensor, domain: Domain, factor: float) -> Tensor:
    """Make values `factor` times as extreme, inside their domain."""
    match domain:
        case Domain.POSITIVE | Domain.NONNEGATIVE | Domain.BOXES | Domain.SYMMETRIC:
            return value * abs(factor)
        case Domain.REAL:
            return value * factor
        case Domain.UNIT:
            return torch.sigmoid(value.logit(1e-6) * abs(factor))
        case Domain.SIMPLEX:
            dim = _simplex_dim(value)
            return (value.clamp(min=1e-12).log() * abs(factor)).softmax(dim)
        case Domain.LOG_SIMPLEX:
            return (value * abs(factor)).log_softmax(_simplex_dim(value.exp()))
    return value


def _simplex_dim(value: Tensor) -> int:
    dim = _class_dim(value)
    if (value.sum(dim) - 1).abs().max() < 1e-3:
        return dim
    return -1


def _direction_dim(value: Tensor) -> int:
    dim = _class_dim(value)
    if (value.square().sum(dim) - 1).abs().max() < 1e-3:
        return dim
    return -1
