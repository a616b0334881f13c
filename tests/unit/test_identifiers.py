"""Identifiers: of the promised form, unlike each other, and in the order in which they were made."""

from __future__ import annotations

import time
import uuid

import pytest

from jobrunner import identifiers


def test_an_id_is_a_uuid_of_version_7_and_of_this_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(identifiers.uuid7())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000
    assert len({identifiers.uuid7() for _ in range(10_000)}) == 10_000


def test_ids_of_one_millisecond_sort_in_the_order_in_which_they_were_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = iter(range(1_800_000_000_000_000_000, 1_800_000_000_001_000_000, 1_000))
    monkeypatch.setattr(time, "time_ns", lambda: next(moments))
    made = [identifiers.uuid7() for _ in range(1_000)]
    assert made == sorted(made)
    assert len({one[:13] for one in made}) == 1
