"""JSON for people: laid out, whole on demand, and never cut without saying so."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

CUT = 4_000
# JSON writes these as they are; a page shows them as JSON's own escapes, so that the text still means the same
_HARMFUL = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")


@dataclass(frozen=True)
class Value:
    """A JSON value as text; ``cut`` when it goes on, ``size`` is that of the whole."""

    text: str
    size: int
    cut: bool


def laid_out(value: Any) -> str:
    """Returns JSON text with indents, whose every character can be seen."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return _HARMFUL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def shown(value: Any, *, whole: bool) -> Value:
    """Returns a value for a page: its first lines, or all of it."""
    text = laid_out(value)
    size = len(text.encode())
    if whole or len(text) <= CUT:
        return Value(text, size, False)
    head = text[:CUT]
    return Value(head[: max(head.rfind("\n"), CUT // 2)], size, True)
