"""One item of many: a job to be started, as ``start_many`` takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobrunner.errors import InvalidField


def parts(index: int, item: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Returns type, params and options of one item of many; raises InvalidField for what is no item."""
    try:
        if isinstance(item, Mapping):
            options: dict[str, Any] = dict(item)
            return options.pop("type", None), options.pop("params", None), options
        if isinstance(item, tuple | list) and 1 <= len(item) <= 3:
            kind, params, given = (*item, None, None)[:3]
            return kind, params, dict(given or {})
    except (TypeError, ValueError):
        pass
    reason = "is not (type, params, options)"
    raise InvalidField(f"Item {index} {reason}.", fields={str(index): reason})
