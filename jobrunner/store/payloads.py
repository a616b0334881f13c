"""Jobs found by a value in their parameters.

The database looks for the text of the value beside its name; whether it stands at the path is found out here, so that
all databases agree on what JSON says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jobrunner import jsontext

_AT_ONCE = 500
Pair = tuple[str, str]
Candidate = tuple[int, str]


def needles(pair: Pair) -> tuple[str, str]:
    """Returns the two texts one of which parameters hold that have the value at the path: as text, and bare."""
    path, value = pair
    name = path.rpartition(".")[2]
    # a number may be a place in a list, which has no name in the text
    before = "" if name.isdecimal() else f"{jsontext.dumps(name)}:"
    return before + jsontext.dumps(value), before + value


def holds(params: str, pairs: Sequence[Pair]) -> bool:
    """True when every value stands at its path: the text itself, or anything else as JSON writes it (7, true, null)."""
    found = jsontext.loads(params)
    return all(_is_at(found, path.split("."), value) for path, value in pairs)


def first(page: Callable[[int | None, int], list[Candidate]], pairs: Sequence[Pair], most: int) -> list[int]:
    """Returns the ids of the first ``most`` candidates that hold every pair.

    ``page`` gives a number of candidates, id and parameters, that come after an id.
    """
    found: list[int] = []
    last: int | None = None
    while len(found) < most:
        candidates = page(last, _AT_ONCE)
        found += [job_id for job_id, params in candidates if holds(params, pairs)]
        if len(candidates) < _AT_ONCE:
            break
        last = candidates[-1][0]
    return found[:most]


def _is_at(value: Any, path: Sequence[str], wanted: str) -> bool:
    for name in path:
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name[:9]) < len(value):
            value = value[int(name[:9])]
        else:
            return False
    return jsontext.shown(value) == wanted
