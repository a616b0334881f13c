"""A traceback, taken apart: each exception of the chain with the user's own frames apart from those of libraries."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_BEGIN = "Traceback (most recent call last):"
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"
_FRAME = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+)(?:, in (?P<name>.*))?$')
_LIBRARY = re.compile(r"[\\/](site|dist)-packages[\\/]|[\\/]lib(64)?[\\/]python\d|^<frozen |^<string>")


@dataclass
class Frame:
    """A place in the code; ``own`` unless it belongs to an installed package or to Python itself."""

    file: str
    line: int
    name: str
    own: bool
    code: list[str] = field(default_factory=list)


@dataclass
class Raised:
    """An exception of the chain; ``link`` says how it came to the one that is told before it."""

    error: str
    frames: list[Frame]
    link: str = ""

    @property
    def own(self) -> list[Frame]:
        """The frames of the user's code, or all where there are none."""
        return [frame for frame in self.frames if frame.own] or self.frames

    @property
    def libraries(self) -> int:
        """How many frames are not told at first."""
        return len(self.frames) - len(self.own)


def taken_apart(text: str) -> list[Raised]:
    """Returns the chain of exceptions, the one that ended the job first; empty for a text of another form."""
    blocks: list[tuple[str, list[str]]] = [("", [])]
    for line in text.splitlines():
        if line in (_CAUSE, _CONTEXT):
            blocks.append(("cause" if line == _CAUSE else "context", []))
        else:
            blocks[-1][1].append(line)
    chain: list[Raised] = []
    for place, (_, lines) in enumerate(blocks):
        raised = _raised(lines)
        if raised is None:
            return []
        after = blocks[place + 1][0] if place + 1 < len(blocks) else ""
        raised.link = {"cause": "Caused by", "context": "While handling"}.get(after, "")
        chain.append(raised)
    return chain[::-1]


def _raised(lines: list[str]) -> Raised | None:
    while lines and not lines[0].strip():
        lines = lines[1:]
    if not lines or lines[0] != _BEGIN:
        return None
    frames: list[Frame] = []
    for place, line in enumerate(lines[1:], 1):
        match = _FRAME.match(line)
        if match:
            file = match["file"]
            frames.append(
                Frame(file, int(match["line"][:9]), match["name"] or "", _LIBRARY.search(file) is None)
            )
        elif line.startswith("    ") and frames:
            frames[-1].code.append(line[4:])
        elif line.startswith("  [Previous line repeated") and frames:
            frames[-1].code.append(line.strip())
        else:
            return Raised("\n".join(lines[place:]).strip(), frames)
    return None
