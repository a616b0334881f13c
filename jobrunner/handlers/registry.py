"""The job types that this process knows."""

from __future__ import annotations

import os
import string
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from jobrunner import names
from jobrunner.durations import Backoff
from jobrunner.errors import DuplicateJobType, HandlerNotRegistered, InvalidJobType, InvalidParams
from jobrunner.names import Fault

if TYPE_CHECKING:
    from jobrunner.handlers.parameters import Parameters

TYPE_BYTES, QUEUE_BYTES, TITLE_BYTES, LOCK_KEY_BYTES = 128, 64, 255, 191
PRIORITIES = range(-(2**31), 2**31)
ATTEMPTS = range(1, 1001)


@dataclass(frozen=True)
class Origin:
    """Where a handler was defined; its module's globals and spec tell one run of the module from another."""

    file: str
    name: str
    globals: dict[str, Any] = field(compare=False, repr=False)
    spec: object = field(compare=False, repr=False)


@dataclass(frozen=True)
class JobType:
    """A registered job type; times are seconds.

    ``takes_instance`` says that ``handler`` is called without arguments and gives an object with
    ``run``. Raises InvalidJobType, with the fields at fault, when it is declared wrongly.
    """

    type: str
    handler: Callable[..., Any]
    parameters: Parameters
    origin: Origin
    title: str | None = None
    queue: str = "default"
    priority: int = 0
    idempotent: bool = False
    max_attempts: int = 1
    backoff: Backoff | None = None
    timeout: float | None = None
    stall_timeout: float | None = None
    lock_key: str | None = None
    resumable: bool = False
    takes_instance: bool = False
    module: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        faults = {name: reason for name, reason in self._faults() if reason is not None}
        if faults:
            told = "; ".join(f"{name} {reason}" for name, reason in faults.items())
            hint = " ".join(filter(None, map(names.hint_of, faults.values())))
            raise InvalidJobType(f"Job type {self.type!r}: {told}.", hint=hint, fields=faults)

    @property
    def import_name(self) -> str | None:
        """What ``discover`` takes to find this handler in another process.

        A module name, or the path of the script that declared it; None when there is no such thing,
        as at an interactive prompt.
        """
        if not self.module.startswith(("__main__", "__mp_main__")):
            return self.module
        module = sys.modules.get(self.module)
        spec, file = getattr(module, "__spec__", None), getattr(module, "__file__", None)
        if self.module == "__main__" and spec is not None:
            return str(spec.name)
        return os.path.realpath(file) if file and file.endswith(".py") else None

    def lock_key_for(self, params: Mapping[str, Any]) -> str | None:
        """Returns the lock key of a job with these validated ``params``, or None when the type has none.

        Raises InvalidParams, naming the field, when a value is not text, a number or a boolean.
        """
        if self.lock_key is None:
            return None
        key = ""
        for text, name, _, _ in string.Formatter().parse(self.lock_key):
            key += text
            if name is not None:
                key += self._lock_part(params, name)
        return key

    def describe(self) -> dict[str, Any]:
        """Returns the fields of ``models.TypeModel``, the parameters as JSON Schema."""
        hidden = ("handler", "parameters", "origin", "takes_instance", "backoff")
        shown = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in hidden}
        backoff = asdict(self.backoff) if self.backoff else None
        return shown | {"backoff": backoff, "parameters": self.parameters.schema()}

    def _lock_part(self, params: Mapping[str, Any], name: str) -> str:
        value = self.parameters.plain_value(params, name)
        if isinstance(value, str | int | float):
            return str(value)
        reason = f"is part of the lock key and must be text, a number or a boolean, not {_kind(value)}"
        raise InvalidParams(f"The parameters do not fit {self.type}: {name} {reason}.", fields={name: reason})

    def _faults(self) -> list[tuple[str, str | None]]:
        idempotent: Any = self.idempotent
        resumable: Any = self.resumable
        attempts = _number_fault(self.max_attempts, ATTEMPTS, "Give a whole number, 1 for no second attempt.")
        several = attempts is None and self.max_attempts > 1 and not self.idempotent
        return [
            ("type", names.fault(self.type, TYPE_BYTES)),
            ("title", None if self.title is None else names.fault(self.title, TITLE_BYTES)),
            ("queue", names.fault(self.queue, QUEUE_BYTES)),
            ("priority", priority_fault(self.priority)),
            ("idempotent", None if isinstance(idempotent, bool) else "is not a boolean"),
            (
                "max_attempts",
                "above 1 wants idempotent=True: the handler will run again" if several else None,
            ),
            ("max_attempts", attempts),
            ("resumable", None if isinstance(resumable, bool) else "is not a boolean"),
            ("lock_key", self._lock_key_fault()),
        ]

    def _lock_key_fault(self) -> str | None:
        if self.lock_key is None:
            return None
        reason = names.fault(self.lock_key, LOCK_KEY_BYTES)
        if reason is not None:
            return reason
        try:
            parts = list(string.Formatter().parse(self.lock_key))
        except ValueError as error:
            return f"is not a template ({error})"
        for _, name, specification, conversion in parts:
            if name is None:
                continue
            if not name.isidentifier() or specification or conversion:
                return "may hold plain {name} fields only"
            if name not in self.parameters.names and self.parameters.extra == "refuse":
                return f"names {name}, which is no parameter"
        return None


_types: dict[str, JobType] = {}
_lock = threading.Lock()


def register_type(job_type: JobType) -> None:
    """Makes ``job_type`` known to this process.

    The same handler from another run of its module's code (a reload, or ``__main__`` imported
    under its real name) replaces the earlier one, and so does a definition repeated at an
    interactive prompt. Anything else under a known type raises DuplicateJobType.
    """
    with _lock:
        known = _types.get(job_type.type)
        if known is not None and not _replaces(job_type, known):
            raise DuplicateJobType(
                f"Job type {job_type.type!r} is registered already, by {known.module}.{known.origin.name}."
            )
        _types[job_type.type] = job_type


def get(name: str) -> JobType:
    """Returns the job type of that name; raises HandlerNotRegistered, with the nearest name as its hint."""
    found = _types.get(name)
    if found is None:
        near = names.nearest(str(name), list(_types))
        hint = f"Did you mean {near}?" if near else None
        told = f"No handler is registered for job type {name!r}."
        raise HandlerNotRegistered(told, hint=hint, fields={"type": "is not registered"})
    return found


def is_known(name: str) -> bool:
    """True when a job type of this name is registered."""
    return name in _types


def all_types() -> list[JobType]:
    """Returns every known job type, sorted by name."""
    with _lock:
        return [_types[name] for name in sorted(_types)]


def discard_module(module: str) -> None:
    """Forgets the types that ``module`` itself declared, because its import did not come to its end."""
    with _lock:
        for name in [name for name, job_type in _types.items() if job_type.module == module]:
            del _types[name]


def priority_fault(value: object) -> Fault | None:
    """Returns what is wrong with a priority, or None."""
    return _number_fault(
        value, PRIORITIES, "Give a whole number, 0 for the usual; what has a higher one runs first."
    )


def _number_fault(value: object, allowed: range, hint: str) -> Fault | None:
    if isinstance(value, int) and not isinstance(value, bool) and value in allowed:
        return None
    return Fault(f"is not a whole number from {allowed[0]} to {allowed[-1]}", hint)


def _replaces(new: JobType, known: JobType) -> bool:
    if hasattr(sys, "ps1") and new.module == known.module == "__main__":
        return new.origin.name == known.origin.name
    again = new.origin.globals is not known.origin.globals or new.origin.spec is not known.origin.spec
    return again and new.origin == known.origin


def _kind(value: object) -> str:
    return {"NoneType": "null", "list": "a list", "dict": "an object"}.get(
        type(value).__name__, "something else"
    )
