"""How a log line looks."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from jobrunner.cli import output

LEVELS = ("debug", "info", "warning", "error")
STREAMS = ("log", "stdout", "stderr", "system", "response")


def text(line: Mapping[str, Any], *, raw: bool = False) -> str:
    """Returns ``time level message`` of a line, its step before and its context after the message.

    Control characters are shown as escapes and further lines of a message are indented, so that no
    message can pass for another line; ``raw`` gives the bare message instead.
    """
    if raw:
        return str(line["message"])
    level = str(line["level"])
    head = f"{line['at'][:23]}Z {level:<7} "
    step = f"[{output.one_line(line['step'])}] " if line.get("step") else ""
    message = output.visible(str(line["message"])).replace("\n", "\n" + " " * len(head))
    context = line.get("context")
    after = (
        ""
        if not context or line["stream"] == "system"
        else " " + output.visible(json.dumps(context, ensure_ascii=False))
    )
    if not output.coloured(sys.stdout):
        return f"{head}{step}{message}{after}"
    colour = output.LEVEL_COLOURS.get(level)
    return f"{output.paint(head, 'dim')}{output.paint(step, 'blue')}{output.paint(message, colour)}{output.paint(after, 'dim')}"


def move(event: Mapping[str, Any]) -> str:
    """Returns ``time from → to`` of a transition, with who caused it and why."""
    why = f": {output.one_line(event['reason'])}" if event.get("reason") else ""
    return f"{event['at'][:23]}Z {event['from']} → {event['to']} ({event['trigger']} by {output.one_line(event['actor'])}){why}"


def ndjson(event: Mapping[str, Any], job_id: int | None = None) -> None:
    """Puts a ledger row as one JSON object on one line, with the job's id where several are told."""
    output.document(({} if job_id is None else {"job_id": job_id}) | dict(event))
