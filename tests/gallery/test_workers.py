"""Work is spread over forked processes, and done one by one where there are none."""

import gc
import os
import sys
import threading
from types import SimpleNamespace

import pytest

from gallery import workers


def where(item, lock):
    """The process, the item, and whether what cannot be pickled is there."""
    return os.getpid(), item, lock.locked()


@pytest.fixture(autouse=True)
def thaw():
    yield
    gc.unfreeze()
    workers.freeze.cache_clear()


def test_what_all_calls_have_in_common_need_not_be_pickled(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    done = list(workers.spread(where, [1, 2, 3], threading.Lock()))
    assert [(item, locked) for _, item, locked in done] == [
        (item, False) for item in (1, 2, 3)
    ]
    if sys.platform == "linux":
        assert os.getpid() not in {process for process, *_ in done}


def test_where_no_process_forks_the_calls_are_made_here_and_that_is_said(monkeypatch):
    said = []
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(workers.logger, "info", lambda text, *a: said.append(text % a))
    done = list(workers.spread(where, [1, 2], threading.Lock()))
    assert done == [(os.getpid(), item, False) for item in (1, 2)]
    assert said == [
        "2 calls of where, one after the other: "
        "a process of darwin cannot be forked safely"
    ]


def test_a_build_leaves_the_collector_as_it_was():
    before, app = gc.get_threshold(), SimpleNamespace()
    workers.collect_seldom(app, None)
    workers.freeze()
    assert gc.get_threshold() != before
    workers.collect_again(app, None)
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
    workers.freeze()
    assert gc.get_freeze_count() > 0, "nor does it keep another build from it"
