"""What a loss is given: its tensors by name, and the values that they may take."""

import enum
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")


def tensors_in(tree: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor of nested tuples, lists and dicts, with its path."""
    if isinstance(tree, Tensor):
        yield path, tree
    elif isinstance(tree, Mapping):
        for key, branch in tree.items():
            yield from tensors_in(branch, f"{path}[{key!r}]")
    elif isinstance(tree, (tuple, list)):
        for index, branch in enumerate(tree):
            yield from tensors_in(branch, f"{path}[{index}]")


def with_tensors(tree: Any, tensors: Iterator[Tensor]) -> Any:
    """Rebuild the containers of `tree` around other tensors, in the same order."""
    if isinstance(tree, Tensor):
        return next(tensors)
    if isinstance(tree, dict):
        return {key: with_tensors(branch, tensors) for key, branch in tree.items()}
    if isinstance(tree, (tuple, list)):
        branches = [with_tensors(branch, tensors) for branch in tree]
        if hasattr(tree, "_fields"):
            return type(tree)(*branches)
        return type(tree)(branches)
    return tree


def parameter_names(loss: Callable[..., Any]) -> list[str]:
    """Name the positional arguments of a loss, without `self` and `ctx`."""
    function: Any = loss
    owner = getattr(loss, "__self__", None)
    if isinstance(loss, torch.nn.Module):
        function = loss.forward
    elif isinstance(owner, type) and issubclass(owner, torch.autograd.Function):
        function = owner.forward
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    )
    names = [p.name for p in parameters if p.kind in positional]
    return names[1:] if names[:1] == ["ctx"] else names


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


_SPREADS = ("sigma", "gamma", "var", "scale", "std", "width", "temperature", "spread")


@dataclass(eq=False)
class Leaf:
    """One tensor that a loss depends on: an argument, a part of one, a parameter.

    Attributes:
        name: as the loss names it, such as `target` or `batch['boxes']`.
        position: the place of its argument, counted from 0; -1 for a parameter.
        value: the values given, detached, in the dtype given.
        differentiable: whether gradients reach it are looked at.
        parameter: whether it is a parameter of a Module.
    """

    name: str
    position: int
    value: Tensor
    differentiable: bool
    parameter: bool = False
    top: bool = True

    @cached_property
    def domain(self) -> Domain:
        """The values that it may take."""
        if self.parameter:
            return Domain.REAL
        found = domain_of(self.value)
        if self.differentiable and found in (Domain.BINARY, Domain.SIGNS):
            return Domain.REAL  # numbers typed by hand
        if found is Domain.UNIT and self.named_like(*_SPREADS):
            return Domain.POSITIVE  # a small width is no probability
        return found

    @property
    def label(self) -> str:
        """The name for a sentence: "`target`, the second argument"."""
        if self.parameter:
            return f"the parameter `{self.name}`"
        if self.top and 0 <= self.position < len(_ORDINALS):
            return f"`{self.name}`, the {_ORDINALS[self.position]} argument,"
        return f"`{self.name}`"

    @property
    def floating(self) -> bool:
        """Whether it holds real or complex numbers."""
        return self.value.is_floating_point() or self.value.is_complex()

    @cached_property
    def size(self) -> float:
        """The typical magnitude of its entries; 1 where they are all zero."""
        if not self.value.numel():
            return 1.0
        finite = torch.nan_to_num(self.value.detach(), 0.0, 0.0, 0.0)
        size = finite.abs().double().square().mean().sqrt().item()
        return size if size > 0 else 1.0

    def named_like(self, *words: str) -> bool:
        """Whether its name contains one of the words."""
        return any(word in self.name.lower() for word in words)


def leaves_of(
    names: list[str], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> list[Leaf]:
    """List the tensors of a call, in order."""
    found = []
    for position, arg in enumerate(args):
        name = names[position] if position < len(names) else f"input {position}"
        for path, tensor in tensors_in(arg):
            found.append((f"{name}{path}", position, tensor, not path))
    for key, arg in kwargs.items():
        for path, tensor in tensors_in(arg):
            position = names.index(key) if key in names else len(args)
            found.append((f"{key}{path}", position, tensor, not path))
    floats = [t for _, _, t, _ in found if t.is_floating_point() or t.is_complex()]
    chosen = [t for t in floats if t.requires_grad] or floats[:1]
    return [
        Leaf(
            name,
            position,
            tensor.detach(),
            any(tensor is other for other in chosen),
            top=top,
        )
        for name, position, tensor, top in found
    ]


def jittered(leaf: Leaf, value: Tensor, amount: float, noise: Tensor) -> Tensor:
    """Move values at random by about `amount` of their size, inside their domain."""
    if leaf.domain in (Domain.LABELS, Domain.MASK, Domain.BINARY, Domain.SIGNS):
        return value
    noise = noise.to(value.dtype) * amount
    match leaf.domain:
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
    return value + noise * leaf.size


def scaled(leaf: Leaf, value: Tensor, factor: float) -> Tensor:
    """Make values `factor` times as extreme, inside their domain."""
    match leaf.domain:
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
