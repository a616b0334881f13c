"""A breadth-first search through every state, which keeps how it came to each."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from tests.model import protocol
from tests.model.memory import Broken
from tests.model.state import Rules, State, canonical


@dataclass
class Found:
    """What a search went through. ``broken`` is the first violation, ``path`` the fewest steps that lead to it."""

    rules: Rules
    states: int = 0
    moves: int = 0
    depth: int = 0
    highest_fence: int = 0
    broken: str | None = None
    path: list[str] = field(default_factory=list)
    dead_ends: list[State] = field(default_factory=list)
    held_for_ever: list[State] = field(default_factory=list)

    def __str__(self) -> str:
        kind = "idempotent" if self.rules.idempotent else "not idempotent"
        told = (
            f"{kind}, {self.rules.max_attempts} attempts, {self.rules.faults} faults, {self.rules.verbs} verbs:"
            f" {self.states} states, {self.moves} steps, depth {self.depth}, fences up to {self.highest_fence}"
        )
        if self.broken is None:
            return told
        steps = "\n".join(f"  {number:2}. {what}" for number, what in enumerate(self.path, 1))
        return f"{told}\n{self.broken}\n{steps}"


class Steps:
    """Who follows whom, in few bytes each: millions of steps are asked once, from their ends backwards."""

    def __init__(self) -> None:
        self._before, self._after = array("I"), array("I")

    def add(self, before: int, after: int) -> None:
        """Notes a step."""
        self._before.append(before)
        self._after.append(after)

    def unreached(self, goals: bytearray) -> list[int]:
        """Returns the states from which no goal can be reached."""
        first = array("I", bytes(4 * (len(goals) + 1)))
        for after in self._after:
            first[after] += 1
        for number, count in enumerate(accumulate(first)):
            first[number] = count
        ordered = array("I", bytes(4 * len(self._after)))
        for before, after in zip(self._before, self._after, strict=True):
            first[after] -= 1
            ordered[first[after]] = before
        reached = bytearray(goals)
        waiting = [number for number, goal in enumerate(goals) if goal]
        while waiting:
            here = waiting.pop()
            for before in ordered[first[here] : first[here + 1]]:
                if not reached[before]:
                    reached[before] = 1
                    waiting.append(before)
        return [number for number, yes in enumerate(reached) if not yes]


def search(rules: Rules, most: int = 2_000_000) -> Found:
    """Goes through every state within the rules' bounds, nearest first, up to the first violation."""
    found = Found(rules)
    first = canonical(protocol.normal(State(faults=rules.faults, verbs=rules.verbs)))
    # in the order in which they were met: a state's number is its place
    number: dict[State, int] = {first: 0}
    came: list[tuple[int, str]] = [(-1, "")]
    own, unhelped = Steps(), Steps()
    shared: dict[Any, Any] = {}
    layer = [first]
    while layer and found.broken is None:
        following: list[State] = []
        for state in layer:
            here = number[state]
            try:
                protocol.check(state, rules)
                for what, reached in protocol.steps(state, rules):
                    after = canonical(protocol.normal(reached))
                    there = number.get(after)
                    found.moves += 1
                    if there is None:
                        # equal parts of millions of states are kept once
                        after = State(*[shared.setdefault(part, part) for part in after])
                        there = number[after] = len(came)
                        came.append((here, shared.setdefault(what, what)))
                        following.append(after)
                    if not protocol.is_fault(state, after):
                        own.add(here, there)
                        if not protocol.is_stuck_without_help(what):
                            unhelped.add(here, there)
            except Broken as broken:
                found.broken = str(broken)
                found.path = _path(came, here)
                break
        if len(came) > most:
            raise AssertionError(f"more than {most} states: {found}")
        found.depth += bool(following)
        layer = following
    found.states = len(came)
    found.highest_fence = max(state.job.fence for state in number)
    if found.broken is None:
        ends, free = bytearray(), bytearray()
        for state in number:
            job = state.job
            bound = job.fence >= rules.fences and job.status in ("queued", "scheduled")
            ends.append(bound or job.status in protocol.ENDS)
            free.append(job.status not in ("running", "cancel_requested"))
        states = list(number)
        found.dead_ends = [states[n] for n in own.unreached(ends)]
        found.held_for_ever = [states[n] for n in unhelped.unreached(free)]
    return found


def _path(came: list[tuple[int, str]], where: int) -> list[str]:
    path = []
    while where > 0:
        where, what = came[where]
        path.append(what)
    return path[::-1]
