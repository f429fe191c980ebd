"""What torch keeps to itself and the checker needs: each name stands here alone."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.autograd import Function


def version_of(tensor: Tensor) -> int:
    """How often a tensor was written to in place; inference tensors do not count."""
    return 0 if tensor.is_inference() else tensor._version


def function_of(node: Any) -> type[Function]:
    """The Function class whose backward a node of the graph runs."""
    found: type[Function] = type(node)._forward_cls
    return found


def original_of(loss: Any) -> Any:
    """The loss that torch.compile was given; the loss itself if it was not compiled."""
    for name in ("_orig_mod", "_torchdynamo_orig_callable"):
        if hasattr(loss, name):
            return getattr(loss, name)
    return loss


def is_transformed(tensor: Tensor) -> bool:
    """Whether it is what torch.vmap or torch.func.grad hands to a function."""
    return torch._C._functorch.is_functorch_wrapped_tensor(tensor)


def outside_of_transforms() -> AbstractContextManager[Any]:
    """Suspend the torch.vmap or torch.func.grad that is running around this."""
    return temporarily_clear_interpreter_stack()


def with_offsets_of(nested: Any, values: Tensor) -> Tensor:
    """A jagged tensor with other values, and the very offsets of another one.

    With a copy of them, torch takes the two for ragged in unlike ways.
    """
    found: Tensor = torch.nested.nested_tensor_from_jagged(
        values, nested.offsets(), nested.lengths(), jagged_dim=nested._ragged_idx
    )
    return found
