"""Text of jobs for a page: colours become class names, everything else that a terminal obeys becomes visible.

Of the escape sequences only SGR (colour and weight) means something here. The result is pairs of class names from
a fixed list and text; nothing of a line can become anything else.
"""

from __future__ import annotations

import re
from functools import lru_cache

Segment = tuple[str, str]

_STYLES = ("bold", "dim", "ital", "und", "inv", "strike")
ESCAPED = "esc"
CLASSES = frozenset((*_STYLES, ESCAPED, *(f"{kind}{n}" for kind in "fb" for n in range(16))))
# what follows is text without colours: a line of nothing but escapes must not make thousands of elements
MOST_SEGMENTS = 400

# C0 but tab and line feed, DEL, C1, lone surrogates, what reorders or hides text, and separators that break a line
_HARMFUL = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff"
_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
_SUSPECT = re.compile(f"[{_HARMFUL}]")
_COLOURED = re.compile(f"{_SGR.pattern}|[{_HARMFUL}]")
_SUSPECTS = re.compile(f"[{_HARMFUL}]+")


def is_plain(text: str) -> bool:
    """True when text is its own visible form: no colours, no control and no bidi characters."""
    return text.isprintable() or _SUSPECT.search(text) is None


def visible(text: str) -> str:
    """Returns text without colours, its control and bidi characters as escapes; tabs and line feeds stay."""
    return text if is_plain(text) else _SUSPECT.sub(_escape, _SGR.sub("", text))


def coloured(text: str) -> str:
    """Returns ``visible(text)`` with its colours: SGR sequences and nothing else that a terminal obeys."""
    return _COLOURED.sub(lambda match: match[0] if len(match[0]) > 1 else _escape(match), text)


def segments(text: str) -> list[Segment]:
    """Returns (class names, text) pairs; the texts concatenate to ``visible(text)``."""
    if is_plain(text):
        return [("", text)] if text else []
    found: list[Segment] = []
    pen, start = Pen(), 0
    for match in _SGR.finditer(text):
        _add(found, pen.names, text[start : match.start()])
        pen.obey(match[1])
        start = match.end()
        if len(found) >= MOST_SEGMENTS:
            break
    if len(found) < MOST_SEGMENTS:
        _add(found, pen.names, text[start:])
    else:
        found.append(("", visible(text[start:])))
    return found


def _add(found: list[Segment], names: str, text: str) -> None:
    start = 0
    for match in _SUSPECTS.finditer(text):
        if len(found) >= MOST_SEGMENTS:
            break
        _put(found, names, text[start : match.start()])
        _put(found, f"{names} {ESCAPED}".strip(), _SUSPECT.sub(_escape, match[0]))
        start = match.end()
    _put(found, names, _SUSPECT.sub(_escape, text[start:]))


def _put(found: list[Segment], names: str, text: str) -> None:
    if text and found and found[-1][0] == names:
        found[-1] = (names, found[-1][1] + text)
    elif text:
        found.append((names, text))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Pen:
    """The colours and the weight that text is written with, as SGR sequences set them."""

    def __init__(self) -> None:
        self._styles: set[str] = set()
        self._front: int | None = None
        self._back: int | None = None
        self.names = ""

    def obey(self, parameters: str) -> None:
        """Takes the parameters of one SGR sequence; what it does not know changes nothing."""
        codes = [part.split(":") for part in parameters.split(";")]
        while codes:
            code = codes.pop(0)
            number = _number(code[0])
            if number in (38, 48):
                values = code[1:] if len(code) > 1 else _taken(codes)
                colour = _colour(values)
                if colour is not None and number == 38:
                    self._front = colour
                elif colour is not None:
                    self._back = colour
            elif number == 4 and code[1:2] == ["0"]:
                self._styles.discard("und")
            else:
                self._set(number)
        self.names = self._named()

    def _set(self, number: int) -> None:
        if number == 0:
            self._styles, self._front, self._back = set(), None, None
        elif number in _ON:
            self._styles.add(_ON[number])
        elif number in _OFF:
            self._styles -= _OFF[number]
        elif 30 <= number <= 37 or 90 <= number <= 97:
            self._front = number - 30 if number < 90 else number - 82
        elif 40 <= number <= 47 or 100 <= number <= 107:
            self._back = number - 40 if number < 100 else number - 92
        elif number == 39:
            self._front = None
        elif number == 49:
            self._back = None

    def _named(self) -> str:
        names = [style for style in _STYLES if style in self._styles]
        front, back = self._front, self._back
        if "inv" in names and (front is not None or back is not None):
            names.remove("inv")
            front, back = back, front
        if front is not None:
            names.append(f"f{front}")
        if back is not None:
            names.append(f"b{back}")
        return " ".join(names)


def _taken(codes: list[list[str]]) -> list[str]:
    """Takes what belongs to an extended colour off the front of the codes that follow it."""
    kind = codes[0][0] if codes else ""
    count = {"5": 2, "2": 4}.get(kind, 0)
    taken = [code[0] for code in codes[:count]]
    del codes[:count]
    return taken


def _colour(values: list[str]) -> int | None:
    if not values:
        return None
    # with colons an empty or numbered colour space may stand before red, green, blue
    numbers = [_number(value) for value in (values[-3:] if values[0] == "2" else values[1:2])]
    if any(not 0 <= number <= 255 for number in numbers):
        return None
    if values[0] == "2" and len(values) >= 4:
        return nearest(*numbers)
    if values[0] == "5" and numbers:
        return _indexed(numbers[0])
    return None


def _number(digits: str) -> int:
    """Returns the value of a parameter: 0 when it is empty, -1 when it means nothing."""
    return (int(digits) if len(digits) < 6 else -1) if digits else 0


@lru_cache(maxsize=4096)
def nearest(red: int, green: int, blue: int) -> int:
    """Returns which of the 16 colours looks most like this one."""

    def distance(index: int) -> int:
        r, g, b = _SIXTEEN[index]
        # the eye sees green best and blue worst
        return 3 * (r - red) ** 2 + 6 * (g - green) ** 2 + 2 * (b - blue) ** 2

    return min(range(16), key=distance)


def _indexed(number: int) -> int:
    if number < 16:
        return number
    if number >= 232:
        return nearest(*([8 + 10 * (number - 232)] * 3))
    cube = number - 16
    red, green, blue = (
        0 if level == 0 else 55 + 40 * level for level in (cube // 36, cube // 6 % 6, cube % 6)
    )
    return nearest(red, green, blue)


_ON = {1: "bold", 2: "dim", 3: "ital", 4: "und", 7: "inv", 9: "strike", 21: "und"}
_OFF = {22: {"bold", "dim"}, 23: {"ital"}, 24: {"und"}, 27: {"inv"}, 29: {"strike"}}
_SIXTEEN = (
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
    (255, 255, 255),
)  # fmt: skip
