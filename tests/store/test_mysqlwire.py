"""Connections to MySQL and MariaDB cost no reading of certificates that nobody asked for."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from pymysql.connections import Connection

from jobrunner import JobRunner
from jobrunner.store.mysqlwire import Wire


def traits(context: Any) -> tuple[Any, ...]:
    """What a TLS context demands of the other side."""
    return context.verify_mode, context.check_hostname, context.minimum_version


def test_what_was_not_asked_for_is_as_pymysql_has_it():
    own: Any = Wire(defer_connect=True)
    usual: Any = Connection(defer_connect=True)
    if not hasattr(usual, "ctx"):
        pytest.skip("this PyMySQL encrypts only when it is asked to")
    assert traits(own.ctx) == traits(usual.ctx)
    assert (own.ssl, own._ssl_required) == (usual.ssl, usual._ssl_required)


def test_a_certificate_that_was_asked_for_is_checked():
    own: Any = Wire(defer_connect=True, ssl={"ca": None, "capath": "/", "check_hostname": True})
    assert traits(own.ctx)[:2] == (ssl.CERT_REQUIRED, True)


@pytest.mark.databases("mariadb")
def test_a_connection_reads_no_certificates(url, monkeypatch):
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("all certificates of the system are read")

    runner = JobRunner(database_url=url, handlers=["tests.handlers"])
    monkeypatch.setattr(ssl, "create_default_context", refuse)
    assert runner.stats()["jobs"] == {}
    with pytest.raises(AssertionError, match="certificates"):
        Connection(defer_connect=True)
