"""A window of a log: the ledger rows between two seqs, as the page draws them."""

from __future__ import annotations

from typing import Any

from jobrunner.errors import JobNotFound
from jobrunner.states import Status
from jobrunner.store import loglines
from jobrunner.store.database import Database, Row
from jobrunner.store.loglines import Wanted
from jobrunner.web.ansi import coloured, segments, visible
from jobrunner.web.expression import Expression

# how many seqs the viewer counts, asks for and forgets together
BLOCK = 250
MOST = 4 * BLOCK
LONGEST_CONTEXT = 4000


def window(
    database: Database, job_id: int, low: int, high: int, wanted: Wanted, mark: Expression | None = None
) -> dict[str, Any]:
    """Returns ``{head, rows, before}``: what is wanted of seqs ``low`` to ``high``, at most ``MOST`` of them.

    ``before`` is when the row before the first happened, where everything is wanted: a gap shows across windows.
    """
    low, high = max(1, low), min(high, low + MOST - 1)
    first = low - 1 if wanted.everything and low > 1 else low
    seen = loglines.window(database, job_id, first, high, wanted)
    if seen is None:
        raise JobNotFound(f"There is no job {job_id}.")
    top, events = seen
    before = None
    if events and events[0][1]["seq"] < low:
        before = events.pop(0)[1]["at"]
    return {"head": head(top), "before": before, "rows": [shown(kind, row, mark) for kind, row in events]}


def tail(database: Database, job_id: int, count: int) -> tuple[Row, list[dict[str, Any]]]:
    """Returns the head row of a job and its last ``count`` ledger rows as they are shown; raises JobNotFound."""
    top = loglines.head(database, job_id)
    last = top["last_seq"] if top is not None else 0
    seen = loglines.window(database, job_id, max(1, last - count + 1), last, Wanted())
    if seen is None:
        raise JobNotFound(f"There is no job {job_id}.")
    return seen[0], [shown(kind, row) for kind, row in seen[1]]


def head(row: Row) -> dict[str, Any]:
    """Returns where a job and its log stand, as the viewer needs it with every answer."""
    state = Status(row["status"])
    same = ("status", "attempt", "first_seq", "last_seq", "final_seq")
    return {name: row[name] for name in same} | {"is_terminal": state.is_terminal}


def shown(kind: str, row: Row, mark: Expression | None = None, *, ansi: bool = False) -> dict[str, Any]:
    """Returns a ledger row as it is drawn: ``{seq, at, kind, words}``, words being [class names, text] pairs.

    With ``mark`` also ``hits``: from where to where in the text of the words it is found in the message. With
    ``ansi`` the message is one text with its colours in it, for a terminal.

    Every text is visible and every class from a fixed list, whatever the job wrote. A context too long
    to read on a line is left to the download.
    """
    drawn = {"seq": row["seq"], "at": row["at"]}
    if kind == "transition":
        why = f": {row['reason']}" if row["reason"] else ""
        told = visible(f" {row['trigger_name']} by {row['actor']}{why}")
        return drawn | {
            "kind": "k-move",
            "words": [("", f"{row['from_status']} → {row['to_status']}"), ("w-more", told)],
        }
    level, stream, context = row["level"], row["stream"], row["context"]
    words = [("w-level", level)] if level != "info" else []
    words += [("w-stream", stream)] if stream in ("stderr", "response") else []
    if mark is not None:
        before = sum(len(text) for _, text in words)
        drawn["hits"] = [(before + a, before + b) for a, b in mark.spans(visible(row["message"]))]
    words += [("", coloured(row["message"]))] if ansi else segments(row["message"])
    if context is not None and stream != "system" and not context.startswith('{"part":'):
        long = len(context) > LONGEST_CONTEXT
        words.append(
            ("w-more", f" {len(context)} characters: see the download" if long else visible(f" {context}"))
        )
    return drawn | {"kind": _kind(row), "words": words}


def spoken(row: dict[str, Any], *, timed: bool, levels: bool = True) -> str:
    """Returns a row that is shown as one line of text, or several for a message of several."""
    said = "".join(
        f"{text} " if name in ("w-level", "w-stream") else text
        for name, text in row["words"]
        if levels or name != "w-level"
    )
    return f"{row['at']} {said}\n" if timed else f"{said}\n"


def _kind(row: Row) -> str:
    if row["stream"] == "system":
        context = (row["context"] or "").replace(" ", "")
        for kind in ("step", "group"):
            if f'"event":"{kind}_started"' in context:
                return f"k-{kind}"
        if row["level"] == "warning" and " dropped" in row["message"]:
            return "k-drop"
    return f"k-{row['level']}"
