"""Passwords do not reach the ledger."""

from __future__ import annotations

import pytest

from jobrunner.worker.masking import Mask

URL = "mysql://app:open%20sesame@db.example/shop"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"cannot reach {URL}", "cannot reach ***"),
        ("the password is open sesame!", "the password is ***!"),
        ("quoted open%20sesame", "quoted ***"),
        ("postgresql://me:pw@host/other", "postgresql://me:***@host/other"),
        ("redis://:pw@host", "redis://:***@host"),
        ("host=db password=pw user=me", "host=db password=*** user=me"),
        ("connect(password='pw', user='me')", "connect(password=***, user='me')"),
        ("nothing to see at https://example.org/a@b", "nothing to see at https://example.org/a@b"),
        ("an e-mail me@example.org", "an e-mail me@example.org"),
    ],
)
def test_secrets_are_replaced_and_the_rest_stays(text, shown):
    assert Mask(URL)(text) == shown


def test_a_short_password_is_hidden_where_it_is_seen_to_be_one():
    mask = Mask("mysql://root:root@db/shop")
    assert mask("ls /root; mysql://root:root@other/x") == "ls /root; mysql://root:***@other/x"


def test_a_sqlite_url_is_no_secret():
    assert Mask("sqlite:////var/lib/jobs.db")("sqlite:////var/lib/jobs.db") == "sqlite:////var/lib/jobs.db"
