"""A hint that there is work, which costs nothing where nobody listens."""

from __future__ import annotations

import select
from pathlib import Path

import pytest

from jobrunner.doorbell import Doorbell, ring

STORE = "sqlite:///one.db"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "jobrunner"


def rings(bell: Doorbell) -> bool:
    return bool(select.select([bell], [], [], 0)[0])


def test_a_ring_is_heard_by_the_pools_of_that_store_only():
    mine, other = Doorbell(STORE), Doorbell("sqlite:///two.db")
    ring(STORE)
    assert rings(mine)
    assert not rings(other)
    mine.hush()
    assert not rings(mine)
    mine.close()
    other.close()


def test_ringing_where_nobody_listens_is_nothing(directory):
    ring(STORE)
    assert not directory.exists()


def test_the_bell_of_a_dead_pool_is_removed(directory):
    dead = Doorbell(STORE)
    dead._socket.close()
    assert len(list(directory.iterdir())) == 1
    ring(STORE)
    assert list(directory.iterdir()) == []
    dead = Doorbell("sqlite:///two.db")
    dead._socket.close()
    alive = Doorbell(STORE)
    assert len(list(directory.iterdir())) == 1
    alive.close()
    assert list(directory.iterdir()) == []


def test_a_directory_that_others_can_enter_is_not_used(directory):
    directory.mkdir(mode=0o755)
    bell = Doorbell(STORE)
    assert list(directory.iterdir()) == []
    bell.close()
