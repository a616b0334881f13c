"""Exceptions of a handler, written down."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

from jobrunner.child import plain
from jobrunner.errors import JobCancelled

MESSAGE_BYTES = 60_000
_TRACEBACK_BYTES = 1024 * 1024
_CLASS_BYTES = 255
_REASON_BYTES = 64
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_CALLERS = tuple(os.path.join(_OURS, "child", name) for name in ("calling.py", "main.py"))
_DEMO = os.path.join(_OURS, "demo") + os.sep


def describe(error: BaseException, reason: str = "handler_error") -> dict[str, Any]:
    """Returns ``{error_class, reason_code, message, traceback}``, all text, none too large to store.

    An exception names a reason code of its own in the attribute ``__jobrunner_reason__``.
    """
    own = getattr(error, "__jobrunner_reason__", None)
    return {
        "error_class": class_name(type(error)),
        "reason_code": plain.cut(own, _REASON_BYTES) if isinstance(own, str) else reason,
        "message": plain.cut(_message(error), MESSAGE_BYTES),
        "traceback": traceback_text(error),
    }


def class_name(kind: type[BaseException]) -> str:
    """Returns the class's name as a traceback shows it: with its module unless that is builtins or __main__."""
    module = getattr(kind, "__module__", None)
    name = kind.__qualname__ if module in (None, "builtins", "__main__") else f"{module}.{kind.__qualname__}"
    return plain.cut(plain.visible(name), _CLASS_BYTES)


def is_cancel(error: BaseException, *, of_asyncio: bool = True) -> bool:
    """Returns whether ``error`` is JobCancelled, with ``of_asyncio`` also CancelledError, or a group of nothing else."""
    # asyncio's own class matters only where a handler has imported asyncio.
    asyncio = sys.modules.get("asyncio") if of_asyncio else None
    kinds = (JobCancelled, *((asyncio.CancelledError,) if asyncio else ()))
    if isinstance(error, BaseExceptionGroup):
        return error.split(kinds)[1] is None
    return isinstance(error, kinds)


def outcome(error: BaseException | None) -> str:
    """Returns how a part of the work ended: ok, cancelled or error."""
    return "ok" if error is None else "cancelled" if is_cancel(error) else "error"


def traceback_text(error: BaseException) -> str:
    """Returns the traceback with the whole chain of causes and groups, without jobrunner's own frames."""
    try:
        shown = traceback.TracebackException.from_exception(error)
        _leave_ours_out(shown, set())
        text = plain.visible("".join(shown.format()))
    except Exception:
        text = f"{class_name(type(error))}: {plain.as_text(error)}\n"
    if len(text.encode("utf-8")) > _TRACEBACK_BYTES:
        text = text.encode("utf-8")[-_TRACEBACK_BYTES:].decode("utf-8", "ignore")
        text = f"[the first frames are left out]\n{text}"
    return text


def _leave_ours_out(shown: traceback.TracebackException, seen: set[int]) -> None:
    if id(shown) in seen:
        return
    seen.add(id(shown))
    calls = [index for index, frame in enumerate(shown.stack) if frame.filename in _CALLERS]
    # Whatever stands between the call and the handler (an event loop) is ours too.
    handlers = shown.stack[calls[-1] + 1 :] if calls else shown.stack
    shown.stack[:] = [frame for frame in handlers if not _is_ours(frame.filename)]
    for other in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
        if other is not None:
            _leave_ours_out(other, seen)


def _is_ours(filename: str) -> bool:
    return filename.startswith(_OURS) and not filename.startswith(_DEMO)


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"The handler called sys.exit({plain.as_text(error.code, repr)})."
    if isinstance(error, KeyboardInterrupt):
        return "The handler was interrupted (KeyboardInterrupt)."
    return plain.as_text(error) or class_name(type(error))
