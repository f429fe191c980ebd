"""Spread work over copies of this process that have imported everything already.

A fork costs next to nothing; a new process imports torch once more, which
takes longer than most examples.
"""

import contextlib
import ctypes
import functools
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from logging import NullHandler, getLogger
from multiprocessing import get_context
from typing import Any, TypeVar

from sphinx.application import Sphinx
from sphinx.util import logging

Item = TypeVar("Item")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1


def spread(
    function: Callable[..., Result], items: Sequence[Item], *common: Any
) -> Iterator[Result]:
    """Call a function with each item, on as many cores as there are.

    Torch must not have used threads in this process before: their locks would be
    copied without them. Where a process cannot be forked safely, which is said, and
    for a single item, the calls are made in this process.

    Args:
        function: A function of a module; what it returns is pickled.
        items: Its first arguments, each of which is pickled.
        *common: What each call gets beside its item; it is copied with the process, so
            it may be what cannot be pickled.

    Yields:
        The results, in the order of the items.
    """
    forks = sys.platform == "linux"
    cores = len(os.sched_getaffinity(0)) if forks else 1
    if not forks and len(items) > 1:
        logger.info(
            "%d calls of %s, one after the other: a process of %s cannot be forked "
            "safely",
            *(len(items), function.__name__, sys.platform),
        )
    if min(cores, len(items)) < 2:
        yield from (function(item, *common) for item in items)
        return
    freeze()
    with ProcessPoolExecutor(
        min(cores, len(items)), get_context("fork"), _begin, (function, common)
    ) as pool:
        yield from pool.map(_call, items)


@functools.cache
def freeze() -> None:
    """Keep all that lives now out of later garbage collections, once.

    Sphinx-Gallery collects before every example; torch's own objects alone would make
    that a sixth of a second. To ask Python how many are kept out counts them all.
    """
    gc.collect()
    gc.freeze()


def collect_seldom(app: Sphinx, _config: Any) -> None:
    """Look for garbage after many objects: the trees of the pages are hardly any.

    With Python's own numbers a third of the time of reading and writing pages goes
    into looking. The price is a hundred MiB.
    """
    app.collected_after = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)


def collect_again(app: Sphinx, _error: Exception | None) -> None:
    """Leave the process as it was before the build."""
    gc.unfreeze()
    freeze.cache_clear()
    gc.set_threshold(*app.collected_after)


def _begin(function: Callable[..., Any], common: tuple[Any, ...]) -> None:
    """End with the parent, whatever ends it, and leave it to the parent to talk.

    What all calls have in common stays here: the process ends with the last of them.
    """
    global _calls
    _calls = function, common
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    getLogger("sphinx").handlers[:] = [NullHandler()]


def _call(item: Any) -> Any:
    """Call the function of this process."""
    function, common = _calls
    return function(item, *common)
