"""Seeds for a run."""

import random
import sys

import torch


def seed_everything(seed: int) -> None:
    """Seed torch, `random` and, where it is imported, NumPy."""
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
