"""A file that remembers which lines of a job were printed."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress

from jobrunner.errors import InvalidField
from jobrunner.failpoints import failpoint

_LONGEST = 200


def read(path: str, uuid: str) -> int:
    """Returns the seq that the file holds for a job, 0 when there is none yet; raises InvalidField for another file."""
    try:
        with open(path, "rb") as file:
            words = file.read(_LONGEST).decode("utf-8", "replace").split()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise _fault(path, f"cannot be read ({error.strerror})") from error
    if not words:
        return 0
    if not (words[0].isascii() and words[0].isdecimal() and len(words[0]) < 19):
        raise _fault(path, "holds no cursor")
    if words[1:] not in ([], [uuid]):
        raise _fault(path, "holds the cursor of another job")
    return int(words[0])


def write(path: str, uuid: str, seq: int) -> None:
    """Puts the seq into the file, whole or not at all: after a crash the old one stands."""
    target = os.path.realpath(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=".cursor-", dir=os.path.dirname(target))
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{seq} {uuid}\n")
                file.flush()
                os.fsync(file.fileno())
            failpoint("rename.cursor.before")
            os.replace(temporary, target)
            failpoint("rename.cursor.after")
        except BaseException:
            # it is gone when it has taken the file's place already
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise _fault(path, f"cannot be written ({error.strerror})") from error


def _fault(path: str, reason: str) -> InvalidField:
    return InvalidField(f"The cursor file {path} {reason}.", fields={"cursor_file": reason})
