"""Run a stranger's code: quietly, offline, and not for ever."""

import contextlib
import io
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from typing import Any

__all__ = ["SECONDS", "first_line", "quiet"]

SECONDS = 10.0
"""So long may a call take, in seconds of the processor."""


@contextlib.contextmanager
def quiet(seconds: float | None = None) -> Iterator[None]:
    """Run a stranger's code: no printing, no warning, no download, not for ever.

    Args:
        seconds: How long it may compute; `SECONDS` by default.

    Raises:
        TimeoutError: It has taken longer.
        OSError: It wanted to download something.
    """
    limit = SECONDS if seconds is None else seconds

    def refuse(*_arguments: Any, **_named: Any) -> None:
        raise OSError("it wants to download something")

    def stop(*_arguments: Any) -> None:
        raise TimeoutError(f"it takes longer than {limit:g} seconds of computing")

    # The time of the processor, so that a busy machine decides nothing. Signals reach
    # the main thread alone, and Windows has none of this kind.
    main = threading.current_thread() is threading.main_thread()
    timed = main and hasattr(signal, "setitimer")
    connect = socket.socket.connect
    resolve = socket.getaddrinfo
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        if timed:
            before = signal.signal(signal.SIGPROF, stop)
            # And again soon: whoever catches the first one may loop again, and again.
            signal.setitimer(signal.ITIMER_PROF, limit, 0.1)
        socket.socket.connect = refuse  # type: ignore[method-assign]
        socket.getaddrinfo = refuse  # type: ignore[assignment]
        try:
            yield
        finally:
            socket.socket.connect = connect  # type: ignore[method-assign]
            socket.getaddrinfo = resolve
            if timed:
                signal.setitimer(signal.ITIMER_PROF, 0)
                signal.signal(signal.SIGPROF, before)


def first_line(error: BaseException | None) -> str:
    """An error in one line, with its type."""
    if error is None:
        return "nothing"
    lines = str(error).strip().splitlines()
    return (
        f"{type(error).__name__}: {lines[0][:150]}" if lines else type(error).__name__
    )
