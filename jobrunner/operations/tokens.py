"""Tokens for HTTP: made, listed, revoked, and recognized."""

from __future__ import annotations

import hmac
from typing import Literal, get_args

from jobrunner import clock, durations, identifiers, names
from jobrunner.errors import InvalidField, TokenNotFound
from jobrunner.models import NewToken, Scope, TokenModel
from jobrunner.operations.acting import refuse
from jobrunner.store import tokens
from jobrunner.store.database import Database, Row

PREFIX = "jobrunner_"
SCOPES: tuple[Scope, ...] = get_args(Scope)
NAME_BYTES = 64
TOUCH_EVERY = 60.0


def create(
    database: Database, name: str, *, scope: str = "read", expires: str | float | None = None, created_by: str
) -> NewToken:
    """Makes a token; what it returns is the only place where the token itself is ever seen.

    ``expires`` is a duration ("30d"), None for never. Raises InvalidField for a name that is taken or
    cannot be one and for an unknown scope, and InvalidTime.
    """
    refuse("name", names.fault(name, NAME_BYTES))
    refuse("scope", None if scope in SCOPES else f"is not one of {', '.join(SCOPES)}")
    seconds = None if expires is None else durations.seconds(expires, "expires")
    token = PREFIX + identifiers.secret()
    row = {
        "id": identifiers.uuid7(), "name": name, "token_hash": identifiers.secret_hash(token), "scope": scope,
        "created_by": created_by,
    }  # fmt: skip
    stored = tokens.insert(database, row, seconds)
    if stored is None:
        raise InvalidField(
            f"There is a token called {name!r} already.",
            hint="Choose another name; that of a revoked token stays taken, for the ledger names it.",
            fields={"name": "is taken"},
        )
    return NewToken.model_validate(
        {"name": name, "scope": scope, "token": token, "expires_at": stored["expires_at"]}
    )


def every(database: Database) -> list[TokenModel]:
    """Returns all tokens, those that expired or were revoked too, by name; never the tokens themselves."""
    return [_model(row) for row in tokens.every(database)]


def revoke(database: Database, name: str) -> TokenModel:
    """Ends a token at once, and every session that was opened with it; raises TokenNotFound."""
    known = names.fault(name, NAME_BYTES) is None and not database.is_blank()
    row = tokens.revoke(database, name) if known else None
    if row is None:
        raise TokenNotFound(f"There is no token called {name!r}.")
    return _model(row)


def recognize(database: Database, token: str) -> TokenModel | None:
    """Returns the token when it is one that may be used now."""
    if not token.startswith(PREFIX) or len(token) > 256:
        return None
    token_hash = identifiers.secret_hash(token)
    row = tokens.with_hash(database, token_hash)
    if row is None or not hmac.compare_digest(str(row["token_hash"]), token_hash):
        return None
    return _usable(row)


def still(database: Database, token_id: str) -> TokenModel | None:
    """Returns the token of that id when it may be used now."""
    return _usable(tokens.with_id(database, token_id))


def is_fresh(token: TokenModel) -> bool:
    """True when its use was noted less than a minute ago, by this host's clock."""
    return token.last_used_at is not None and clock.between(token.last_used_at, clock.now()) < TOUCH_EVERY


def note_use(database: Database, token: TokenModel) -> None:
    """Notes that a token was used now; raises a StoreError when that cannot be written."""
    tokens.touch(database, token.id)


def exist(database: Database) -> bool:
    """True when a token was ever made here."""
    return tokens.any_at_all(database)


def _usable(row: Row | None) -> TokenModel | None:
    found = None if row is None else _model(row)
    return found if found is not None and found.state == "active" else None


def _model(row: Row) -> TokenModel:
    state: Literal["active", "expired", "revoked"] = "active"
    if row["revoked_at"] is not None:
        state = "revoked"
    elif row["expires_at"] is not None and row["expires_at"] <= row["clock"]:
        state = "expired"
    shown = {name: row[name] for name in TokenModel.model_fields if name != "state"}
    return TokenModel(**shown, state=state)
