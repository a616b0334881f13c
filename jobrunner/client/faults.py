"""The errors of the library, made again from what a server told of them."""

from __future__ import annotations

import json
from typing import Any

from jobrunner import codes
from jobrunner.errors import Forbidden, JobRunnerError, ServerFailure, ServerUnavailable

# what stands between us and the server says these when the server itself does not answer
_NOBODY_HOME = (502, 503, 504)
_NOT_ALLOWED = (401, 403)
_SHOWN = 200
_ADDRESS = "/api/"


class Refused(JobRunnerError):
    """The server refused the request."""

    code = "refused"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def of_answer(status: int, body: bytes) -> JobRunnerError:
    """Returns the error that an answer tells: of its own class where the library has one of that code."""
    told = _told(body)
    if told is None:
        words = body.decode("utf-8", "replace").strip().partition("\n")[0][:_SHOWN]
        fault = ServerUnavailable if status in _NOBODY_HOME else ServerFailure
        return fault(f"The server answered {status}{f': {words}' if words.isprintable() and words else ''}.")
    code, message = told["code"], str(told["message"])
    kind = codes.error_of(code) or (Forbidden if status in _NOT_ALLOWED else None)
    error = Refused(code, message) if kind is None else kind(message)
    error.code = code
    hint = told.get("hint")
    if error.hint is None or (isinstance(hint, str) and _ADDRESS not in hint):
        # what to ask over HTTP is no help to whoever asks by a method or a command
        error.hint = hint
    fields = told.get("fields")
    error.fields = {str(k): str(v) for k, v in fields.items()} if isinstance(fields, dict) else {}
    return error


def _told(body: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(body)
    except ValueError:
        return None
    fits = isinstance(told, dict) and isinstance(told.get("code"), str) and "message" in told
    return told if fits else None
