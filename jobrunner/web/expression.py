"""What a text or a regular expression finds in messages, in time that grows with their length and no faster."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from jobrunner.errors import InvalidField
from jobrunner.web.ansi import visible

# bytes that one compiled expression may take; the library keeps the latest 128 of them
MEMORY = 2 * 1024**2
MOST_HITS = 200
HINT = "Write it as RE2 has it (https://github.com/google/re2/wiki/Syntax): no look-around and no back references."


class Expression:
    """A text that is looked for as it stands, or with ``regex`` a regular expression of RE2's.

    It is looked for in what a message shows: without colours, with control characters as escapes. Raises InvalidField,
    naming ``field``, for what is no expression or takes too much memory.
    """

    def __init__(self, text: str, *, icase: bool, regex: bool, field: str = "grep") -> None:
        options = re2.Options()
        options.literal, options.case_sensitive = not regex, not icase
        options.never_capture, options.log_errors, options.max_mem = True, False, MEMORY
        try:
            self._found = re2.compile(text, options)
        except re2.error as error:
            why = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
            raise InvalidField(
                f"{field} is no regular expression: {why}.", hint=HINT, fields={field: why}
            ) from error

    def among(self, messages: Sequence[str]) -> list[bool]:
        """Returns of each message whether it holds the expression."""
        search = self._found.search
        return [search(_bytes(visible(message))) is not None for message in messages]

    def spans(self, shown: str) -> list[tuple[int, int]]:
        """Returns from where to where the first hits in a text go, as a browser counts: in units of UTF-16."""
        text, at, place, found = _bytes(shown), 0, 0, []
        for hit in self._found.finditer(text):
            begin, end = hit.span()
            if begin == end:
                continue
            begins = place + _units(text[at:begin])
            at, place = end, begins + _units(text[begin:end])
            found.append((begins, place))
            if len(found) == MOST_HITS:
                break
        return found


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _units(part: bytes) -> int:
    return len(part) if part.isascii() else len(part.decode("utf-8", "replace").encode("utf-16-le")) // 2
