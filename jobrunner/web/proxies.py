"""Where the application stands in the eyes of its users: below which path, and behind which proxy."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from jobrunner.errors import InvalidField

_PREFIX = re.compile(r"(/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~%!$&'()*+,;=:@-]+)+")
_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]+")
# below a prefix that begins as one of our own paths nobody can see whether it was stripped
OURS = frozenset((
    "api", "audit", "find", "healthz", "jobs", "keys", "login", "logout", "machine", "metrics", "openapi.json", "readyz",
    "static", "taste", "types", "workers",
))  # fmt: skip


def route(scope: Scope) -> str:
    """Returns the path below the application's root."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and (path == root or path.startswith(root + "/")) else path


class Proxies:
    """The proxies whose word counts: addresses or networks; ``*`` is any."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        given = [text.strip() for text in trusted]
        self._any = "*" in given
        try:
            self._networks = [ipaddress.ip_network(text, strict=False) for text in given if text != "*"]
        except ValueError:
            told = "is not an address or a network such as 10.0.0.0/8"
            raise InvalidField(f"A proxy's address {told}.", fields={"behind_proxy": told}) from None

    def trust(self, scope: Scope) -> bool:
        """True when the request comes from one of them."""
        client = scope.get("client")
        if self._any or client is None:
            return self._any
        try:
            address = ipaddress.ip_address(client[0])
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def client(self, forwarded: str) -> str | None:
        """Returns the last address of ``X-Forwarded-For`` that is none of the proxies."""
        for text in reversed(forwarded.split(",")):
            address = text.strip()
            try:
                ours = any(ipaddress.ip_address(address) in network for network in self._networks)
            except ValueError:
                return None
            if not ours:
                return address
        return None


class Placed:
    """Puts the application below ``root``, or below what a trusted proxy says it is below.

    A proxy may strip the path before it asks or leave it; links are right either way. Only of a path like ``/jobs``, which
    begins as one of our own does, ``X-Forwarded-Prefix`` says that it was stripped, and ``root`` that it was not. A proxy's
    words on the prefix, the client, the scheme and the host count only when it is trusted.
    """

    def __init__(self, app: ASGIApp, proxies: Proxies, root: str = "") -> None:
        self._app, self._proxies, self._root = app, proxies, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope = dict(scope)
            prefix = ""
            if self._proxies.trust(scope):
                prefix = self._believe(scope)
            if prefix:
                _below(
                    scope, prefix, stripped=prefix.split("/")[1] in OURS or not _begins(scope["path"], prefix)
                )
            elif self._root and not scope.get("root_path"):
                _below(scope, self._root, stripped=not _begins(scope["path"], self._root))
            if scope["path"] == scope.get("root_path"):
                scope["path"] += "/"
        await self._app(scope, receive, send)

    def _believe(self, scope: Scope) -> str:
        """Takes over what a trusted proxy says; returns the path that it is at."""
        headers = Headers(scope=scope)
        scheme = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
        if scheme in ("http", "https"):
            scope["scheme"] = scheme
        client = self._proxies.client(headers.get("x-forwarded-for", ""))
        if client is not None:
            scope["client"] = (client, 0)
        host = headers.get("x-forwarded-host", "").partition(",")[0].strip()
        if _HOST.fullmatch(host):
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [*others, (b"host", host.encode())]
        prefix = headers.get("x-forwarded-prefix", "").strip().rstrip("/")
        return prefix if _PREFIX.fullmatch(prefix) and "//" not in prefix else ""


def checked_root(root_path: str) -> str:
    """Returns a path to stand below, without a slash at its end; raises InvalidField for what is none."""
    root = root_path.strip().rstrip("/")
    if root and not _PREFIX.fullmatch(root):
        told = "is not a path such as /ops/jobs"
        raise InvalidField(f"root_path {told}.", fields={"root_path": told})
    return root


def _begins(path: str, prefix: str) -> bool:
    return f"{path}/".startswith(f"{prefix}/")


def _below(scope: Scope, prefix: str, *, stripped: bool) -> None:
    root = str(scope.get("root_path", ""))
    if stripped or not _begins(root, prefix):
        scope["root_path"] = prefix + root
    if stripped:
        scope["path"] = prefix + scope["path"]
        if scope.get("raw_path") is not None:
            scope["raw_path"] = prefix.encode() + scope["raw_path"]
