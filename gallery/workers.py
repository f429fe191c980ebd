"""Spread work over copies of this process that have imported everything already.

A fork costs next to nothing; a new process imports torch once more, which
takes longer than most examples.
"""

import contextlib
import ctypes
import functools
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_PR_SET_PDEATHSIG = 1


def spread(
    function: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator[Result]:
    """Call a function with each item, on as many cores as there are.

    Torch must not have used threads in this process before: their locks would be
    copied without them. Where a process cannot be forked safely, and for a single
    item, the calls are made in this process.

    Args:
        function: A function of a module; what it returns is pickled.
        items: Its arguments.

    Yields:
        The results, in the order of the items.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if min(cores, len(items)) < 2:
        yield from map(function, items)
        return
    freeze()
    with ProcessPoolExecutor(
        min(cores, len(items)), get_context("fork"), initializer=_begin
    ) as pool:
        yield from pool.map(function, items)


@functools.cache
def freeze() -> None:
    """Keep all that lives now out of later garbage collections, once.

    Sphinx-Gallery collects before every example; torch's own objects alone would make
    that a sixth of a second.
    """
    gc.collect()
    gc.freeze()


def collect_seldom(*_settings: Any) -> None:
    """Look for garbage after many objects: the trees of the pages are hardly any.

    With Python's own numbers a third of the time of reading and writing pages goes
    into looking. The price is a hundred MiB.
    """
    gc.set_threshold(50_000, 20, 50)


def _begin() -> None:
    """End with the parent, whatever ends it, and leave it to the parent to talk."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    logging.getLogger("sphinx").handlers[:] = [logging.NullHandler()]
