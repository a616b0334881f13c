"""Rows of a plain page folded into the steps and groups that they belong to, as far as the page shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jobrunner import durations

_WORDS = {"ok": "done", "error": "failed", "cancelled": "cancelled"}


@dataclass
class Section:
    """The row with which a step or group begins, and the rows in it; ``sum`` says how it went, if it ends on the page."""

    head: dict[str, Any]
    rows: list[dict[str, Any] | Section] = field(default_factory=list)
    sum: str = ""


def folded(rows: Iterable[tuple[dict[str, Any], dict[str, Any] | None]]) -> list[dict[str, Any] | Section]:
    """Returns rows, each given with what it tells of a section or None, in the sections that begin among them."""
    top: list[dict[str, Any] | Section] = []
    open_ones: list[tuple[tuple[str, Any], Section]] = []
    for row, told in rows:
        where = open_ones[-1][1].rows if open_ones else top
        if told is None:
            where.append(row)
            continue
        kind = told["event"].partition("_")[0]
        name = (kind, told["group"] if kind == "group" else told["key"])
        if told["event"].endswith("_started"):
            section = Section(row)
            where.append(section)
            open_ones.append((name, section))
            continue
        where.append(row)
        place = next((n for n in reversed(range(len(open_ones))) if open_ones[n][0] == name), None)
        if place is not None:
            # what was begun within it and has no end belongs to it
            open_ones[place][1].sum = _sum(open_ones[place][1].head["seq"], row["seq"], told)
            del open_ones[place:]
    return top


def _sum(begin: int, end: int, told: dict[str, Any]) -> str:
    seconds = told["seconds"]
    took = f" · {durations.text(seconds)}" if isinstance(seconds, int | float) else ""
    count = end - begin - 1
    return f"{_WORDS.get(told['outcome'], 'ended')}{took} · {count:,} line{'' if count == 1 else 's'}"
