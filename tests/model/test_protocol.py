"""In no order of steps, faults and verbs is a job lost, run twice, moved by who does not hold it, or stuck."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model.search import search
from tests.model.state import Rules

AGAIN = Rules(idempotent=True, max_attempts=2)
ONCE = Rules(idempotent=False)


@pytest.mark.parametrize(
    "rules",
    [
        replace(AGAIN, faults=1, verbs=1),
        replace(AGAIN, faults=0, verbs=2),
        replace(ONCE, faults=1, verbs=1),
        replace(ONCE, faults=0, verbs=3),
    ],
    ids=lambda rules: f"{'again' if rules.idempotent else 'once'}-{rules.faults}-faults-{rules.verbs}-verbs",
)
def test_every_state_is_sound_and_leads_to_an_end(rules: Rules, record_property) -> None:
    found = search(rules)
    print(found)
    record_property("searched", str(found))
    assert found.broken is None, str(found)
    assert found.dead_ends == [], "from here the job can neither end nor be parked"
    assert found.held_for_ever == [], "from here a worker that does not come back keeps the job"


CONTROLS = {
    "without the fence a superseded worker moves the job": (
        replace(AGAIN, faults=1, verbs=0, checks_fence=False),
        "I3",
    ),
    "by the clock alone an attempt runs beside the next one": (
        replace(AGAIN, faults=1, verbs=0, trusts_the_clock=True),
        "I8",
    ),
    "without the death of the child the job is taken away beside it": (
        replace(ONCE, faults=1, verbs=0, confirms_the_child=False),
        "I9",
    ),
    "a heartbeat that counts from its answer fences too late": (
        replace(AGAIN, faults=1, verbs=0, times_heartbeats_from_their_reply=True),
        "I8",
    ),
    "a claim that is believed without a second look begins what was taken away": (
        replace(ONCE, faults=2, verbs=0, confirms_a_claim=False),
        "begin under a claim that was taken away",
    ),
}


@pytest.mark.parametrize("what", list(CONTROLS))
def test_the_control(what: str) -> None:
    rules, wanted = CONTROLS[what]
    found = search(rules)
    print(f"\n{what}:\n{found}")
    assert found.broken is not None and wanted in found.broken
    assert found.path, "the fewest steps to it"
