"""The form that starts a job: what stands in it, what was sent with it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData

from jobrunner import identifiers, jsontext, names
from jobrunner.errors import (
    BadInput,
    InvalidField,
    InvalidParams,
    NotEncodable,
    ParamsTooLarge,
    PayloadNotEncodable,
)
from jobrunner.models import JobModel
from jobrunner.web.pages.fields import Field
from jobrunner.web.pages.filling import Broken, changed, filled
from jobrunner.web.pages.restart import PREDECESSOR
from jobrunner.web.pages.values import laid_out

OPTIONS = ("title", "queue", "priority", "delay", "at", "lock_key", "tags")
_OF_PARAMS = (InvalidParams, PayloadNotEncodable, ParamsTooLarge)


@dataclass
class Starting:
    """The form as it stands; ``errors`` are of parameters by dotted path, ``faults`` of options by name."""

    params: Any = field(default_factory=dict)
    mode: str = "form"
    text: str = ""
    options: dict[str, str] = field(default_factory=dict)
    hold: bool = False
    key: str = ""
    predecessor: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    message: str = ""
    hint: str = ""

    def refuse(self, error: BadInput) -> None:
        """Notes what an answer says is wrong."""
        self.message, self.hint = error.message, error.hint or ""
        if isinstance(error, _OF_PARAMS):
            self.errors |= error.fields
        else:
            self.faults |= error.fields

    def arguments(self) -> dict[str, Any]:
        """Returns the options as ``JobRunner.start`` takes them; raises InvalidField and InvalidTime."""
        given: dict[str, Any] = {
            name: self.options.get(name) or None for name in ("title", "queue", "delay", "at", "lock_key")
        }
        priority = self.options.get("priority", "")
        if priority:
            sign, digits = (-1, priority[1:]) if priority.startswith("-") else (1, priority)
            if not (digits.isascii() and digits.isdecimal() and len(digits) < 12):
                raise InvalidField(
                    "priority is not a whole number.", fields={"priority": "is not a whole number"}
                )
            given["priority"] = sign * int(digits)
        lines = [line.strip() for line in self.options.get("tags", "").splitlines() if line.strip()]
        tags = names.pairs("tags", lines)
        if self.predecessor:
            tags |= {PREDECESSOR: self.predecessor}
        return given | {"tags": tags or None, "hold": self.hold, "idempotency_key": self.key}


def fresh(job: JobModel | None = None) -> Starting:
    """Returns the form for a new job, or for one like ``job``."""
    form = Starting(key=new_key())
    if job is not None:
        tags = [f"{name}={value}" for name, value in job.tags.items() if name != PREDECESSOR]
        form.params, form.predecessor = dict(job.params), str(job.id)
        form.options = {"title": job.title or "", "queue": job.queue, "tags": "\n".join(tags)}
        form.options["priority"] = str(job.priority) if job.priority else ""
    return form


def new_key() -> str:
    """Returns the key by which one form makes one job, however often it is sent."""
    return f"form-{identifiers.uuid7()}"


def sent(form: FormData, fields: tuple[Field, ...]) -> Starting:
    """Returns the form as it was sent, with what was done to it: an item added or removed, the other way to write it."""
    texts: Mapping[str, list[str]] = {
        name: [value for value in form.getlist(name) if isinstance(value, str)] for name in form
    }
    one = {name: values[-1] for name, values in texts.items() if values}
    found = Starting(
        mode="json" if one.get("mode") == "json" else "form",
        options={name: one.get(f"o.{name}", "").strip() for name in OPTIONS},
        hold="o.hold" in one, key=one.get("key", "").strip()[:100] or new_key(),
        predecessor=one.get("from", "").strip()[:40],
    )  # fmt: skip
    _take(found, texts, one, fields)
    action, _, at = one.get("do", "start").partition(" ")
    if action in ("add", "remove") and found.mode == "form":
        changed(found.params, fields, action, at)
    elif action == "json" and found.mode == "form" and not found.errors:
        found.mode, found.text = "json", laid_out(found.params)
    elif action == "form" and found.mode == "json" and not found.errors:
        found.mode = "form"
    return found


def _take(
    found: Starting, texts: Mapping[str, list[str]], one: Mapping[str, str], fields: tuple[Field, ...]
) -> None:
    if found.mode == "form":
        given = filled(fields, texts)
        found.params, found.errors = given.params, dict(given.broken)
        return
    found.text = one.get("json", "")
    try:
        found.params = jsontext.loads(found.text) if found.text.strip() else {}
        if not isinstance(found.params, dict):
            found.errors["params"] = "is not an object"
    except NotEncodable as error:
        found.params, found.errors["params"] = Broken(found.text), error.message


def shows(params: Any, fields: tuple[Field, ...]) -> bool:
    """True when every parameter has a field to stand in."""
    return isinstance(params, dict) and set(params) <= {one.name for one in fields}
