"""From the bytes of a pipe to lines of text. Pure."""

from __future__ import annotations

import codecs
from collections.abc import Callable

LIMIT = 16 * 1024
_SURELY_SHORT = LIMIT // 4


def cut(text: str, most: int = LIMIT) -> list[str]:
    """Returns pieces of at most ``most`` bytes of UTF-8 that concatenate to ``text`` and break no code point."""
    if len(text) * 4 <= most:
        return [text]
    data = text.encode("utf-8", "surrogatepass")
    pieces: list[str] = []
    start = 0
    while start < len(data) or not pieces:
        end = min(start + most, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(data[start:end].decode("utf-8", "surrogatepass"))
        start = end
    return pieces


def clean(text: str) -> str:
    """Returns text that every database takes: LF for CRLF, NUL and lone surrogates as visible escapes."""
    while "\r\n" in text:
        text = text.replace("\r\n", "\n")
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text


def settled(text: str) -> str:
    """Returns clean text of which each line that lone CRs redraw keeps its last state that is not empty."""
    text = clean(text)
    return text if "\r" not in text else "\n".join(map(_last_state, text.split("\n")))


def _last_state(line: str) -> str:
    return next((state for state in reversed(line.split("\r")) if state), "")


class LineAssembler:
    """Cuts a stream of bytes into messages; what comes out does not depend on how the bytes were split.

    A line ends at LF or CRLF. A line redrawn by lone CRs keeps its last state that is not empty. Bytes that
    are not UTF-8 become ``\\xNN``, NUL becomes ``\\x00``. A line of more than 16 KiB comes out as pieces as it
    arrives, so memory is bounded; a redraw cannot take back a piece that is out. ``parts`` maps the
    index of each such piece, in what the last call returned, to its number in its line, from 1.
    """

    def __init__(self, mask: Callable[[str], str] | None = None, longest_secret: int = 0) -> None:
        self.parts: dict[int, int] = {}
        self._decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
        self._mask = mask
        self.longest_secret = longest_secret
        self._rest = ""
        self._part = 0
        self._after_cr = False

    def feed(self, data: bytes) -> list[str]:
        """Returns the messages that ``data`` completes."""
        return self._take(self._decode(data))

    def finish(self) -> list[str]:
        """Returns what is left at the end of the stream: at most one line without an end."""
        found = self._take(self._decode(b"", True))
        if self._rest:
            self._end_line(found, self._masked(self._rest))
        self._rest, self._after_cr, self._part = "", False, 0
        return found

    @property
    def pending(self) -> int:
        """How many characters of an unfinished line are held."""
        return len(self._rest)

    def _masked(self, text: str) -> str:
        return self._mask(text) if self._mask is not None else text

    def _take(self, text: str) -> list[str]:
        self.parts = {}
        if "\0" in text:
            text = text.replace("\0", "\\x00")
        if self._after_cr or "\r" in text:
            plain = text.replace("\r\n", "\n")
            if self._after_cr or "\r" in plain:
                return self._take_redrawn(text)
            text = plain
        # A line is masked when it is whole: what is a secret's beginning may be another one, too.
        whole, end, self._rest = (self._rest + text).rpartition("\n")
        lines = self._masked(whole).split("\n") if end else []
        longest = max(map(len, lines), default=0)
        if self._part == 0 and longest <= _SURELY_SHORT and len(self._rest) <= _SURELY_SHORT:
            return lines
        found: list[str] = []
        for line in lines:
            self._end_line(found, line)
        self._spill(found)
        return found

    def _take_redrawn(self, text: str) -> list[str]:
        found: list[str] = []
        lines = text.split("\n")
        last = len(lines) - 1
        for index, line in enumerate(lines):
            self._redraw(found, line)
            if index < last:
                self._end_line(found, self._masked(self._rest))
                self._rest, self._after_cr = "", False
        return found

    def _redraw(self, found: list[str], line: str) -> None:
        states = line.split("\r")
        for index, state in enumerate(states):
            if state:
                # What follows a lone CR overwrites the line; a CR before LF, or before another CR, does not.
                self._rest = state if self._after_cr else self._rest + state
                self._after_cr = False
                self._spill(found)
            if index < len(states) - 1:
                self._after_cr = True

    def _spill(self, found: list[str]) -> None:
        """Lets go of whole pieces of an unfinished line that has grown too long."""
        # A secret is masked while it is whole, so the cut stays that far behind what has arrived.
        hold = LIMIT + 4 * self.longest_secret
        if len(self._rest) * 4 <= hold or len(self._rest.encode("utf-8")) <= hold:
            return
        data = self._masked(self._rest).encode("utf-8")
        start = 0
        while len(data) - start > hold:
            end = start + LIMIT
            while data[end] & 0xC0 == 0x80:
                end -= 1
            self._piece(found, data[start:end].decode("utf-8"))
            start = end
        self._rest = data[start:].decode("utf-8")

    def _end_line(self, found: list[str], line: str) -> None:
        pieces = cut(line)
        if len(pieces) == 1 and self._part == 0:
            found.append(line)
            return
        for piece in pieces:
            if piece or self._part == 0:
                self._piece(found, piece)
        self._part = 0

    def _piece(self, found: list[str], piece: str) -> None:
        self._part += 1
        self.parts[len(found)] = self._part
        found.append(piece)
