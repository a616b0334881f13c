"""When a worker may be held dead: by its process at once, by its silence late, and by a clock alone never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.operations.suspicion import Belief, Memory, Sighting

LEASE = 30.0


def look(memory: Memory, now: float, *seen: Sighting) -> dict[str, Belief]:
    return memory.judge(seen, now)


def silent(worker: str = "w", beats: int = 4, runs: bool | None = None) -> Sighting:
    return Sighting(worker, runs, beats, expired=True)


def beating(worker: str = "w", beats: int = 4, runs: bool | None = None) -> Sighting:
    return Sighting(worker, runs, beats, expired=False)


@pytest.mark.parametrize("expired", [False, True])
def test_a_process_that_is_gone_is_proof_at_the_first_look(expired):
    assert look(Memory(LEASE), 0, Sighting("w", False, 1, expired)) == {"w": Belief.GONE}


@pytest.mark.parametrize("runs", [None, True])
def test_a_lease_that_has_expired_is_no_proof_at_the_first_look(runs):
    assert look(Memory(LEASE), 0, silent(runs=runs)) == {"w": Belief.UNDECIDED}


@pytest.mark.parametrize("runs", [None, True])
def test_silence_for_a_whole_lease_after_the_first_look_decides(runs):
    memory = Memory(LEASE)
    look(memory, 100, silent(runs=runs))
    assert look(memory, 129.9, silent(runs=runs)) == {"w": Belief.UNDECIDED}
    assert look(memory, 130, silent(runs=runs)) == {"w": Belief.SILENT}


def test_silences_count_anew_when_the_database_is_back():
    memory = Memory(LEASE)
    look(memory, 0, beating())
    memory.begin_anew()
    assert look(memory, 100, silent()) == {"w": Belief.UNDECIDED}
    assert look(memory, 130, silent()) == {"w": Belief.SILENT}


def test_whoever_was_watched_before_the_lease_expired_is_decided_on_as_it_expires():
    memory = Memory(LEASE)
    for now in range(30):
        assert look(memory, now, beating()) == {"w": Belief.ALIVE}
    assert look(memory, 30.5, silent()) == {"w": Belief.SILENT}


def test_silence_alone_is_nothing_while_the_database_says_that_the_lease_runs():
    memory = Memory(LEASE)
    look(memory, 0, beating())
    assert look(memory, 1000, beating()) == {"w": Belief.ALIVE}


def test_one_heartbeat_begins_the_silence_anew():
    memory = Memory(LEASE)
    look(memory, 0, silent(beats=4))
    assert look(memory, 29, silent(beats=5)) == {"w": Belief.UNDECIDED}
    assert look(memory, 58, silent(beats=5)) == {"w": Belief.UNDECIDED}
    assert look(memory, 59, silent(beats=5)) == {"w": Belief.SILENT}


def test_when_several_fall_silent_together_they_get_one_lease_more():
    memory = Memory(LEASE)
    look(memory, 0, silent("a"), silent("b"))
    assert set(look(memory, 31, silent("a"), silent("b")).values()) == {Belief.UNDECIDED}
    assert set(look(memory, 60, silent("a"), silent("b")).values()) == {Belief.SILENT}


def test_one_whose_lease_runs_does_not_count_as_silent_too():
    memory = Memory(LEASE)
    look(memory, 0, silent("a"), beating("b"))
    assert look(memory, 30, silent("a"), beating("b"))["a"] is Belief.SILENT


def test_those_who_fall_silent_long_after_each_other_do_not_do_so_together():
    memory = Memory(LEASE)
    look(memory, 0, silent("a"))
    beliefs = look(memory, 31, silent("a"), silent("b"))
    assert beliefs == {"a": Belief.SILENT, "b": Belief.UNDECIDED}
    memory = Memory(LEASE)
    look(memory, 0, silent("a"))
    beliefs = look(memory, 30, silent("a"), silent("b"))
    assert beliefs == {"a": Belief.UNDECIDED, "b": Belief.UNDECIDED}


def test_one_that_comes_back_does_not_speed_the_other_one_up():
    memory = Memory(LEASE)
    look(memory, 0, silent("a"), silent("b"))
    assert look(memory, 31, beating("a", 5), silent("b"))["b"] is Belief.UNDECIDED
    assert look(memory, 60, beating("a", 5), silent("b"))["b"] is Belief.SILENT


def test_those_proved_dead_by_their_process_do_not_make_others_suspect_the_reaper():
    memory = Memory(LEASE)
    look(memory, 0, silent("a", runs=False), silent("b"))
    assert look(memory, 30, silent("b")) == {"b": Belief.SILENT}


def test_how_long_to_wait_until_all_is_decided():
    memory = Memory(LEASE)
    assert memory.undecided_for(0) is None
    look(memory, 0, silent("a"))
    assert memory.undecided_for(10) == 20
    look(memory, 10, silent("a"), silent("b"))
    assert memory.undecided_for(10) == 60
    look(memory, 11, beating("a", 9), beating("b", 9))
    assert memory.undecided_for(11) is None


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=40), st.booleans())
def test_a_worker_that_beats_is_never_held_dead_whatever_the_clock_of_the_database_does(steps, runs):
    memory, now = Memory(LEASE), 0.0
    for beats, (pause, expired) in enumerate(steps):
        now += pause
        seen = Sighting("w", True if runs else None, beats, expired)
        assert not look(memory, now, seen)["w"].is_dead
