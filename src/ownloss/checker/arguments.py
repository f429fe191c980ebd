"""What a loss is given: its tensors by name, with what they are for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ownloss.checker import roles
from ownloss.checker.containers import tensors_in
from ownloss.checker.domains import Domain, domain_of, sample
from ownloss.checker.roles import Role

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")


@dataclass(eq=False)
class Argument:
    """One tensor that a loss depends on: an argument, a part of one, a parameter.

    Attributes:
        name: as the loss names it, such as `target` or `batch['boxes']`.
        position: the place of its argument, counted from 0; -1 for a parameter.
        value: the values given, detached, in the dtype given.
        differentiable: whether gradients reach it are looked at.
        parameter: whether it is a parameter of a Module.
        path: its place in its argument, such as `['boxes']`; "" for all of it.
    """

    name: str
    position: int
    value: Tensor
    differentiable: bool
    parameter: bool = False
    path: str = ""

    @property
    def top(self) -> bool:
        """Whether it is an argument, and no part of one."""
        return not self.path

    @property
    def packed(self) -> bool:
        """Whether it holds the values of a sparse or a nested tensor."""
        return ".values()" in self.path or ".unbind()" in self.path

    @property
    def in_record(self) -> bool:
        """Whether it is part of a mapping, a dataclass or a named tuple."""
        path = self.path.partition(".values()")[0].partition(".unbind()")[0]
        return "." in path or "['" in path

    def beside(self, other: "Argument") -> bool:
        """Whether both are parts of one argument."""
        same = self.position == other.position and not self.parameter
        return same and bool(self.path) and bool(other.path) and self is not other

    @cached_property
    def domain(self) -> Domain:
        """The values that it may take."""
        if self.parameter:
            return Domain.REAL
        found = domain_of(self.value)
        if self.differentiable and found in (Domain.BINARY, Domain.SIGNS):
            return Domain.REAL  # numbers typed by hand
        if found is Domain.UNIT and roles.is_spread(self.name):
            return Domain.POSITIVE  # a small width is no probability
        return found

    @property
    def names_every_place(self) -> bool:
        """Whether it is a permutation, such as the partner of each sample.

        A few classes may be all different, too.
        """
        value = self.value
        if self.floating or value.dim() != 1 or len(value) < 5:
            return False
        return value.tolist() != sorted(value.tolist()) == list(range(len(value)))

    def counts_to(self, size: int) -> bool:
        """Whether it says how many of so many rows belong together."""
        value = self.value
        if self.domain is not Domain.LABELS or value.dim() != 1:
            return False
        return 1 < len(value) < size == int(value.sum()) and int(value.min()) >= 0

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
        finite = torch.nan_to_num(
            sample(self.value).to(_wide(self.value)), 0.0, 0.0, 0.0
        )
        size = finite.abs().double().square().mean().sqrt().item()
        return size if size > 0 else 1.0

    @cached_property
    def role(self) -> Role:
        """What it is for."""
        if self.parameter:
            return Role.PARAMETER
        return roles.role_of(self.name, self.value, self.domain, self.differentiable)

    @cached_property
    def kept(self) -> Tensor | None:
        """True where a mask lets an entry count; None for what is no mask."""
        if self.role is Role.MASK:
            return self.value.bool()
        return ~self.value.bool() if self.role is Role.IGNORED else None


def arguments_of(
    names: list[str], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> list[Argument]:
    """List the tensors of a call, in order."""
    found = []
    for position, arg in enumerate(args):
        name = names[position] if position < len(names) else f"input {position}"
        for path, tensor in tensors_in(arg):
            found.append((f"{name}{path}", position, tensor, path))
    for key, arg in kwargs.items():
        for path, tensor in tensors_in(arg):
            position = names.index(key) if key in names else len(args)
            found.append((f"{key}{path}", position, tensor, path))
    floats = [t for _, _, t, _ in found if t.is_floating_point() or t.is_complex()]
    chosen = [t for t in floats if t.requires_grad] or floats[:1]
    return [
        Argument(
            name,
            position,
            tensor.detach().clone(),
            any(tensor is other for other in chosen),
            path=path,
        )
        for name, position, tensor, path in found
    ]


def spread(kept: Tensor, value: Tensor) -> Tensor | None:
    """Spread a mask over an input of the same leading shape, or classes in dim 1."""
    if kept.shape == value.shape:
        return kept
    without_classes = value.shape[:1] + value.shape[2:]
    if value.dim() > 2 and kept.shape == without_classes:
        if without_classes == value.shape[: kept.dim()]:
            return None  # classes may stand in dimension 1 or last
        return kept.unsqueeze(1).expand(value.shape)
    if kept.dim() < value.dim() and kept.shape == value.shape[: kept.dim()]:
        extra = (1,) * (value.dim() - kept.dim())
        return kept.reshape(kept.shape + extra).expand(value.shape)
    return None


def _wide(value: Tensor) -> torch.dtype:
    return torch.complex128 if value.is_complex() else torch.float64
