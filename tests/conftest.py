"""What every test has: plots without a screen, one thread, the example it mirrors."""

import os

# Before torch and matplotlib are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "agg"

from types import ModuleType

import pytest

from ownloss.catalogue import load


@pytest.fixture
def example(request: pytest.FixtureRequest) -> ModuleType:
    """The example that the test file mirrors, what stands above its line."""
    return load(request.path.stem.removeprefix("test_"))
