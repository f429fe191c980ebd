"""The pytest plugin: a fixture that fails with the verdict of the checker.

Nothing is imported before a test asks for the fixture, not even torch.
"""

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ownloss.checker import Report

__all__ = ["check_loss"]

_MARKER = (
    "ownloss_allow(*kinds): the kinds of mistakes, by their slugs such as 'scale', "
    "that check_loss lets pass in this test because they are meant"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of ownloss to pytest."""
    parser.getgroup("ownloss").addoption(
        "--ownloss-seconds",
        type=float,
        default=None,
        metavar="SECONDS",
        help="how long check_loss may take for each loss",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest about the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def check_loss(request: pytest.FixtureRequest) -> Callable[..., "Report"]:
    """The checker of ownloss; an error that it finds fails the test.

    It takes what :func:`ownloss.check` takes, and returns the report.
    """
    allowed: set[str] = set()
    for marker in request.node.iter_markers("ownloss_allow"):
        allowed.update(marker.args)

    def check(loss: Callable[..., Any], *inputs: Any, **named: Any) -> "Report":
        __tracebackhide__ = True
        import ownloss
        from ownloss.checker import LossError, kinds

        if unknown := sorted(allowed - kinds().keys()):
            nearest = difflib.get_close_matches(unknown[0], kinds(), n=3, cutoff=0)
            pytest.fail(
                f"ownloss_allow: no kind is named {unknown[0]!r}; the nearest: "
                f"{', '.join(nearest)}",
                pytrace=False,
            )
        seconds = request.config.getoption("--ownloss-seconds")
        if seconds is not None:
            named.setdefault("seconds", seconds)
        try:
            report = ownloss.check(loss, *inputs, **named)
        except (TypeError, ValueError) as error:
            # What was given makes no sense: that is said of the test's own line.
            raise type(error)(str(error)) from None
        errors = [f.kind for f in report.findings if f.severity == "error"]
        if not allowed.issuperset(errors) or not (errors or report.ok):
            raise LossError(str(report))
        return report

    return check
