"""Sparse and nested tensors: the numbers in them, and the same with other numbers."""

import torch
from torch import Tensor

from ownloss.checker.torch_insides import with_offsets_of

_SPARSE = (
    torch.sparse_coo,
    torch.sparse_csr,
    torch.sparse_csc,
    torch.sparse_bsr,
    torch.sparse_bsc,
)


def is_packed(tensor: Tensor) -> bool:
    """Whether only a part of the entries is there: the tensor is sparse or nested."""
    sparse = tensor.layout in _SPARSE and not tensor.is_meta
    return tensor.is_nested or sparse


def values_of(tensor: Tensor) -> dict[str, Tensor]:
    """What a packed tensor holds, by the code that gets it; in the same graph.

    >>> values_of(torch.eye(2).to_sparse())
    {'.values()': tensor([1., 1.])}
    """
    if tensor.layout is torch.strided:  # nested, in one piece for each sample
        return {f".unbind()[{i}]": part for i, part in enumerate(tensor.unbind())}
    whole = tensor.coalesce() if tensor.layout is torch.sparse_coo else tensor
    return {".values()": whole.values()}


def repacked(tensor: Tensor, values: list[Tensor]) -> Tensor:
    """A tensor of the same pattern, with other values; gradients flow to these."""
    if tensor.layout is torch.strided:
        return torch.nested.as_nested_tensor(values)
    (held,) = values
    if tensor.is_nested:
        return with_offsets_of(tensor, held)
    if tensor.layout is torch.sparse_coo:
        indices = tensor.detach().coalesce().indices()
        return torch.sparse_coo_tensor(
            indices.clone(),
            held,
            tensor.shape,
            is_coalesced=True,
            check_invariants=False,
        )
    by_row = tensor.layout in (torch.sparse_csr, torch.sparse_bsr)
    compressed = tensor.crow_indices() if by_row else tensor.ccol_indices()
    plain = tensor.col_indices() if by_row else tensor.row_indices()
    return torch.sparse_compressed_tensor(
        compressed.clone(),
        plain.clone(),
        held,
        tensor.shape,
        layout=tensor.layout,
        check_invariants=False,
    )
