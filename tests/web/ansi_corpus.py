"""Text that a terminal, a browser or a reader would obey, if it were not made visible."""

from __future__ import annotations

ESC = "\x1b"
EVERY_BYTE = bytes(range(256)).decode("latin-1")
HOSTILE = (
    EVERY_BYTE,
    bytes(range(256)).decode("utf-8", "backslashreplace"),
    f"{ESC}]8;;javascript:alert(1){ESC}\\click{ESC}]8;;{ESC}\\",
    f"{ESC}]0;title\x07{ESC}]52;c;Y2xpcGJvYXJk\x07",
    f"{ESC}[2J{ESC}[1;1H{ESC}[?1049h{ESC}[6n{ESC}c",
    f"{ESC}P+q544e{ESC}\\ {ESC}_x{ESC}\\ \x9b31m \x9d8;;x\x9c",
    "access_level != '\u202e \u2066// only admins\u2069 \u2066' \u200f\u061c\ufeff",
    "<script>alert(1)</script></textarea><img src=x onerror=alert(1)>",
    f"{ESC}[{'1;' * 5000}31mlong{ESC}[38;2;999;0;0mno{ESC}[38;5;mno{ESC}[48mno{ESC}[;;;m",
    f"{ESC}[31mx" * 5000,
    "\ud800 lone \udfff",
)
