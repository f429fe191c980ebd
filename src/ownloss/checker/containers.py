"""Tensors in containers: find them, and put others in their places."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor


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
        rebuilt = {key: with_tensors(branch, tensors) for key, branch in tree.items()}
        if type(tree) is dict:
            return rebuilt
        kept = copy.copy(tree)  # such as the outputs of a model, read as attributes
        for key, branch in rebuilt.items():
            kept[key] = branch
        return kept
    if isinstance(tree, (tuple, list)):
        branches = [with_tensors(branch, tensors) for branch in tree]
        if hasattr(tree, "_fields"):
            return type(tree)(*branches)
        return type(tree)(branches)
    return tree
