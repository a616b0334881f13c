"""Keeps passwords, and what a handler says is secret, out of the ledger."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import unquote

from jobrunner.hiding import HIDDEN, SHORTEST, SecretNames, hide, longest_first

# up to the last @ of the word: a password may hold any character that its owner forgot to escape
_IN_URL = re.compile(r"(://[^\s:/@?#\"']{0,256}:)(?!\d{1,5}[/?#])[^\s\"']{1,256}(?=@)")
_IN_DSN = re.compile(
    # PWD=/srv/shop is what a shell says of its directory, MYSQL_PWD=/x and UID=a;PWD=/x are not
    r"((?:[Pp][Aa][Ss][Ss][Ww](?:[Oo][Rr])?[Dd]|(?:(?<=[;_])|(?!PWD=/))[Pp][Ww][Dd])"
    r"\\?[\"']?[ \t]{0,4}[=:][ \t]{0,4}\\?)"
    r"(?!(?:[Tt]rue|[Ff]alse|[Nn]one|null)\b)"
    r"(?:([\"'])(?:\\.|(?!\2).)+|(?:[^\s&;,'\"}\])]|[}\])]+(?=[^\s&;,'\"}\])]))+)"
)
# the driver that is meant may stand in it
_SCHEME = r"(?:sqlite|mysql|mariadb|postgresql)(?:\+\w{1,20})?"
_SHORTEST, _DRIVER = 6, 40


class Mask:
    """Replaces the database URL, its password, and the password of any other URL or DSN by ``***``.

    The bare password is looked for when it has at least six characters; a shorter one only where a URL
    or DSN shows that it is one. The path of a SQLite file is no secret, its URL is masked. Text without any of
    them costs a few substring searches.

    What an attempt declares is hidden too, and in its data what stands under a name like one of ``names``.
    """

    def __init__(self, database_url: str, names: Sequence[str] = ()) -> None:
        password = _password(database_url)
        self._known = longest_first(form for form in (password, unquote(password)) if len(form) >= _SHORTEST)
        self._declared: list[str] = []
        self._names = SecretNames(names)
        self._rests = _rests(database_url)
        self._url = re.compile(rf"\b{_SCHEME}://(?:{'|'.join(map(re.escape, self._rests))})")

    @property
    def longest(self) -> int:
        """The most characters that one secret has."""
        return _DRIVER + max(map(len, ("", *self._rests, *self._known)))

    @property
    def sees_data(self) -> bool:
        """True when ``data`` may hide something."""
        return bool(self._declared or self._names)

    def of_attempt(self) -> Mask:
        """Returns a mask like this one, for what one attempt declares."""
        return copy.copy(self)

    def declare(self, texts: Iterable[str]) -> None:
        """Hides each of ``texts`` from now on; those of less than 4 characters are left out."""
        fit = [text for text in texts if len(text) >= SHORTEST]
        self._declared = longest_first([*self._declared, *fit])
        self._known = longest_first([*self._known, *fit])

    def data(self, value: Any) -> Any:
        """Returns JSON-ready ``value`` with what was declared, and what stands under a secret name, hidden.

        URLs and DSNs are left as they are. A number counts as the text that JSON writes.
        """
        if isinstance(value, dict):
            return {
                hide(key, self._declared): HIDDEN if key in self._names else self.data(item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.data(item) for item in value]
        if isinstance(value, str):
            return hide(value, self._declared)
        if value is None or isinstance(value, bool) or not self._declared:
            return value
        return value if hide(text := str(value), self._declared) == text else HIDDEN

    def __call__(self, text: str) -> str:
        """Returns ``text`` without secrets."""
        if "://" in text:
            if any(rest in text for rest in self._rests):
                text = self._url.sub(HIDDEN, text)
            if "@" in text:
                text = _IN_URL.sub(rf"\1{HIDDEN}", text)
        text = hide(text, self._known)
        lower = text.lower()
        if "assw" in lower or "pwd" in lower:
            text = _IN_DSN.sub(rf"\1\2{HIDDEN}", text)
        return text


def _password(url: str) -> str:
    authority = url.partition("://")[2].partition("?")[0].rpartition("@")[0]
    return authority.partition(":")[2]


def _rests(url: str) -> tuple[str, ...]:
    """Returns what follows the scheme of a database URL; of a file's also with its whole path, as errors show it."""
    scheme, _, rest = url.partition("://")
    if not scheme.startswith("sqlite") or not rest[1:]:
        return (rest,) if rest else ()
    try:
        return rest, f"/{os.path.abspath(rest[1:])}"
    except OSError:
        return (rest,)
