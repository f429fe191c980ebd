"""What a check leaves as it was."""

import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ownloss.checker.copies import modules_of
from ownloss.checker.torch_insides import version_of


@contextmanager
def everything_kept(loss: Any) -> Iterator[None]:
    """Run a loss without warnings and with gradients; leave no trace of it."""
    with (
        warnings.catch_warnings(),
        random_state_kept(),
        state_kept(loss),
        torch.inference_mode(False),
        torch.enable_grad(),
    ):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Put every random state back where it was."""
    numpy = sys.modules.get("numpy")
    kept = torch.get_rng_state(), random.getstate()
    kept_numpy = numpy.random.get_state() if numpy else None
    try:
        yield
    finally:
        torch.set_rng_state(kept[0])
        random.setstate(kept[1])
        if numpy:
            numpy.random.set_state(kept_numpy)


@contextmanager
def state_kept(loss: Any) -> Iterator[None]:
    """Put Modules back as they were, for a loss that could not be copied."""
    parts = [part for module in modules_of(loss) for part in module.modules()]
    attributes = [dict(vars(part)) for part in parts]
    tensors = [
        (tensor, version_of(tensor), tensor.detach().clone())
        for module in modules_of(loss)
        for tensor in (*module.parameters(), *module.buffers())
    ]
    try:
        yield
    finally:
        for part, kept in zip(parts, attributes, strict=True):
            vars(part).clear()
            vars(part).update(kept)
        for tensor, version, value in tensors:
            if version_of(tensor) != version:
                with torch.no_grad():
                    tensor.copy_(value)
