"""A worker never believes longer in its lease than the database gives it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobrunner.worker.pulse import Pulse

LEASE, SELF_FENCE, HEARTBEAT = 30.0, 20.0, 5.0


def test_the_fence_counts_from_when_the_last_stored_heartbeat_began():
    pulse = Pulse(100.0, HEARTBEAT, SELF_FENCE)
    assert (pulse.due_at, pulse.fences_at) == (105.0, 120.0)
    pulse.sent(105.0)
    assert (pulse.due_at, pulse.fences_at) == (110.0, 120.0)
    pulse.stored(105.0)
    assert pulse.fences_at == 125.0


def test_a_heartbeat_that_failed_moves_nothing_and_is_sent_again_soon():
    pulse = Pulse(100.0, HEARTBEAT, SELF_FENCE)
    pulse.sent(105.0)
    pulse.failed(105.0)
    assert (pulse.due_at, pulse.fences_at) == (106.0, 120.0)


def test_an_answer_that_comes_after_a_later_one_takes_nothing_back():
    pulse = Pulse(100.0, HEARTBEAT, SELF_FENCE)
    pulse.stored(110.0)
    pulse.stored(105.0)
    assert pulse.fences_at == 130.0


@given(st.lists(st.tuples(st.floats(0, 40), st.floats(0, 40), st.booleans()), max_size=20))
def test_however_late_the_answers_come_the_fence_is_before_the_end_of_the_lease(beats):
    pulse, now, lease_until = Pulse(0.0, HEARTBEAT, SELF_FENCE), 0.0, LEASE
    for pause, delay, arrives in beats:
        began = now = now + pause
        # stored at any moment from now on, and at the earliest at once
        lease_until = max(lease_until, began + LEASE)
        now += delay
        if arrives:
            pulse.stored(began)
        assert pulse.fences_at <= lease_until - (LEASE - SELF_FENCE) + 1e-6


def test_every_other_heartbeat_of_a_worker_with_nothing_in_hand_may_be_left_out():
    pulse = Pulse(100.0, HEARTBEAT, SELF_FENCE)
    assert pulse.is_young(105.1)
    pulse.sent(105.1)
    assert not pulse.is_young(110.2)
    pulse.stored(110.2)
    assert pulse.is_young(115.3)


def test_no_heartbeat_is_left_out_where_the_fence_is_near():
    assert not Pulse(100.0, HEARTBEAT, 3 * HEARTBEAT).is_young(105.0)
