"""Text that some database, driver or terminal somewhere gets wrong."""

from __future__ import annotations

ODD = (
    "plain",
    "Zoë & Ünïcödé ß",
    "日本語 テスト",
    "😀👩‍👩‍👧 astral",
    "' OR '1'='1; -- %s :name \\ \\n",
    "\u202eright to left\u202c",
    "trailing blanks  ",
    '{"json": [1, null]}',
    "e\u0301 combining, \u00a0nbsp",
    "<script>alert(1)</script>",
)


def line(number: int) -> str:
    """Returns what a job says as its ``number``-th line, counted from 1."""
    return f"line {number} {ODD[number % len(ODD)]}"
