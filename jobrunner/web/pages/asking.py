"""What the pages' addresses and forms ask, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData, QueryParams

from jobrunner.operations import filtering
from jobrunner.store.lists import Filter
from jobrunner.web import words

SEVERAL = ("status", "tag", "param")
SINGLE = ("type", "queue", "created_by", "since", "until", "search", "worker")
LONGEST = 1000


@dataclass(frozen=True)
class Asked:
    """A filter of jobs as it stands in an address."""

    status: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    param: tuple[str, ...] = ()
    type: str = ""
    queue: str = ""
    created_by: str = ""
    since: str = ""
    until: str = ""
    search: str = ""
    worker: str = ""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The filter as names and values, those that ask for something."""
        several = [(name, value) for name in SEVERAL for value in getattr(self, name)]
        return several + [(name, getattr(self, name)) for name in SINGLE if getattr(self, name)]

    @property
    def query(self) -> str:
        """The filter as the query of an address."""
        return urlencode(self.pairs)

    @property
    def rare(self) -> bool:
        """True when it asks for what seldom is asked for, and stands folded away otherwise."""
        return any((self.queue, self.created_by, self.since, self.until, self.tag, self.worker, self.param))

    def without(self, name: str, value: str) -> str:
        """Returns the query of the filter with one part less."""
        return urlencode([pair for pair in self.pairs if pair != (name, value)])

    def spoken(self) -> dict[str, Any]:
        """Returns what ``JobRunner.jobs`` takes for it; raises InvalidField or InvalidTime."""
        single: Mapping[str, str] = {name: getattr(self, name) for name in SINGLE}
        return filtering.spoken(status=self.status, tag=self.tag, param=self.param, **single)

    def wanted(self, after: str | None) -> Filter:
        """Returns it for the store, older than a job's id when there is one."""
        return filtering.wanted(**self.spoken(), next=after)

    def command(self) -> str:
        """Returns the command that lists the same jobs."""
        options = [f"--{name.replace('_', '-')} {words.shell(value)}" for name, value in self.pairs]
        return " ".join(["jobrunner list", *options])


def asked(given: QueryParams | FormData) -> Asked:
    """Returns the filter that stands in an address or a form."""
    several = {name: tuple(_texts(given.getlist(name))) for name in SEVERAL}
    statuses = tuple(dict.fromkeys(one for text in several["status"] for one in text.split(",") if one))
    return Asked(statuses, several["tag"], several["param"], **{name: text(given, name) for name in SINGLE})


def text(given: QueryParams | FormData, name: str, default: str = "") -> str:
    """Returns one value as text without blank edges, cut where no honest one ends."""
    value = given.get(name)
    return value.strip()[:LONGEST] if isinstance(value, str) else default


def _texts(values: Sequence[Any]) -> list[str]:
    return [value.strip()[:LONGEST] for value in values if isinstance(value, str) and value.strip()]
