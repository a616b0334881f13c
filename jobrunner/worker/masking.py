"""Keeps passwords out of the ledger."""

from __future__ import annotations

import re
from urllib.parse import unquote

_IN_URL = re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]{0,40}://[^\s:/@?#]{0,256}:)[^\s/@]{1,256}(?=@)")
_IN_DSN = re.compile(
    r"(\b(?:password|passwd)\s{0,4}=\s{0,4})('[^']{0,256}'|[^\s&;,'\"]{1,256})", re.IGNORECASE
)
_SHORTEST = 6
HIDDEN = "***"


class Mask:
    """Replaces the database URL, its password, and the password of any other URL or DSN by ``***``.

    The bare password is looked for when it has at least six characters; a shorter one only where a URL
    or DSN shows that it is one. Text without any of them costs a few substring searches.
    """

    def __init__(self, database_url: str) -> None:
        password = _password(database_url)
        known = {database_url} if password else set()
        known |= {form for form in (password, unquote(password)) if len(form) >= _SHORTEST}
        self._known = sorted(known, key=len, reverse=True)
        self.longest = max(map(len, self._known), default=0)

    def __call__(self, text: str) -> str:
        """Returns ``text`` without secrets."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        if "://" in text and "@" in text:
            text = _IN_URL.sub(rf"\1{HIDDEN}", text)
        if "assw" in text or "ASSW" in text:
            text = _IN_DSN.sub(rf"\1{HIDDEN}", text)
        return text


def _password(url: str) -> str:
    authority = url.partition("://")[2].partition("?")[0].rpartition("@")[0]
    return authority.partition(":")[2]
