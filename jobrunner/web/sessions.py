"""Sessions of pages: a signed cookie that names a token. What the token may do is looked up at every request."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from itsdangerous import BadData, URLSafeSerializer

from jobrunner import clock, identifiers

IDLE_SHARE = 0.25
RENEW_EVERY = 60.0
_MOST_CLOSED = 10_000


@dataclass(frozen=True)
class Session:
    """One login: of which token, since when, last seen when."""

    token_id: str
    nonce: str
    opened_at: str
    seen_at: str


class Sessions:
    """Opens, reads and closes sessions that last ``hours`` at most, and a quarter of that without a request.

    A session that was closed stays closed in this process; a session of a revoked token is worth nothing anywhere.
    """

    def __init__(self, key: Callable[[], str], hours: float) -> None:
        self._make_key = key
        self.longest = hours * 3600
        self.idle = self.longest * IDLE_SHARE
        self._closed: dict[str, str] = {}

    @cached_property
    def _key(self) -> str:
        return self._make_key()

    @cached_property
    def _serializer(self) -> URLSafeSerializer:
        return URLSafeSerializer(
            self._key, salt="jobrunner.session",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )  # fmt: skip

    @cached_property
    def cookie(self) -> str:
        """The cookie's name; two servers on one host, told apart by port alone, have different ones."""
        return f"jobrunner_{hashlib.sha256(b'name:' + self._key.encode()).hexdigest()[:8]}"

    def prepare(self) -> None:
        """Has the key made or read now, and not at the first login."""
        _ = self._key

    def open(self, token_id: str) -> Session:
        """Returns a new session of a token."""
        now = clock.now()
        return Session(token_id, identifiers.secret()[:32], now, now)

    def text(self, session: Session) -> str:
        """Returns the session as the cookie's value."""
        return self._dumped([session.token_id, session.nonce, session.opened_at, session.seen_at])

    def read(self, text: str) -> Session | None:
        """Returns the session that a cookie's value is, unless it is forged, closed, too old or too long unused."""
        try:
            session = Session(*self._serializer.loads(text))
        except (BadData, TypeError, ValueError):
            return None
        now = clock.now()
        if (
            session.nonce in self._closed
            or clock.between(session.opened_at, now) >= self.longest
            or clock.between(session.seen_at, now) >= self.idle
        ):
            return None
        return session

    def renewed(self, session: Session) -> Session | None:
        """Returns the session as seen now, when it was last seen a minute ago or earlier."""
        now = clock.now()
        return replace(session, seen_at=now) if clock.between(session.seen_at, now) >= RENEW_EVERY else None

    def close(self, session: Session) -> None:
        """Ends a session."""
        if len(self._closed) >= _MOST_CLOSED:
            now = clock.now()
            self._closed = {n: at for n, at in self._closed.items() if clock.between(at, now) < self.longest}
        self._closed[session.nonce] = session.opened_at

    def csrf(self, session: Session) -> str:
        """Returns what forms of this session bring back."""
        return self.mark(session.nonce)

    def mark(self, about: str) -> str:
        """Returns what only this server can say about a text."""
        return hmac.new(self._key.encode(), b"csrf:" + about.encode(), hashlib.sha256).hexdigest()

    def _dumped(self, parts: list[str]) -> str:
        text = self._serializer.dumps(parts)
        return text if isinstance(text, str) else text.decode()
