"""What torch keeps to itself and the checker needs: each name stands here alone."""

from typing import Any

from torch import Tensor


def version_of(tensor: Tensor) -> int:
    """How often a tensor was written to in place; inference tensors do not count."""
    return 0 if tensor.is_inference() else tensor._version


def function_of(node: Any) -> type:
    """The Function class whose backward a node of the graph runs."""
    return type(node)._forward_cls


def original_of(loss: Any) -> Any:
    """The loss that torch.compile was given; the loss itself if it was not compiled."""
    for name in ("_orig_mod", "_torchdynamo_orig_callable"):
        if hasattr(loss, name):
            return getattr(loss, name)
    return loss
