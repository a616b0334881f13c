"""What a list of jobs is asked for, checked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from jobrunner import jsontext
from jobrunner.durations import ago, moment
from jobrunner.errors import InvalidField, NotEncodable
from jobrunner.names import Named, listed, named, pairs
from jobrunner.store.lists import Filter


def wanted(
    *, status: str | Sequence[str], type: str | None, queue: str | None, tag: Named | None,
    created_by: str | None, since: str | datetime | None, until: str | datetime | None, search: str | None,
    worker: str | None, param: Named | None, next: str | None,
) -> Filter:  # fmt: skip
    """Returns the filter that these options of a list mean; raises InvalidField or InvalidTime naming the one at fault.

    Keys and tags are trimmed as they were when they were stored.
    """
    if next is not None and not (str(next).isdecimal() and str(next).isascii() and len(str(next)) < 19):
        raise InvalidField("next is not what a page gave.", fields={"next": "is not what a page gave"})
    return Filter(
        status=listed("status", status),
        type=_trimmed(type),
        queue=_trimmed(queue),
        tags=tuple((name.strip(), _bare(value)) for name, value in named("tag", tag).items()),
        created_by=_trimmed(created_by),
        since=None if since is None else moment("since", since),
        until=None if until is None else moment("until", until),
        search=search,
        worker=_trimmed(worker),
        params=tuple((path, _shown(value)) for path, value in named("param", param).items()),
        before_id=None if next is None else int(next),
    )


def spoken(
    *, status: Sequence[str] = (), type: str | None = None, queue: str | None = None, tag: Sequence[str] = (),
    created_by: str | None = None, since: str | None = None, until: str | None = None, search: str | None = None,
    worker: str | None = None, param: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Returns what ``JobRunner.jobs`` takes for a filter as it is typed, in a command or in an address.

    A status may be several, separated by commas; a tag is ``name=value``, a parameter ``path=value``; a time is so long ago or a moment with a
    zone; what is empty asks for nothing. Raises InvalidField or InvalidTime.
    """
    return {
        "status": [name for one in status for name in one.split(",") if name],
        "type": type or None,
        "queue": queue or None,
        "tag": pairs("tag", [one for one in tag if one]),
        "created_by": created_by or None,
        "since": ago("since", since or None),
        "until": ago("until", until or None),
        "search": search or None,
        "worker": worker or None,
        "param": pairs("param", [one for one in param if one]),
    }


def _trimmed(given: str | None) -> str | None:
    """Returns a key without blank edges, None for a blank one; what is no text is refused where it is looked for."""
    return _bare(given) or None


def _bare(given: Any) -> Any:
    return given.strip() if isinstance(given, str) else given


def _shown(value: Any) -> str:
    try:
        return jsontext.shown(value)
    except NotEncodable as error:
        raise InvalidField(f"param {error}.", fields={"param": str(error)}) from None
