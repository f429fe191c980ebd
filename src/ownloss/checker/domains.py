"""What values a tensor may take, as far as its own values tell; moving inside that."""

import enum
import math

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
    SYMMETRIC = "symmetric or antisymmetric matrices"
    LABELS = "integers"
    MASK = "booleans"
    OPAQUE = "numbers of a dtype that torch does not compute with"


def _class_dim(value: Tensor) -> int:
    return 1 if value.dim() > 2 else -1


def sample(value: Tensor, size: int = 50_000) -> Tensor:
    """About so many entries of a tensor, evenly spread; all of a smaller one."""
    flat = value.detach().reshape(-1)
    return flat[:: max(1, flat.numel() // size)]


_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _computes(dtype: torch.dtype) -> bool:
    """Whether torch computes with a dtype, and not only stores it."""
    if dtype.is_floating_point:
        return dtype.itemsize > 1
    return dtype in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def stored(value: Tensor) -> Tensor:
    """The tensor, or its bits as integers where torch only stores its dtype.

    Bits can be indexed and compared by every release; float8 and uint16 cannot.
    """
    if _computes(value.dtype) or value.is_complex() or value.dtype == torch.bool:
        return value
    return value.view(_INTEGERS[value.dtype.itemsize])


def _can_be_anything(value: Tensor) -> bool:
    """Whether some of the entries tell that they are just real numbers."""
    few = sample(value)
    if not bool((few < 0).any()) or not bool((few > 1).any()):
        return False
    if value.dim() < 2:
        return True
    rows, columns = value.shape[-2:]
    first = value.detach().reshape(-1, rows, columns)[0]
    boxes = columns == 4 and bool((first[:, 2:] > first[:, :2]).all())
    return not boxes and not _is_symmetric(first)


def _is_symmetric(value: Tensor) -> bool:
    """Whether matrices are symmetric, as of distances, or antisymmetric."""
    if not value.shape[-1] == value.shape[-2] > 1:
        return False
    return torch.equal(value, value.mT) or torch.equal(value, -value.mT)


def domain_of(value: Tensor) -> Domain:
    """Guess the domain of a tensor from its values.

    A guess that is too narrow costs a probe, one that is too wide accuses a loss of
    failing where it is not defined: in doubt, the narrow one.
    """
    if value.dtype == torch.bool:
        return Domain.MASK
    if value.is_complex():
        state = value.dim() > 1 and _is_direction(value.detach(), -1)
        return Domain.DIRECTION if state else Domain.REAL
    if not _computes(value.dtype):
        return Domain.OPAQUE
    if not value.is_floating_point():
        signs = value.numel() > 1 and bool((value.abs() == 1).all())
        return Domain.SIGNS if signs and value.unique().numel() > 1 else Domain.LABELS
    if _can_be_anything(value):
        return Domain.REAL  # without looking at all of very many
    full = value.detach()
    finite = full
    if full.numel() and not math.isfinite(full.sum(dtype=torch.float64).item()):
        finite = full[torch.isfinite(full)]
    if finite.numel() == 0:
        return Domain.REAL
    low, high = (end.item() for end in finite.aminmax())
    if finite.numel() > 1 and low >= 0 and high <= 1 and _only(finite, 0, 1):
        return Domain.BINARY
    if finite.numel() > 1 and _only(finite, -1, 1):
        return Domain.SIGNS
    if finite is full:
        if low >= 0 and _simplex_dims(full):
            return Domain.SIMPLEX
        if high <= 0 and _simplex_dims(full, log=True):
            return Domain.LOG_SIMPLEX
        if full.dim() > 1:
            if _is_direction(full, _class_dim(full)) or _is_direction(full, -1):
                return Domain.DIRECTION
            if _is_symmetric(full):
                return Domain.SYMMETRIC
            corners = full.shape[-1] == 4 and full.shape[0] > 1
            if corners and (full[..., 2:] > full[..., :2]).all():
                return Domain.BOXES
    if low >= 0 and high <= 1:
        return Domain.UNIT
    if low > 0:
        return Domain.POSITIVE
    return Domain.NONNEGATIVE if low >= 0 else Domain.REAL


def _only(value: Tensor, *numbers: float) -> bool:
    """Whether all entries are among a few numbers; some of very many tell first."""

    def among(some: Tensor) -> bool:
        return bool(torch.stack([some == n for n in numbers]).any(0).all())

    return among(sample(value)) and among(value)


def _is_direction(value: Tensor, dim: int, near: float = 1e-4) -> bool:
    """Whether the vectors along a dimension have the length 1."""
    if value.shape[dim] < 2 or not value.numel():
        return False
    first = value.movedim(dim, -1).reshape(-1, value.shape[dim])[:1]
    return all(
        bool((v.abs().double().square().sum(d) - 1).abs().max() < near)
        for v, d in ((first, -1), (value, dim))
    )


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
            moved = value * noise.exp()
            return moved / moved.sum(_dims_of(value), keepdim=True)
        case Domain.LOG_SIMPLEX:
            return _log_softmax(value + noise, _dims_of(value.exp()))
        case Domain.DIRECTION:
            dim = _direction_dim(value)
            moved = value + noise / math.sqrt(value.shape[dim])
            return torch.nn.functional.normalize(moved, dim=dim)
        case Domain.SYMMETRIC:
            # A congruence keeps a covariance positive, and distances to oneself 0.
            scale = (noise.diagonal(dim1=-2, dim2=-1) / 2).exp()
            return value * scale[..., :, None] * scale[..., None, :]
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
            extreme = value.clamp(min=1e-12).log() * abs(factor)
            return _log_softmax(extreme, _dims_of(value)).exp()
        case Domain.LOG_SIMPLEX:
            return _log_softmax(value * abs(factor), _dims_of(value.exp()))
    return value


def _simplex_dims(
    value: Tensor, near: float = 1e-4, *, log: bool = False
) -> tuple[int, ...]:
    """The dimensions over which values sum to 1: classes, pixels, all; else none.

    Args:
        value: the values.
        near: how far from 1 a sum may be.
        log: whether their exponentials are summed.
    """
    last = value.dim() - 1
    classes, every = _class_dim(value), tuple(range(value.dim()))
    candidates: list[tuple[int, ...]] = []
    candidates += [(classes % value.dim(),), (last,)] if every else []
    candidates += [every[start:] for start in (last - 1, 1, 2, 0) if start >= 0]
    for dims in candidates:
        count = math.prod(value.shape[dim] for dim in dims)
        if count < 2 or not value.numel():
            continue
        # The first sum tells, of very many values, what most of them are not.
        first = value[tuple(slice(None) if d in dims else slice(1) for d in every)]
        if _sum_to_one(first, dims, near, log) and _sum_to_one(value, dims, near, log):
            return dims
    return ()


def _sum_to_one(value: Tensor, dims: tuple[int, ...], near: float, log: bool) -> bool:
    value = value.double()
    sums = (value.exp() if log else value).sum(dims)
    return bool((sums - 1).abs().max() < near)


def _dims_of(value: Tensor) -> tuple[int, ...]:
    """The dimensions over which probabilities sum to 1, after some rounding."""
    return _simplex_dims(value, 1e-3) or (value.dim() - 1,)


def _log_softmax(value: Tensor, dims: tuple[int, ...]) -> Tensor:
    return value - value.logsumexp(dims, keepdim=True)


def on_simplex(value: Tensor, noise: Tensor) -> Tensor:
    """A direction along which the sums of probabilities do not change."""
    dims = _dims_of(value)
    return noise - noise.mean(dims, keepdim=True)


def _direction_dim(value: Tensor) -> int:
    dim = _class_dim(value)
    return dim if _is_direction(value, dim, 1e-3) else -1
