"""The command behind ``scripts/mutate``: a table of guards and the tests that miss them.

``scripts/mutate [--chosen | --wide] [--processes N] [WORD…]``: only guards whose description holds one of the words;
``--chosen`` runs only the tests chosen for a guard's file, ``--wide`` also asks the servers about what no test on SQLite sees.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from tests.mutation.gate import NARROW, Verdict, copy_of_the_tree, first_red, judge
from tests.mutation.guards import Guard, all_guards
from tests.mutation.redundant import REDUNDANT


def main(arguments: Sequence[str]) -> int:
    """Prints the table; returns 1 when a guard can be taken out and every test stays green."""
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument("--chosen", action="store_true")
    parser.add_argument("--wide", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("words", nargs="*")
    options = parser.parse_args(arguments)
    guards = [g for g in all_guards() if not options.words or any(word in str(g) for word in options.words)]
    if options.list:
        print(*guards, sep="\n")
        return 0
    asked = [guard for guard in guards if guard.key not in REDUNDANT]
    verdicts = run(asked, options.processes, further=not options.chosen, wide=options.wide)
    survivors = [verdict for verdict in verdicts if verdict.killed_by is None]
    for guard in guards:
        if guard.key in REDUNDANT:
            print(f"| {guard} | not asked: {REDUNDANT[guard.key]} |")
    print(f"{len(asked)} guards taken out, {len(asked) - len(survivors)} seen, {len(survivors)} not seen")
    return 1 if survivors else 0


def run(guards: Sequence[Guard], processes: int, *, further: bool, wide: bool) -> list[Verdict]:
    """Judges all of these, in so many copies at a time, and prints each verdict as it is found."""
    places: SimpleQueue = SimpleQueue()

    def one(guard: Guard) -> Verdict:
        place = places.get()
        try:
            verdict = judge(place, guard, further=further, wide=wide)
        finally:
            places.put(place)
        print(f"| {guard} | {verdict.killed_by or 'NOT SEEN'} |", flush=True)
        return verdict

    copies = [copy_of_the_tree() for _ in range(processes)]
    try:
        for copy in copies:
            places.put(copy.__enter__())
        first = places.get()
        red = first_red(first, "tests/store", "-k", NARROW)
        places.put(first)
        if red is not None:
            raise SystemExit(f"The tests are red already, with every guard in its place: {red}")
        with ThreadPoolExecutor(processes) as pool:
            return list(pool.map(one, guards))
    finally:
        for copy in copies:
            copy.__exit__(None, None, None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
