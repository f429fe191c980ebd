"""Time and memory of two functions, taken in turn in one run and given as ratios."""

import datetime
import gc
import json
import platform
import statistics
import time
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

Work = Callable[[], object]
"""Something to be measured: a forward and a backward pass, say."""


def times_longer(ours: Work, theirs: Work, seconds: float = 1.0) -> float:
    """Measure how many times as long one function takes as another.

    The time is the processor's, and both run in turn: what else a busy machine does is
    not counted, and slows both where it does.

    Args:
        ours: The function above the fraction bar.
        theirs: The function below it.
        seconds: How long to go on, at least three turns each.

    Returns:
        The ratio of the medians.
    """
    ours(), theirs()  # the first call of a function imports and allocates
    # Short turns: both sides of a ratio meet the same load.
    repeats = max(1, round(0.0005 / max(_seconds(theirs), 1e-9)))
    taken: tuple[list[float], list[float]] = ([], [])
    end = time.process_time() + seconds
    gc.collect()
    gc.disable()
    try:
        while len(taken[0]) < 3 or time.process_time() < end:
            for work, times in zip((ours, theirs), taken, strict=True):
                times.append(_seconds(work, repeats))
    finally:
        gc.enable()
    return statistics.median(taken[0]) / statistics.median(taken[1])


def _seconds(work: Work, repeats: int = 1) -> float:
    start = time.process_time()
    for _ in range(repeats):
        work()
    return time.process_time() - start


def peak_mebibytes(work: Work) -> float:
    """Count how many bytes of tensors a function holds at most, beyond its inputs.

    It is torch's allocator that counts, so the figure is the same in every run. The
    resident memory of the process depends on what the system takes back, and when.

    Args:
        work: The function; it runs once.

    Returns:
        The peak, in MiB.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        work()
    events = profiled.profiler.kineto_results.events()
    taken = [event for event in events if event.name() == "[memory]"]
    taken.sort(key=lambda event: event.start_ns())
    return max(accumulate(event.nbytes() for event in taken), default=0) / 2**20


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


def keep(path: Path, rows: list[dict[str, object]]) -> None:
    """Write figures with the day and the machine that they are from.

    Args:
        path: A file beside this one; the page of figures in the reference reads it.
        rows: A row for each loss. Numbers are kept to three digits.
    """
    figures = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "rows": [
            {
                k: float(f"{v:.3g}") if isinstance(v, float) else v
                for k, v in row.items()
            }
            for row in rows
        ],
    }
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
