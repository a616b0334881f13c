"""When a pool looks for jobs."""

from __future__ import annotations

import pytest

from jobrunner.worker.pacing import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def pace() -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(0.05, 5, clock), clock


def test_looks_in_vain_become_seldom_and_stay_bounded():
    one, clock = pace()
    waits = []
    for _ in range(10):
        one.found(0, 0, 4)
        waits.append(round(one.at - clock.now, 3))
    assert waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5]


def test_a_look_that_fills_all_seats_is_followed_by_another_at_once():
    one, clock = pace()
    one.found(4, 4, 4)
    assert one.at <= clock.now


def test_what_others_took_first_is_no_reason_to_rest():
    one, clock = pace()
    one.found(0, 4, 4)
    assert one.at - clock.now < 0.01


def test_a_ring_ends_the_rest():
    one, clock = pace()
    for _ in range(8):
        one.found(0, 0, 4)
    one.hurry()
    assert one.at <= clock.now and one.is_called
    one.begin()
    one.found(0, 0, 4)
    assert round(one.at - clock.now, 3) == 0.05


def test_what_is_expected_is_looked_for_when_it_is_due():
    one, clock = pace()
    one.expect(0.5)
    for _ in range(8):
        one.found(0, 0, 4)
    assert round(one.at - clock.now, 3) == 0.5
    clock.now += 1
    one.found(0, 0, 4)
    assert round(one.at - clock.now, 3) == 5


def test_a_call_is_for_the_look_that_begins_next():
    one, _ = pace()
    assert not one.is_called
    one.hurry()
    assert one.is_called
    one.begin()
    assert not one.is_called


@pytest.mark.parametrize("found", [(0, 0, 4), (1, 1, 4), (1, 4, 4)])
def test_a_call_that_comes_during_a_look_is_not_answered_by_what_that_look_finds(found):
    one, clock = pace()
    one.begin()
    one.hurry()
    one.found(*found)
    assert one.at <= clock.now and one.is_called
