"""Searches further than every test run does: ``python -m tests.model [FAULTS VERBS]``, by default 2 faults, no verb."""

from __future__ import annotations

import sys

from tests.model.search import search
from tests.model.state import Rules

FAULTS, VERBS = map(int, sys.argv[1:3] or ("2", "0"))


def main() -> int:
    """Prints what each search went through; returns 1 when one found a violation."""
    sound = True
    for rules in (Rules(idempotent=False), Rules(idempotent=True, max_attempts=2)):
        found = search(Rules(rules.idempotent, rules.max_attempts, FAULTS, VERBS), most=20_000_000)
        sound = sound and found.broken is None and not found.dead_ends and not found.held_for_ever
        print(
            found, f"  dead ends: {len(found.dead_ends)}, held for ever: {len(found.held_for_ever)}", sep="\n"
        )
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
