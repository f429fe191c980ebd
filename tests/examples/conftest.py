"""What the tests of examples have beside what every test has."""

import pytest

import ownloss


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no busy machine end a check: its verdict is that of a machine at rest."""
    monkeypatch.setitem(ownloss.check.__kwdefaults__, "seconds", 300.0)
