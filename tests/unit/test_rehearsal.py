"""The job that a nursery goes through before its first fork."""

from __future__ import annotations

import os
import threading

import pytest

from jobrunner.child import rehearsal
from jobrunner.handlers import registry
from jobrunner.handlers.decorator import job


@pytest.fixture(autouse=True)
def no_types(monkeypatch):
    """Begins each test without handlers, and gives them back afterwards."""
    monkeypatch.setattr(registry, "_types", {})


def what_is_there() -> tuple[list[str], list[str], int, dict[str, str]]:
    """Returns what a rehearsal could leave in a process: types, descriptors, threads, environment."""
    types = [one.type for one in registry.all_types()]
    return types, sorted(os.listdir("/proc/self/fd")), threading.active_count(), dict(os.environ)


def test_a_rehearsal_goes_through_a_whole_job_calls_no_handler_and_leaves_nothing_behind():
    called = []
    job("shop.import")(lambda: called.append("shop.import"))
    before = what_is_there()
    assert rehearsal.rehearse() == ["returned"] * rehearsal.TIMES
    assert what_is_there() == before
    assert called == []


def test_where_there_are_no_handlers_nothing_is_rehearsed():
    assert rehearsal.rehearse() == []
