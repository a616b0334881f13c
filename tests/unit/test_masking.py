"""Passwords do not reach the ledger."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from jobrunner.masking import Mask

URL = "mysql://app:open%20sesame@db.example/shop"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"cannot reach {URL}", "cannot reach ***"),
        ("mysql+pymysql://app:open%20sesame@db.example/shop is away", "*** is away"),
        ("the password is open sesame!", "the password is ***!"),
        ("quoted open%20sesame", "quoted ***"),
        ("postgresql://me:pw@host/other", "postgresql://me:***@host/other"),
        ("postgresql://me:hun@ter/22@host/x", "postgresql://me:***@host/x"),
        ("https://a:b@c/d, 'ftp://e:f@g' of h@i", "https://a:***@c/d, 'ftp://e:***@g' of h@i"),
        ("redis://:pw@host", "redis://:***@host"),
        ("host=db password=pw user=me", "host=db password=*** user=me"),
        ("connect(password='p w', user='me')", "connect(password='***', user='me')"),
        ("connect(user='me', passwd=pw)", "connect(user='me', passwd=***)"),
        ("db_password=pw Password: pw pwd=pw", "db_password=*** Password: *** pwd=***"),
        ("PGPASSWORD=pw MYSQL_PWD=/pw uid=me;PWD=/pw", "PGPASSWORD=*** MYSQL_PWD=*** uid=me;PWD=***"),
        ('{"password": "p\\"w", "user": "me"}', '{"password": "***", "user": "me"}'),
        ("{'password': 'pw', 'user': 'me'}", "{'password': '***', 'user': 'me'}"),
        ("{'has_password': True, 'password': None}", "{'has_password': True, 'password': None}"),
        ("Enter password:\nthe next line", "Enter password:\nthe next line"),
        ("PWD=/srv/shop OLDPWD=/", "PWD=/srv/shop OLDPWD=/"),
        ("http://localhost:4873/@scope/package", "http://localhost:4873/@scope/package"),
        ("nothing to see at https://example.org/a@b", "nothing to see at https://example.org/a@b"),
        ("an e-mail me@example.org", "an e-mail me@example.org"),
    ],
)
def test_secrets_are_replaced_and_the_rest_stays(text, shown):
    assert Mask(URL)(text) == shown
    assert Mask(URL)(shown) == shown


def test_json_in_json_stays_json():
    context = json.dumps({"sent": json.dumps({"password": "pw", "user": "me"}), "to": "shop"})
    assert json.loads(Mask(URL)(context)) == {"sent": '{"password": "***', "to": "shop"}


def test_a_short_password_is_hidden_where_it_is_seen_to_be_one():
    mask = Mask("mysql://root:root@db/shop")
    assert mask("ls /root; mysql://root:root@other/x") == "ls /root; mysql://root:***@other/x"


@pytest.mark.parametrize("url", ["sqlite:///jobs.db", "postgresql://db.example/shop"])
def test_the_database_url_is_hidden_even_without_a_password(url):
    mask = Mask(url)
    assert mask(f"cannot reach {url}.") == "cannot reach ***."
    whole = url.replace("sqlite:///", f"sqlite+pysqlite:///{Path.cwd()}/").replace("sql:", "sql+psycopg:")
    assert mask(f"cannot reach {whole}.") == "cannot reach ***."
    assert mask("jobs.db, /jobs.db and db.example/shop") == "jobs.db, /jobs.db and db.example/shop"


@pytest.mark.parametrize(
    "piece", ["://a:", "://a:b", "password='", "password=)", "pwd", "mysql+", "password='\\", ":// pwd  "]
)
def test_it_takes_no_longer_than_the_text_is_long(piece):
    text = piece * (500_000 // len(piece)) + " @"
    began = time.process_time()
    Mask(URL)(text)
    assert time.process_time() - began < 5


def test_what_one_attempt_declares_is_no_secret_of_another():
    everybody = Mask(URL)
    mine, yours = everybody.of_attempt(), everybody.of_attempt()
    mine.declare(["swordfish", "red", ""])
    assert mine("red swordfish, open sesame") == "red ***, ***"
    assert (
        yours("red swordfish, open sesame") == everybody("red swordfish, open sesame") == "red swordfish, ***"
    )


def test_the_longest_secret_is_known_as_soon_as_it_is_declared():
    mask = Mask("")
    mask.declare(["x" * 5_000])
    assert mask.longest >= 5_000


def test_in_data_declared_values_and_what_stands_under_secret_names_are_hidden():
    mask = Mask(URL, ["*token"])
    mask.declare(["swordfish", "4711"])
    found = mask.data(
        {
            "a": ["the swordfish", 47110, 0.4711, 4712, True, None],
            "swordfish": 1,
            "Token": {"deep": []},
            "url": "ftp://e:f@g",
        }
    )
    assert found == {
        "a": ["the ***", "***", "***", 4712, True, None],
        "***": 1,
        "Token": "***",
        "url": "ftp://e:f@g",
    }


def test_without_declared_values_and_names_data_need_not_be_looked_at():
    assert not Mask(URL).sees_data
    assert Mask(URL, ["token"]).sees_data
