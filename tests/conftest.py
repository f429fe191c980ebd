"""What every test has: plots without a screen, one thread, the example it mirrors."""

import os

# Before torch and matplotlib are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "agg"

from types import ModuleType

import pytest

from ownloss import catalogue


def load(name: str) -> ModuleType:
    """Run what stands above the line of an example, and only that."""
    found = catalogue.find(name)
    module = ModuleType(name)
    module.__file__ = str(found.path)
    exec(compile(found.loss, found.path, "exec"), module.__dict__)
    return module


@pytest.fixture
def example(request: pytest.FixtureRequest) -> ModuleType:
    """The example that the test file mirrors, what stands above its line."""
    return load(request.path.stem.removeprefix("test_"))
