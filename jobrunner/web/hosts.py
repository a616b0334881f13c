"""Which host names this server answers to: a page elsewhere that points its own name here gets nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from jobrunner.web.faults import HostNotAllowed

LOCAL = ("localhost", "127.0.0.1", "::1")
ANY, ADDRESSES = "*", "addresses"


class Hosts:
    """The names that are allowed, besides those of this host itself.

    A name may begin with ``*.`` for all below it; ``*`` is any name, ``addresses`` any that is a literal
    address, which no name server can give away.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        names = {_plain(name) for name in allowed}
        self._any, self._addresses = ANY in names, ADDRESSES in names
        self._below = tuple(name[1:] for name in names if name.startswith("*."))
        self._names = names | set(LOCAL)

    def check(self, header: str | None) -> None:
        """Raises HostNotAllowed unless the Host header names an allowed host."""
        if self._any:
            return
        name = _name(header or "")
        if name in self._names or name.endswith(self._below) or (self._addresses and is_address(name)):
            return
        raise HostNotAllowed


def is_address(name: str) -> bool:
    """True for a literal IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """True for a host that only this machine reaches."""
    return name == "localhost" or (is_address(name) and ipaddress.ip_address(name).is_loopback)


def _name(header: str) -> str:
    try:
        parts = urlsplit(f"//{header}")
        if parts.username is not None or parts.path or parts.query or parts.fragment:
            return ""
        return _plain(parts.hostname or "")
    except ValueError:
        return ""


def _plain(name: str) -> str:
    return name.strip().lower().removeprefix("[").removesuffix("]").rstrip(".")
