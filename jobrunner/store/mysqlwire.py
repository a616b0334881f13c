"""Connections to MySQL and MariaDB, made as PyMySQL makes them but sooner."""

from __future__ import annotations

import ssl
from typing import Any

from pymysql.connections import Connection

# the stubs' Connection takes a type of cursor, the library's does not
_Usual: Any = Connection


class Wire(_Usual):  # type: ignore[misc]  # a base of type Any
    """A connection that, unless it was told how, takes the encryption that the server offers and checks no certificate.

    So does PyMySQL, but it reads all certificates of the system first, which takes longer than all the rest.
    """

    def _create_ssl_ctx(self, sslp: Any) -> Any:
        if sslp:
            return super()._create_ssl_ctx(sslp)
        unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE
        return unchecked


def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
    """Returns a new connection; SQLAlchemy asks for it."""
    return Wire(*arguments, **options)
