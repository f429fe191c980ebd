"""Tensors in containers: find them, and put others in their places.

Opened are tuples, lists, mappings and dataclasses, of any class of their own, and kept
in that class; of sparse and nested tensors, the values. Anything else is handed on as
it is; so is what lies very deep, or in itself.
"""

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from torch import Tensor

from ownloss.checker.packed import is_packed, repacked, values_of

DEEPEST = 64


def tensors_in(tree: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor of a nested structure, with its path."""
    yield from _tensors_in(tree, path, ())


def _tensors_in(
    tree: Any, path: str, above: tuple[int, ...]
) -> Iterator[tuple[str, Tensor]]:
    if isinstance(tree, Tensor) and not is_packed(tree):
        yield path, tree
    elif _opens(tree, above):
        for place, branch in _branches(tree):
            yield from _tensors_in(branch, f"{path}{place}", (*above, id(tree)))


def places_in(tree: Any) -> list[str]:
    """The paths of all that a nested structure holds, tensors or not.

    >>> places_in({"a": [1, 2]})
    ["['a']", "['a'][0]", "['a'][1]"]
    """
    return list(_places_in(tree, "", ()))


def _places_in(tree: Any, path: str, above: tuple[int, ...]) -> Iterator[str]:
    if _opens(tree, above):
        for place, branch in _branches(tree):
            yield f"{path}{place}"
            yield from _places_in(branch, f"{path}{place}", (*above, id(tree)))


def with_tensors(tree: Any, tensors: Iterator[Tensor]) -> Any:
    """Rebuild a nested structure around other tensors, in the same order."""
    return _rebuilt(tree, tensors, ())


def _rebuilt(tree: Any, tensors: Iterator[Tensor], above: tuple[int, ...]) -> Any:
    if isinstance(tree, Tensor):
        if is_packed(tree):
            return repacked(tree, [next(tensors) for _ in values_of(tree)])
        return next(tensors)
    if type(tree).__module__ == "numpy" and hasattr(tree, "copy"):
        return tree.copy()
    if not _opens(tree, above):
        return tree
    above = (*above, id(tree))
    branches = [_rebuilt(branch, tensors, above) for branch in _held(tree)]
    if isinstance(tree, Mapping):
        return _mapping(tree, dict(zip(tree, branches, strict=True)))
    if isinstance(tree, (tuple, list)):
        return _sequence(tree, branches)
    made = copy.copy(tree)
    for field, branch in zip(dataclasses.fields(tree), branches, strict=True):
        object.__setattr__(made, field.name, branch)
    return made


def with_fewer(tree: Any, longest: int, entries: int) -> Any:
    """Leave so many entries of every list or tuple that is longer than `longest`."""
    if type(tree) is dict:
        return {key: with_fewer(tree[key], longest, entries) for key in tree}
    if type(tree) not in (list, tuple):
        return tree
    kept = tree[:entries] if len(tree) > longest else tree
    return type(tree)(with_fewer(branch, longest, entries) for branch in kept)


def _opens(tree: Any, above: tuple[int, ...]) -> bool:
    """Whether there may be tensors in it, and it does not lie in itself or too deep."""
    if isinstance(tree, Tensor):
        return is_packed(tree)
    container = isinstance(tree, (Mapping, tuple, list)) or (
        dataclasses.is_dataclass(tree) and not isinstance(tree, type)
    )
    return container and len(above) < DEEPEST and id(tree) not in above


def _held(tree: Any) -> list[Any]:
    """What a container holds."""
    if isinstance(tree, Tensor):
        return [*values_of(tree).values()]
    if isinstance(tree, Mapping):
        return [tree[key] for key in tree]
    if isinstance(tree, (tuple, list)):
        return list(tree)
    return [getattr(tree, f.name, None) for f in dataclasses.fields(tree)]


def _branches(tree: Any) -> Iterator[tuple[str, Any]]:
    """What a container holds, with the end of the path to it."""
    if isinstance(tree, Tensor):
        return iter(values_of(tree).items())
    if isinstance(tree, Mapping):
        places = [f"[{key!r}]" for key in tree]
    elif names := getattr(tree, "_fields", ()):  # a named tuple
        places = [f".{name}" for name in names]
    elif isinstance(tree, (tuple, list)):
        places = [f"[{index}]" for index in range(len(tree))]
    else:
        places = [f".{field.name}" for field in dataclasses.fields(tree)]
    return zip(places, _held(tree), strict=True)


def _mapping(tree: Any, rebuilt: dict[Any, Any]) -> Any:
    if type(tree) is dict:
        return rebuilt
    if isinstance(tree, MappingProxyType):
        return MappingProxyType(rebuilt)
    made = copy.copy(tree)  # such as the outputs of a model, read as attributes
    try:
        for key, branch in rebuilt.items():
            made[key] = branch
    except TypeError:  # it cannot be written to
        return type(tree)(rebuilt)
    return made


def _sequence(tree: Any, branches: list[Any]) -> Any:
    if type(tree) in (tuple, list):
        return type(tree)(branches)
    if hasattr(tree, "_fields"):
        return type(tree)(*branches)
    if isinstance(tree, list):
        made = copy.copy(tree)
        made[:] = branches
        return made
    try:
        return type(tree)(branches)
    except TypeError:  # its class wants something else: the plain contents
        return tuple.__new__(type(tree), branches)
