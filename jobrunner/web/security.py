"""Who may use an application, and how that is found out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from starlette.requests import Request

from jobrunner import identifiers
from jobrunner.errors import StoreError, Unauthorized
from jobrunner.models import JobModel, TokenModel
from jobrunner.operations import tokens
from jobrunner.runner import JobRunner
from jobrunner.web import vault
from jobrunner.web.attempts import Attempts
from jobrunner.web.caller import Caller
from jobrunner.web.hosts import Hosts
from jobrunner.web.sessions import Session, Sessions

Authorize = Callable[[str, str, JobModel | None], bool]
Authenticate = Callable[[Request], Caller | None]
OPEN = Caller("anonymous", "admin", "open")
_logger = logging.getLogger("jobrunner.web")


class Security:
    """The rules of one application.

    With ``auth`` a request brings a token or a session; ``authenticate`` is the surrounding application's own
    way to know its users, asked first. ``authorize`` is asked for each verb, start and read of a job, and each drain.
    """

    def __init__(
        self, runner: JobRunner, *, auth: bool = True, authorize: Authorize | None = None,
        authenticate: Authenticate | None = None, allowed_hosts: Iterable[str] = (), state: Path | None = None,
    ) -> None:  # fmt: skip
        self.auth, self.authorize = auth, authorize
        self.hosts = Hosts(allowed_hosts)
        self.attempts = Attempts()
        self._runner, self._authenticate, self._state = runner, authenticate, state
        self._touching: set[str] = set()
        self.sessions = Sessions(self._key, runner.settings.session_hours)

    @property
    def state(self) -> Path:
        """Where this server's secrets are kept."""
        return self._state or vault.directory(self._runner.database)

    def identify(self, request: Request) -> tuple[Caller, Session | None]:
        """Returns who asks, and the session that says so; raises Unauthorized, and a StoreError.

        A token wins over a session: who sends one means it.
        """
        if self._authenticate is not None:
            own = self._authenticate(request)
            if own is not None:
                return self._theirs(own), None
        if not self.auth:
            return OPEN, None
        header = request.headers.get("authorization")
        if header is not None:
            known = self.recognize(_bearer(header))
            return Caller(known.name, known.scope), None
        session = self.session(request)
        if session is None:
            raise Unauthorized
        token = tokens.still(self._runner.database, session.token_id)
        if token is None:
            raise Unauthorized("The session has ended.")
        self._note_use(token)
        return Caller(token.name, token.scope, "session", self.sessions.csrf(session)), session

    def recognize(self, text: str) -> TokenModel:
        """Returns the token that a text is; raises Unauthorized for one that may not be used."""
        token = tokens.recognize(self._runner.database, text)
        if token is None:
            raise Unauthorized("The token is not known, has expired, or was revoked.")
        self._note_use(token)
        return token

    def session(self, request: Request) -> Session | None:
        """Returns the session that a request brings, if it brings a good one."""
        text = request.cookies.get(self.sessions.cookie) if request.cookies else None
        return None if text is None else self.sessions.read(text)

    def _theirs(self, own: Caller) -> Caller:
        # the surrounding application knows its users by a cookie, as we know a session
        return Caller(own.name, own.scope, "session", self.sessions.mark(f"user:{own.name}"))

    def _note_use(self, token: TokenModel) -> None:
        """Has the use noted at most once a minute, beside the request: nobody waits for that."""
        if tokens.is_fresh(token) or token.id in self._touching:
            return
        self._touching.add(token.id)
        threading.Thread(target=self._touch, args=(token,), name="token-use", daemon=True).start()

    def _touch(self, token: TokenModel) -> None:
        try:
            tokens.note_use(self._runner.database, token)
        except StoreError as error:
            _logger.warning("The use of token %r was not noted: %s", token.name, error.message)
        finally:
            self._touching.discard(token.id)

    def _key(self) -> str:
        try:
            return vault.signing_key(self.state)
        except OSError as error:
            _logger.warning(
                "The key of sessions cannot be kept in %s (%s): sessions end with this process.",
                self.state, error.strerror,
            )  # fmt: skip
            return identifiers.secret()


def _bearer(header: str) -> str:
    kind, _, text = header.partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        raise Unauthorized("The Authorization header is not Bearer and a token.")
    return text.strip()
