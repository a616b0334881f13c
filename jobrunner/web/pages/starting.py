"""The form that starts a job: what stands in it, what was sent with it, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.datastructures import FormData

from jobrunner import identifiers, jsontext, names, restart
from jobrunner.errors import (
    BadInput,
    InvalidField,
    InvalidParams,
    NotEncodable,
    ParamsTooLarge,
    PayloadNotEncodable,
)
from jobrunner.handlers.parameters import Parameters
from jobrunner.handlers.registry import JobType
from jobrunner.models import JobModel
from jobrunner.operations.start import Options, prepare
from jobrunner.settings import Settings
from jobrunner.web.pages.fields import Field
from jobrunner.web.pages.filling import Broken, changed, filled
from jobrunner.web.pages.values import laid_out

OPTIONS = ("title", "queue", "priority", "delay", "at", "lock_key", "tags")
_WHOLE = re.compile(r"-?\d{1,11}", re.ASCII)
_OF_PARAMS = (InvalidParams, PayloadNotEncodable, ParamsTooLarge)


@dataclass
class Starting:
    """The form as it stands; ``errors`` are of parameters by dotted path, ``faults`` of options by name.

    ``predecessor`` is the uuid of the job that is started again, ``step`` where the new one resumes.
    """

    params: Any = field(default_factory=dict)
    mode: str = "form"
    text: str = ""
    options: dict[str, str] = field(default_factory=dict)
    hold: bool = False
    key: str = ""
    predecessor: str = ""
    step: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    message: str = ""
    hint: str = ""

    @property
    def links(self) -> dict[str, str]:
        """The tags by which the new job names the one that is started again; none for a job of its own."""
        return restart.links(self.predecessor, self.step) if self.predecessor else {}

    def refuse(self, error: BadInput) -> None:
        """Notes what an answer says is wrong."""
        if error.message not in self.message:
            self.message = f"{self.message} {error.message}".strip()
        self.hint = self.hint or error.hint or ""
        if isinstance(error, _OF_PARAMS):
            self.errors |= error.fields
        else:
            self.faults |= {name.partition(".")[0]: reason for name, reason in error.fields.items()}

    def check_read(self) -> None:
        """Raises InvalidField when the parameters could not even be read."""
        if self.errors:
            raise InvalidField("The form holds what cannot be read.")

    def check_each(self, kind: JobType, settings: Settings) -> None:
        """Notes what is wrong with the parameters and with each option: a start tells the first of it only."""
        bare = replace(kind, parameters=Parameters({}, title=kind.type), lock_key=None)
        checks: list[tuple[JobType, Any, str]] = [(bare, None, name) for name in OPTIONS]
        if not self.errors:
            checks.append((kind, self.params, ""))
        for job_type, params, name in checks:
            try:
                option = {name: self._option(name)} if name else {}
                prepare(settings, job_type, params, Options.of({"launcher": "pool", **option}))
            except BadInput as error:
                self.refuse(error)

    def arguments(self) -> dict[str, Any]:
        """Returns the options as ``JobRunner.start`` takes them; raises InvalidField and InvalidTime."""
        given = {name: self._option(name) for name in OPTIONS}
        if self.links:
            given["tags"] = {**(given["tags"] or {}), **self.links}
        return given | {"hold": self.hold, "idempotency_key": self.key}

    def _option(self, name: str) -> Any:
        text = self.options.get(name, "")
        if name == "tags":
            return names.pairs("tags", [line.strip() for line in text.splitlines() if line.strip()]) or None
        # what is no number stays as it is, to be refused as such
        return int(text) if name == "priority" and _WHOLE.fullmatch(text) else text or None


def fresh(job: JobModel | None = None, step: str = "") -> Starting:
    """Returns the form for a new job, or for one like ``job``, which resumes at ``step`` if that is given."""
    form = Starting(key=new_key())
    if job is not None:
        options = restart.options(job)
        options["tags"] = "\n".join(f"{name}={value}" for name, value in options["tags"].items())
        form.params, form.predecessor, form.step = dict(job.params), job.uuid, step
        form.options = {name: str(value or "") for name, value in options.items()}
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
        predecessor=one.get("from", "").strip()[:40], step=one.get("step", "").strip()[:128],
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
