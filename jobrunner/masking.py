"""Keeps passwords out of the ledger."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

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
HIDDEN = "***"


class Mask:
    """Replaces the database URL, its password, and the password of any other URL or DSN by ``***``.

    The bare password is looked for when it has at least six characters; a shorter one only where a URL
    or DSN shows that it is one. The path of a SQLite file is no secret, its URL is masked. Text without any of
    them costs a few substring searches.
    """

    def __init__(self, database_url: str) -> None:
        password = _password(database_url)
        forms = {form for form in (password, unquote(password)) if len(form) >= _SHORTEST}
        self._known = sorted(forms, key=len, reverse=True)
        self._rests = _rests(database_url)
        self._url = re.compile(rf"\b{_SCHEME}://(?:{'|'.join(map(re.escape, self._rests))})")
        self.longest = _DRIVER + max(map(len, ("", *self._rests, *self._known)))

    def __call__(self, text: str) -> str:
        """Returns ``text`` without secrets."""
        if "://" in text:
            if any(rest in text for rest in self._rests):
                text = self._url.sub(HIDDEN, text)
            if "@" in text:
                text = _IN_URL.sub(rf"\1{HIDDEN}", text)
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, HIDDEN)
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
