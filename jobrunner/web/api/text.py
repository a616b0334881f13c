"""The log as text: one line for a line, as the command line prints it."""

from __future__ import annotations

import json
from typing import Any

from jobrunner.store.database import Row
from jobrunner.web.ansi import visible

_BREAKS = str.maketrans({"\n": " ", "\t": " "})


def line(row: Row) -> str:
    """Returns ``time level [step] message context`` and a line end.

    What a terminal would obey is shown as an escape, and further lines of a message are indented, so that no
    message can pass for another line.
    """
    head = f"{row['at'][:23]}Z {row['level']:<7} "
    step = f"[{visible(row['step_key']).translate(_BREAKS)}] " if row["step_key"] else ""
    message = visible(row["message"])
    if "\n" in message:
        message = message.replace("\n", "\n" + " " * len(head))
    return f"{head}{step}{message}{_context(row)}\n"


def raw(row: Row) -> str:
    """Returns the bare message and a line end, control characters as they are."""
    return f"{row['message']}\n"


def ndjson(row: Row) -> str:
    """Returns a line as JSON, with the fields of a log event of the status model."""
    shown = {
        "seq": row["seq"], "kind": "log", "at": row["at"], "attempt": row["attempt"], "level": row["level"],
        "stream": row["stream"], "step": row["step_key"], "logger": row["logger"], "message": row["message"],
        "context": None if row["context"] is None else _loaded(row["context"]),
    }  # fmt: skip
    return json.dumps(shown, separators=(",", ":")) + "\n"


def _context(row: Row) -> str:
    if row["context"] is None or row["stream"] == "system":
        return ""
    context = _loaded(row["context"])
    return "" if not context else " " + visible(json.dumps(context, ensure_ascii=False)).translate(_BREAKS)


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # somebody forced it into the column; it is shown as it is
