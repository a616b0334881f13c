"""Does what happened hold together? Joins the tables, the history and the witness, and names what is broken.

Each invariant has a number (those of the reliability notes: I1 to I20) and one function that yields the
violations it finds. What is not decided by rows and files is not here: signals to strangers (I10) and
schedules (I16) do not exist yet or have tests of their own, secrets (I18) neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.faults import effects, ledgers
from tests.faults.evidence import Evidence


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold, and the rows that show it."""

    invariant: str
    message: str
    rows: tuple[Any, ...] = field(default=())

    def __str__(self) -> str:
        shown = "".join(f"\n    {row}" for row in self.rows)
        return f"{self.invariant}: {self.message}{shown}"


CHECKS = {
    "I1 single live attempt": ledgers.single_live_attempt,
    "I2 fence only grows": ledgers.fence_only_grows,
    "I3 no stale writer": ledgers.no_stale_writer,
    "I4 gapless history": ledgers.gapless_history,
    "I5 acknowledged is durable": effects.acknowledged_is_durable,
    "I6 unknown is done once": effects.unknown_is_done_once,
    "I7 not idempotent, not twice": effects.not_twice_by_itself,
    "I8 overlap is bounded": effects.overlap_is_bounded,
    "I9 no orphan": effects.no_orphan,
    "I11 terminal is final": ledgers.terminal_is_final,
    "I12 lines in order and complete": effects.lines_are_complete,
    "I13 a cancel is seen": ledgers.cancel_is_seen,
    "I14 exactly one outcome": ledgers.exactly_one_outcome,
    "I15 keys hold": ledgers.keys_hold,
    "I17 the chain verifies": ledgers.chain_verifies,
    "I19 text comes back as it was (lines, params)": effects.text_comes_back,
    "I20 bounded rows and files (part)": effects.bounded,
}


def check(evidence: Evidence) -> list[Violation]:
    """Returns every violation of every invariant."""
    return [
        Violation(name, message, tuple(rows))
        for name, find in CHECKS.items()
        for message, *rows in _asked(find(evidence))
    ]


def _asked(found: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    yield from found
