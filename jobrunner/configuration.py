"""Loads the settings: keyword, environment, ``.env``, TOML in the working directory, default, in that order."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, TypeAdapter, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from jobrunner import durations, names, settings
from jobrunner.errors import InvalidConfiguration, InvalidField, InvalidTime
from jobrunner.settings import LAUNCHERS, Settings

PREFIX = "JOBRUNNER_"
SELF_FENCE_SHARE = 2 / 3
_DEFAULT = Settings()
_BYTES = TypeAdapter(ByteSize)
_SETTINGS = tuple(field.name for field in fields(Settings))
_BRACKETS = re.compile(r"\[!?\]?[^\]]*\]")


def load(**keywords: Any) -> Settings:
    """Returns the settings of a runner in this process and working directory.

    A keyword that is None counts as not given, an empty environment variable as not set. Raises
    InvalidConfiguration with ``fields`` naming each setting at fault; no value is ever shown.
    """
    given = {name: value for name, value in keywords.items() if value is not None}
    try:
        loaded = _Loaded(**given)
    except ValidationError as error:
        raise _refusal(_reasons(error)) from None
    except UnicodeDecodeError:
        raise _refusal({".env": "is not UTF-8"}) from None
    except OSError as error:
        raise _refusal({".env": f"cannot be read ({error.strerror})"}) from None
    values = loaded.model_dump()
    if "self_fence" not in loaded.model_fields_set:
        values["self_fence"] = min(loaded.self_fence, loaded.lease * SELF_FENCE_SHARE)
    found = Settings(**values)
    reasons = _conflicts(found)
    if reasons:
        raise _refusal(reasons)
    return found


def _seconds(value: object) -> float:
    if not isinstance(value, str | int | float):
        raise ValueError("is not a duration such as 90, 90s, 15m, 2h or 1d")
    try:
        return durations.seconds(value)
    except InvalidTime as error:
        raise ValueError(error.fields["duration"]) from None


def _more_than_none(value: float) -> float:
    if value <= 0:
        raise ValueError("must be more than 0")
    return value


def _whole(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError("is not a whole number")
    return value


def _bytes(value: object) -> int:
    try:
        return int(_BYTES.validate_python(_whole(value)))
    except ValidationError:
        raise ValueError("is not a size in bytes such as 1048576 or 64MiB") from None


def _listed(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError("is neither a list of names nor text with commas")
    return tuple(dict.fromkeys(item.strip() for item in value if item.strip()))


def _handlers(value: tuple[str, ...]) -> tuple[str, ...]:
    for item in value:
        if not item.endswith(".py") and not all(part.isidentifier() for part in item.split(".")):
            raise ValueError("holds what is neither a module name nor a path that ends in .py")
    return value


def _queues(value: tuple[str, ...]) -> tuple[str, ...]:
    for item in value:
        if reason := names.fault(item, 64):
            raise ValueError(f"holds a name that {reason}")
    return value


def _patterns(value: tuple[str, ...]) -> tuple[str, ...]:
    for item in value:
        if reason := names.fault(item, 128):
            raise ValueError(f"holds a pattern that {reason}")
        if not any(character.isalnum() for character in item):
            raise ValueError(f"holds {item}, which is like every name")
        if "[" in _BRACKETS.sub("", item):
            raise ValueError(f"holds {item}, in which a [ has no ]")
    return value


def _labels(value: object) -> object:
    try:
        given = value if isinstance(value, Mapping) else names.pairs("labels", _listed(value))
        found = names.tags("labels", given)
    except InvalidField as error:
        field, reason = next(iter(error.fields.items()))
        raise ValueError(f"{field.partition('.')[2]} {reason}".lstrip()) from None
    if any("=" in name for name in found):
        raise ValueError("holds a name with = in it")
    return tuple(f"{name}={text}" for name, text in found.items())


def _environment(value: object) -> object:
    if isinstance(value, str) and value.strip() in ("inherit", "minimal"):
        return value.strip()
    listed = _listed(value)
    if any(names.fault(item, 255) or "=" in item for item in listed):
        raise ValueError("is neither inherit, minimal nor a list of names of variables")
    return listed


def _launcher(value: str) -> str:
    if value not in LAUNCHERS:
        raise ValueError(f"is not one of {', '.join(LAUNCHERS)}")
    return value


def _plain(value: str) -> str:
    if names.fault(value, 2048):
        raise ValueError("is empty, has white space at its edges, or holds a control character")
    return value


_Text = Annotated[str, AfterValidator(_plain)]
_Seconds = Annotated[float, BeforeValidator(_seconds)]
_Span = Annotated[float, BeforeValidator(_seconds), AfterValidator(_more_than_none)]
_Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
_Size = Annotated[int, Field(ge=1, le=2**50), BeforeValidator(_bytes)]
_Payload = Annotated[int, Field(ge=1, le=2**29), BeforeValidator(_bytes)]


class _Loaded(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    database_url: _Text = _DEFAULT.database_url
    handlers: Annotated[_Names, AfterValidator(_handlers)] = _DEFAULT.handlers
    launcher: Annotated[str, AfterValidator(_launcher)] = _DEFAULT.launcher
    worker_env: Annotated[str | tuple[str, ...], NoDecode, BeforeValidator(_environment)] = (
        _DEFAULT.worker_env
    )
    poll_cancel: _Span = _DEFAULT.poll_cancel
    flush_interval: _Span = _DEFAULT.flush_interval
    stop_grace: _Seconds = _DEFAULT.stop_grace
    launch_grace: _Span = _DEFAULT.launch_grace
    heartbeat: _Span = _DEFAULT.heartbeat
    lease: _Span = _DEFAULT.lease
    self_fence: _Span = _DEFAULT.self_fence
    unsafe_timing: bool = _DEFAULT.unsafe_timing
    lost_backoff: _Seconds = _DEFAULT.lost_backoff
    retry_backoff: _Seconds = _DEFAULT.retry_backoff
    retry_backoff_cap: _Seconds = _DEFAULT.retry_backoff_cap
    log_max_bytes: _Size = _DEFAULT.log_max_bytes
    spool_max_bytes: _Size = _DEFAULT.spool_max_bytes
    params_max_bytes: _Payload = _DEFAULT.params_max_bytes
    result_max_bytes: _Payload = _DEFAULT.result_max_bytes
    mask_keys: Annotated[_Names, AfterValidator(_patterns)] = _DEFAULT.mask_keys
    capacity: Annotated[int, Field(ge=1, le=10_000), BeforeValidator(_whole)] = _DEFAULT.capacity
    queues: Annotated[_Names, AfterValidator(_queues)] = _DEFAULT.queues
    labels: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_labels)] = _DEFAULT.labels
    drain_timeout: _Seconds = _DEFAULT.drain_timeout
    poll_min: _Span = _DEFAULT.poll_min
    poll_max: _Span = _DEFAULT.poll_max
    host: _Text = _DEFAULT.host
    port: Annotated[int, Field(ge=0, le=65_535), BeforeValidator(_whole)] = _DEFAULT.port
    session_hours: Annotated[float, Field(gt=0, le=8760)] = _DEFAULT.session_hours

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Puts the TOML files below the environment, and a handler's inherited settings above all files."""
        files = (_toml("jobrunner.toml"), _toml("pyproject.toml", "tool", "jobrunner"))
        tables = [InitSettingsSource(settings_cls, init_kwargs=table) for table in files]
        known = settings.inherited.to_order() if settings.inherited is not None else {}
        # A handler's environment has none of jobrunner's variables; what it sets itself counts.
        above = InitSettingsSource(settings_cls, init_kwargs=known)
        return init_settings, env_settings, above, _OwnDotEnv(settings_cls), *tables


class _OwnDotEnv(DotEnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        # The file belongs to the whole application; what else stands in it is not ours to refuse.
        return {name: value for name, value in super().__call__().items() if name in _SETTINGS}


def _toml(file: str, *table: str) -> dict[str, Any]:
    try:
        found: Any = tomllib.loads(Path(file).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _refusal({file: f"cannot be read ({error.strerror})"}) from None
    except ValueError as error:
        reason = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"is not TOML ({error})"
        raise _refusal({file: reason}) from None
    for name in table:
        found = found.get(name, {}) if isinstance(found, dict) else found
    if not isinstance(found, dict):
        raise _refusal({file: f"has no table at [{'.'.join(table)}]"})
    return found


def _reasons(error: ValidationError) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(problem["loc"][0]) if problem["loc"] else "settings"
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            near = names.nearest(name, _SETTINGS)
            reason = f"is no setting (did you mean {near}?)" if near else "is no setting"
        reasons.setdefault(name, reason[:1].lower() + reason[1:])
    return reasons


def _conflicts(settings: Settings) -> dict[str, str]:
    reasons: dict[str, str] = {}
    if settings.poll_min > settings.poll_max:
        reasons["poll_min"] = "must not be more than poll_max"
    if settings.unsafe_timing:
        return reasons
    least = 3 * settings.heartbeat + 15
    if settings.lease < least:
        reasons["lease"] = (
            f"must be at least 3 x heartbeat + 15 s, which is {least:g} s, unless unsafe_timing is set"
        )
    elif not settings.heartbeat < settings.self_fence < settings.lease:
        reasons["self_fence"] = "must lie between heartbeat and lease, unless unsafe_timing is set"
    return reasons


def _refusal(reasons: dict[str, str]) -> InvalidConfiguration:
    told = "; ".join(f"{name} {reason}" for name, reason in reasons.items())
    return InvalidConfiguration(f"Configuration: {told}.", fields=reasons)
