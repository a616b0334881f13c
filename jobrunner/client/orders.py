"""One job to be started over HTTP: what is sent, and what its answer means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

from jobrunner import durations, identifiers, items, jsontext
from jobrunner.client.wire import refusal
from jobrunner.errors import HandlerNotRegistered, InvalidField, NotEncodable, PayloadNotEncodable
from jobrunner.models import StartResult

Handler = str | Callable[..., Any]
_TIMES = {"scheduled": "scheduled", "held": "held", "queued": "queued"}


class Order:
    """A start as it is sent. It always bears an idempotency key, its own where the caller gave none."""

    def __init__(self, type: Handler, params: Mapping[str, Any] | None, options: Mapping[str, Any]) -> None:
        given = {name: value for name, value in options.items() if value is not None or name == "hold"}
        if given.get("at") is not None:
            given["at"] = durations.moment("at", given["at"])
        self._is_ours = not given.get("idempotency_key")
        if self._is_ours:
            given["idempotency_key"] = f"client:{identifiers.uuid7()}"
        self.body: dict[str, Any] = {"type": _name(type), **given}
        # what JSON does not have is refused; the parameters are looked at by themselves
        jsontext.dumps(self.body)
        if params is not None:
            self.body["params"] = _plain(params)

    @classmethod
    def of_item(cls, number: int, item: Any) -> Order:
        """Returns the order that one item of ``start_many`` means; raises InvalidField for what is no item."""
        kind, params, options = items.parts(number, item)
        if options.pop("session", None) is not None:
            raise refusal("start within a transaction of your own (session=)")
        return cls(kind, params, options)

    def own(self, answer: Any) -> StartResult:
        """Returns the answer; a duplicate of a key that is nobody else's is this very start, told again."""
        result = StartResult.model_validate(answer, extra="ignore")
        if result.outcome != "duplicate" or not self._is_ours:
            return result
        return result.model_copy(update={"outcome": _TIMES.get(result.status, "started")})


def _name(type: Handler) -> str:
    own = getattr(type, "job_type", None)
    name = type if isinstance(type, str) else getattr(own, "type", None)
    if not isinstance(name, str):
        raise HandlerNotRegistered(f"{type!r} is no job type and no function with @job.")
    return name


def _plain(params: Mapping[str, Any]) -> Any:
    """Returns parameters in plain JSON, as the model of a job type would write them; raises PayloadNotEncodable."""
    if not isinstance(params, Mapping):
        raise InvalidField("params is not an object.", fields={"params": "is not an object"})
    try:
        plain = to_jsonable_python(dict(params), inf_nan_mode="constants")
        jsontext.dumps(plain)
    except (NotEncodable, PydanticSerializationError, ValueError) as error:
        reason = error.message if isinstance(error, NotEncodable) else str(error)[:500]
        raise PayloadNotEncodable(
            f"The parameters cannot be sent: {reason}.", fields={"params": reason}
        ) from error
    return plain
