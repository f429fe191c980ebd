"""Random states: seeded for a run, and put back where they were."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def seed_everything(seed: int) -> None:
    """Seed torch, `random` and, where it is imported, NumPy."""
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


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
