"""Time and memory of two functions, taken in turn in one run and given as ratios."""

import gc
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import torch

Work = Callable[[], object]
"""Something to be measured: a forward and a backward pass, say."""

_KIBIBYTE = 1024


def times_longer(ours: Work, theirs: Work, seconds: float = 1.0) -> float:
    """Measure how many times as long one function takes as another.

    Both run in turn, so that a busy machine slows both.

    Args:
        ours: The function above the fraction bar.
        theirs: The function below it.
        seconds: How long to go on, at least five turns each.

    Returns:
        The ratio of the medians.
    """
    ours(), theirs()  # the first call of a function imports and allocates
    # Short turns: both sides of a ratio meet the same load.
    repeats = max(1, round(0.0005 / max(_seconds(theirs), 1e-9)))
    taken: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + seconds
    gc.collect()
    gc.disable()
    try:
        while len(taken[0]) < 5 or time.perf_counter() < end:
            for work, times in zip((ours, theirs), taken, strict=True):
                times.append(_seconds(work, repeats))
    finally:
        gc.enable()
    return statistics.median(taken[0]) / statistics.median(taken[1])


def _seconds(work: Work, repeats: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return time.perf_counter() - start


def peak_mebibytes(work: Work) -> float:
    """Measure how far the memory of the process grows while a function runs.

    The function runs once, in a process of its own that has not run it before.

    Args:
        work: The function.

    Returns:
        The growth of the resident memory at its highest, in MiB.
    """
    context = get_context("fork")  # the inputs are there already, and nothing is copied
    queue = context.SimpleQueue()
    child = context.Process(target=_report_peak, args=(work, queue))
    child.start()
    child.join()
    if child.exitcode:
        raise RuntimeError(f"the measured process ended with status {child.exitcode}")
    return queue.get()


def _report_peak(work: Work, queue: object) -> None:
    before = _highest_resident(reset=True)
    work()
    queue.put((_highest_resident() - before) / _KIBIBYTE)


def _highest_resident(*, reset: bool = False) -> int:
    """The highest resident memory in KiB; since the reset where Linux allows one."""
    status, clear = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if status.exists():
        if reset and os.access(clear, os.W_OK):
            clear.write_text("5")
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1])
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest // _KIBIBYTE if sys.platform == "darwin" else highest


def machine() -> dict[str, str]:
    """Name what the figures were measured on."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    return {
        "processor": processor,
        "threads": str(torch.get_num_threads()),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
