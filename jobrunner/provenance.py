"""Where a start or a verb came from: facts about its request, kept in the context of each transition that it makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

CHANNELS = ("ui", "api", "cli", "python", "worker")
"""A form of a page, the HTTP API, the command line, the library, and what workers and reapers do by themselves."""
MACHINES = ("worker", "reaper")
"""The kinds of actors whose channel is ``worker``; nothing is stored for them."""
_LIBRARY: Mapping[str, str] = {"channel": "python"}
_facts: ContextVar[Mapping[str, str]] = ContextVar("jobrunner_provenance", default=_LIBRARY)


@contextmanager
def noted(**facts: str) -> Iterator[None]:
    """Adds facts to those about the request that this thread or task works on, until the block ends.

    ``channel`` is one of ``CHANNELS``, ``batch`` the id of a bulk action.
    """
    before = _facts.set({**_facts.get(), **facts})
    try:
        yield
    finally:
        _facts.reset(before)


def facts() -> dict[str, str]:
    """Returns the facts about the present request; outside of any ``noted`` the channel is ``python``."""
    return dict(_facts.get())


def channel(actor: str, context: Any) -> str | None:
    """Returns the channel of a transition by its actor and its context; None for one that does not say."""
    if actor.partition(":")[0] in MACHINES:
        return "worker"
    named = context.get("channel") if isinstance(context, Mapping) else None
    return named if isinstance(named, str) else None
